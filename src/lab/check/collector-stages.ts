// What a collector must do: fetch its mail from a relay, show each message, and only then acknowledge it.

import { exitText } from './attempt.ts';
import { LOSS_STAGES } from './collector-loss.ts';
import { ASKS, asked, collecting, collectStage, joined, lettersOf, Mailbox, READY, SHOW } from './mailbox.ts';
import { Failed } from './outcome.ts';
import { lateReady, mustSay, play } from './played-server.ts';
import type { Stage } from './stage.ts';

const GRAMMAR = 'The grammar';

const hello: Stage = {
  name: 'HELLO',
  does: 'says HELLO with its name, and asks for its mail',
  points: 1,
  section: 'RECEIVE',
  async run(attempt) {
    const played = await play(attempt, new Mailbox([]).part());
    await attempt.start();
    await mustSay(
      attempt,
      played,
      `HELLO version=1 as=${attempt.as}`,
      'The client says who it is. It gets its name in DETOUR_AS or {as}.',
    );
    const { fields } = await mustSay(attempt, played, 'RECEIVE window=*', ASKS);
    if (!/^[1-9][0-9]{0,14}$/.test(fields.get('window') ?? ''))
      throw new Failed({
        expected: 'RECEIVE window=N',
        came: `RECEIVE window=${fields.get('window')}`,
        why: 'With a window of 0 no mail may be sent.',
      });
  },
};

const waits: Stage = {
  name: 'WAITS',
  does: 'asks for nothing before READY has come',
  points: 1,
  section: 'READY',
  async run(attempt) {
    const early: string[] = [];
    await asked(attempt, { greet: lateReady(attempt, READY, early) });
    if (early.length > 0)
      throw new Failed({
        sent: 'READY, 400 ms after the connection',
        expected: 'HELLO at most before READY',
        came: early.join(', '),
        why: 'Only READY shows that the program is there, and that it is a relay.',
      });
  },
};

const role: Stage = {
  name: 'ROLE',
  does: 'asks a server of another role for nothing',
  points: 1,
  section: 'READY',
  async run(attempt) {
    const played = await play(attempt, {
      ready: 'READY version=1 role=receiver as=bob max=1048576 window=1\n',
    });
    await attempt.start();
    const done = await attempt.until(
      () =>
        attempt.program.exit !== undefined ||
        played.wires.at(0)?.end !== undefined ||
        played.frames.some(({ verb }) => verb === 'RECEIVE'),
      15_000,
    );
    if (played.wires.length === 0) throw attempt.notConnected();
    if (!done || played.frames.some(({ verb }) => verb === 'RECEIVE'))
      throw new Failed({
        sent: 'READY role=receiver',
        expected: 'the connection is closed',
        came: done ? 'RECEIVE' : 'nothing',
        why: 'A receiver keeps no mail: a client that wants a relay closes the connection.',
      });
  },
};

const drain: Stage = {
  name: 'LEAVES',
  does: 'leaves with BYE and exit code 0 when it has asked for drain=yes and EMPTY has come',
  points: 1,
  section: 'EMPTY',
  async run(attempt) {
    const mailbox = new Mailbox([{ seq: 1, body: Buffer.from(attempt.word()) }]);
    mailbox.isEnding = true;
    const played = await collecting(attempt, mailbox, SHOW);
    // A collector that stays for more mail has nothing to leave for.
    if (!mailbox.drain) return;
    await mustSay(attempt, played, 'BYE', 'After EMPTY nothing is left: a polite client says BYE.');
    const exit = await attempt.until(() => attempt.program.exit);
    if (exit !== 0)
      throw new Failed({
        sent: 'EMPTY, and BYE for its BYE',
        expected: 'exit code 0',
        came: exit === undefined ? 'it still runs' : exitText(exit),
        why: 'Everything was collected.',
      });
  },
};

const replaced: Stage = {
  name: 'REPLACED',
  does: 'gives way when another collector has taken the mailbox',
  points: 1,
  section: 'RECEIVE',
  async run(attempt) {
    const played = await asked(attempt, {
      ready: READY,
      take: (found, wire) => {
        if (found.verb !== 'RECEIVE') return;
        wire.send('BYE code=replaced\n');
        wire.finish();
      },
    });
    await attempt.until(() => attempt.program.exit !== undefined || played.wires.length > 1);
    if (played.wires.length > 1)
      throw new Failed({
        sent: 'BYE code=replaced, and FIN',
        expected: 'no further connection',
        came: 'another connection',
        why: 'Two collectors that both come back would take the mailbox from each other for ever.',
      });
  },
};

/** The stages for a collector, in teaching order. */
export const COLLECTOR_STAGES: readonly Stage[] = [
  hello,
  {
    name: 'MESSAGE',
    does: 'shows a message, and acknowledges it',
    points: 3,
    section: 'ACK',
    async run(attempt) {
      await collecting(
        attempt,
        new Mailbox([{ seq: 1, body: Buffer.from(attempt.word()) }]),
        `${SHOW} If it is printed: is it flushed?`,
      );
    },
  },
  waits,
  collectStage(
    {
      name: 'EMPTY',
      does: 'takes a message of no bytes',
      points: 1,
      section: GRAMMAR,
      why: 'size=0 is a body, too.',
    },
    (attempt) => {
      return new Mailbox([
        { seq: 1, body: Buffer.alloc(0) },
        { seq: 2, body: Buffer.from(attempt.word()) },
      ]);
    },
  ),
  collectStage(
    {
      name: 'BYTES',
      does: 'takes any bytes as a body',
      points: 1,
      section: GRAMMAR,
      why: 'size= alone says where the body ends.',
    },
    (attempt) => {
      const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const bodies = [
        Buffer.from(`\nACK seq=9\n${attempt.word()}`),
        Buffer.concat([Buffer.from(attempt.word()), all]),
        Buffer.from(`${attempt.word()} grüße`),
      ];
      return new Mailbox(bodies.map((body, index) => ({ seq: index + 1, body })));
    },
  ),
  collectStage(
    {
      name: 'SPLIT',
      does: 'takes a message that comes byte by byte',
      points: 2,
      section: GRAMMAR,
      why: 'TCP is a stream of bytes: one frame may need many reads.',
    },
    (attempt) =>
      new Mailbox(
        lettersOf(attempt, 2).map((body, index) => ({ seq: index + 1, body })),
        (messages, wire) => wire.drip(Buffer.concat(messages), 2),
      ),
  ),
  collectStage(
    {
      name: 'ORDER',
      does: 'takes numbers with gaps, in order, as many at once as its window allows',
      points: 3,
      section: 'ACK',
      why: 'One read may bring several frames. Numbers rise, but have gaps.',
    },
    (attempt) =>
      new Mailbox(
        lettersOf(attempt, 12).map((body, index) => ({ seq: 5 + index * index * 90_000_001, body })),
        joined,
      ),
  ),
  collectStage(
    {
      name: 'EXTRA',
      does: 'takes unknown keys, and notices of the relay',
      points: 1,
      section: 'MESSAGE',
      why: 'Unknown keys are ignored. A receipt or bounce is mail like any other.',
    },
    (attempt) => {
      const [one, two, three] = lettersOf(attempt, 3);
      return new Mailbox([
        { seq: 1, body: one ?? Buffer.alloc(0), more: ' attempt=1 colour=blue' },
        { seq: 2, body: two ?? Buffer.alloc(0), more: ' attempt=1 kind=receipt' },
        { seq: 3, body: three ?? Buffer.alloc(0), more: ' attempt=1 kind=bounce tried=no' },
      ]);
    },
  ),
  {
    name: 'PING',
    does: 'answers PING while it waits for mail',
    points: 1,
    section: 'PING',
    async run(attempt) {
      const mailbox = new Mailbox([{ seq: 1, body: Buffer.from(attempt.word()) }], (messages, wire) =>
        wire.send(Buffer.concat([Buffer.from('PING\n'), ...messages])),
      );
      const played = await collecting(attempt, mailbox, SHOW);
      await mustSay(attempt, played, 'PONG', 'The relay asks whether the program is alive.');
    },
  },
  drain,
  role,
  replaced,
  ...LOSS_STAGES,
];
