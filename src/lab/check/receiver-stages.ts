// What a synchronous receiver must do: show each message, and only then answer.

import type { Attempt } from './attempt.ts';
import { frame } from './frames.ts';
import { mistakeStages } from './mistake-stages.ts';
import { Failed, Undecided } from './outcome.ts';
import { blockOutput, LARGER_THAN_BUFFERS, largeBody, mustShow, shownText } from './output.ts';
import {
  bodyOf,
  type greeted,
  maxOf,
  ready,
  type ServerRole,
  serverStages,
  started,
} from './server-stages.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** How often the receiver is killed in one stage. */
const KILLS = 6;
/** How long it is frozen: longer than three heartbeats of a second, after which a connection could be given up. */
const FREEZE_MS = 3300;

/** The words of letters and digits in a body that `bodyOf` and the stages made: 16 characters or more. */
const wordsOf = (body: Buffer): string[] =>
  [...body.toString('latin1').matchAll(/[a-z0-9]{16}/g)].map(([word]) => word);

const SHOW = 'Every message must come out on stdout, as soon as it is there.';

const KIND: ServerRole = {
  role: 'receiver',
  send: (id) => `SEND id=${id}`,
  answer: (id) => `RECEIVED id=${id}`,
  taken: (attempt, bodies) => mustShow(attempt, bodies.flatMap(wordsOf), SHOW),
  foreign: 'RECEIVE window=1\n',
};
const server = serverStages(KIND);
const mistakes = mistakeStages(KIND);

const message: Stage = {
  name: 'MESSAGE',
  does: 'shows one message, and answers it',
  points: 3,
  section: 'RECEIVED',
  async run(attempt) {
    const wire = await started(attempt, 'receiver');
    const word = attempt.word();
    wire.send(frame('SEND id=k3f9-1', word));
    await wire.expect('RECEIVED id=k3f9-1', 'RECEIVED names the message by its id.');
    if ((await attempt.until(() => attempt.program.shown.includes(word))) === true) return;
    // Does it come out when more comes after it?
    wire.send(frame('SEND id=k3f9-2', 'x'.repeat(100_000)));
    const late = await attempt.until(() => attempt.program.shown.includes(word));
    throw new Failed({
      sent: `SEND id=k3f9-1 with the body ${word}`,
      expected: `${word} on its stdout`,
      came:
        late === true
          ? `RECEIVED; ${word} came only after another 100,000 bytes`
          : 'RECEIVED, and nothing on stdout',
      why:
        late === true
          ? 'Your program buffers its output: flush it after each message (in Python: print(…, flush=True)), before it answers.'
          : 'RECEIVED says that the message has been shown.',
    });
  },
};

const name: Stage = {
  name: 'NAME',
  does: 'refuses a message that is for somebody else',
  points: 1,
  section: 'SEND',
  async run(attempt) {
    const wire = await started(attempt, 'receiver');
    const [one, two] = [bodyOf(attempt), bodyOf(attempt)];
    wire.send(frame('SEND id=n1 to=dora', one));
    await wire.expect('REFUSED id=n1 code=wrong_name', `This is ${attempt.as}, not dora.`);
    wire.send(frame(`SEND id=n2 to=${attempt.as}`, two));
    await wire.expect('RECEIVED id=n2', 'to= is the name of the receiver, so it takes the message.');
    await mustShow(attempt, wordsOf(two), SHOW);
    if (attempt.program.shown.includes(one.toString()))
      throw new Failed({
        expected: 'nothing of the refused message',
        came: shownText(attempt),
        why: 'REFUSED says that it was not taken.',
      });
  },
};

const unsupported: Stage = {
  name: 'RELAYS',
  does: 'refuses what only a relay can do: ttl= and notify=',
  points: 1,
  section: 'SEND',
  async run(attempt) {
    const wire = await started(attempt, 'receiver');
    const why = 'A receiver keeps nothing, so it can neither wait nor tell later.';
    wire.send(frame('SEND id=t1 ttl=60', 'hello'));
    await wire.expect('REFUSED id=t1 code=unsupported', why);
    wire.send(frame('SEND id=t2 notify=alice', 'hello'));
    await wire.expect('REFUSED id=t2 code=unsupported', why);
  },
};

const frozen: Stage = {
  name: 'FROZEN',
  does: 'shows and answers what came while it was frozen',
  points: 2,
  section: 'Heartbeats',
  async run(attempt) {
    await attempt.start();
    const wire = await ready(attempt, 'receiver', 'alice');
    wire.send('HELLO version=1 as=alice heartbeat=1\n');
    const [one, two, three] = [bodyOf(attempt), bodyOf(attempt), bodyOf(attempt)];
    wire.send(frame('SEND id=z1', one));
    await wire.expect('RECEIVED id=z1', 'It is not frozen yet.');
    let carol: Wire | undefined;
    await attempt.frozen(async () => {
      wire.send(frame('SEND id=z2', two));
      carol = await attempt.connect('carol');
      await attempt.pass(FREEZE_MS);
    });
    const why =
      'Its kernel took this while it was frozen. A program that was frozen reads what has arrived before it gives anybody up.';
    await wire.expect('RECEIVED id=z2', why);
    await carol?.expect(`READY version=1 role=receiver as=${attempt.as}`, why);
    wire.send(frame('SEND id=z3', three));
    await wire.expect('RECEIVED id=z3', 'A freeze ends nothing: it goes on as before.');
    await mustShow(attempt, [one, two, three].flatMap(wordsOf), SHOW);
    if (attempt.program.shown.split(two.toString()).length > 2)
      throw new Failed({
        expected: 'each message once',
        came: shownText(attempt),
        why: 'The message came once, so it is shown once.',
      });
  },
};

const restart: Stage = {
  name: 'RESTART',
  does: 'listens on the same port again at once after a kill',
  points: 1,
  section: 'Closing',
  async run(attempt) {
    const before = await started(attempt, 'receiver');
    before.send('PING\n');
    await before.expect('PONG', 'PING is answered immediately.');
    await attempt.kill();
    if (!(await attempt.until(() => before.end)))
      throw new Undecided('The connection to the killed program did not end.');
    before.finish();
    const wire = await started(attempt, 'receiver');
    const body = bodyOf(attempt);
    wire.send(frame('SEND id=r1', body));
    await wire.expect(
      'RECEIVED id=r1',
      'The new process serves like the old one. A server sets SO_REUSEADDR, because the old port is in TIME_WAIT.',
    );
    await mustShow(attempt, wordsOf(body), SHOW);
  },
};

const shown: Stage = {
  name: 'SHOWN',
  does: 'answers only after it has shown the message',
  points: 3,
  section: 'RECEIVED',
  async run(attempt) {
    const wire = await started(attempt, 'receiver');
    if (maxOf(wire) <= LARGER_THAN_BUFFERS + 16)
      throw new Undecided(
        `READY says max=${maxOf(wire)}, but this stage needs a body of ${LARGER_THAN_BUFFERS} bytes.`,
      );
    await mustBlock(attempt, wire, () => wire.next(500));
  },
};

async function mustBlock(
  attempt: Attempt,
  wire: Awaited<ReturnType<typeof greeted>>,
  early: () => Promise<unknown>,
): Promise<void> {
  const { body, word } = largeBody(attempt);
  blockOutput(attempt);
  wire.send(frame('SEND id=g1', body));
  const answer = await early();
  const came = wire.came;
  attempt.program.resume();
  if (answer !== undefined)
    throw new Failed({
      sent: `SEND id=g1 with ${body.length} bytes, while nobody read the program's stdout`,
      expected: 'no answer until somebody reads it',
      came,
      why: 'It answered before it had shown the message. Killed in between, it would have lost a message that the sender believes DELIVERED.',
    });
  await wire.expect(
    'RECEIVED id=g1',
    'Its stdout is read again, so it can show the message, and then answer.',
  );
  await mustShow(attempt, [word], SHOW);
}

const killed: Stage = {
  name: 'KILLED',
  does: `has shown what it answered, also when it is killed (${KILLS} kills)`,
  points: 3,
  section: 'What a sender may conclude',
  async run(attempt) {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const wire = await started(attempt, 'receiver');
      const { program } = attempt;
      const words = new Map<string, string>();
      const last = 1 + attempt.below(8);
      for (let count = 1; count <= last; count += 1) {
        const [id, word] = [`k${kill}-${count}`, attempt.word()];
        words.set(id, word);
        wire.send(frame(`SEND id=${id}`, word));
        if (count < last)
          await wire.expect(`RECEIVED id=${id}`, 'Each message is answered before the next is sent.');
      }
      await attempt.pass(attempt.random() * 3);
      await attempt.kill();
      await attempt.until(() => wire.end);
      const answered = wire.frames.flatMap(({ verb, fields }) =>
        verb === 'RECEIVED' ? [fields.get('id') ?? ''] : [],
      );
      const lost = answered.filter((id) => !program.shown.includes(words.get(id) ?? ' '));
      if (lost.length > 0)
        throw new Failed({
          sent: `${words.size} messages, and a kill while the last was open`,
          expected: 'every message that was answered on its stdout',
          came: `RECEIVED for ${lost.join(', ')}, which were never shown`,
          why: 'The sender says DELIVERED, and the message is gone. Show it and flush, then answer.',
        });
    }
  },
};

/** The stages for a receiver, in teaching order. */
export const RECEIVER_STAGES: readonly Stage[] = [
  server.ready,
  server.hello,
  message,
  server.empty,
  server.bytes,
  server.split,
  server.joined,
  server.crlf,
  server.extra,
  mistakes.first,
  name,
  unsupported,
  mistakes.large,
  mistakes.malformed,
  mistakes.verbs,
  mistakes.values,
  server.ping,
  server.two,
  server.slow,
  server.half,
  server.bye,
  mistakes.error,
  frozen,
  restart,
  killed,
  shown,
];
