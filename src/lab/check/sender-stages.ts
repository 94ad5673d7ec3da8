// What a synchronous sender must do: wait for READY, send each message once, and say of each what it knows for certain.

import { cut, frame } from './frames.ts';
import { Failed } from './outcome.ts';
import { lateReady, mustSay } from './played-server.ts';
import type { Stage } from './stage.ts';
import {
  answer,
  mustConclude,
  onSend,
  READY,
  SENDS,
  SHORT_S,
  sending,
  VERDICT_STAGES,
} from './verdict-stages.ts';

/** How long a sender is frozen that has a second: until its deadline is certainly over. */
const OVER_MS = 1500;

const calls: Stage = {
  name: 'HELLO',
  does: 'connects and says HELLO with its name',
  points: 1,
  section: 'HELLO',
  async run(attempt) {
    const played = await sending(attempt, [attempt.word()], { ready: READY, take: onSend(answer) });
    await mustSay(
      attempt,
      played,
      `HELLO version=1 as=${attempt.as}`,
      'The client says who it is. It gets its name in DETOUR_AS or {as}.',
    );
  },
};

const waits: Stage = {
  name: 'WAITS',
  does: 'sends nothing but HELLO before READY has come',
  points: 2,
  section: 'READY',
  async run(attempt) {
    const early: string[] = [];
    const greet = lateReady(attempt, READY, early);
    const played = await sending(attempt, [attempt.word()], { greet, take: onSend(answer) });
    await mustSay(attempt, played, 'SEND id=* size=*', SENDS);
    if (early.length > 0)
      throw new Failed({
        sent: 'READY, 400 ms after the connection',
        expected: 'HELLO at most before READY',
        came: early.join(', '),
        why: 'A kernel accepts connections for a frozen program, too. Only READY shows that a program is there.',
      });
    await mustConclude(
      attempt,
      ['DELIVERED'],
      'READY late, then RECEIVED',
      'READY came in time, and the message was answered.',
    );
  },
};

const message: Stage = {
  name: 'MESSAGE',
  does: 'sends a line as one message, and says DELIVERED',
  points: 3,
  section: 'SEND',
  async run(attempt) {
    const line = `${attempt.word()} hello bob`;
    const played = await sending(attempt, [line], { ready: READY, take: onSend(answer) });
    const { body } = await mustSay(attempt, played, 'SEND id=* size=*', SENDS);
    if (body?.toString() !== line)
      throw new Failed({
        sent: `the line "${line}" on stdin`,
        expected: `a body of ${line.length} bytes`,
        came: `${body?.length} bytes: ${cut(body ?? Buffer.alloc(0), 60)}`,
        why: 'The body is the line without its line end.',
      });
    await mustConclude(
      attempt,
      ['DELIVERED'],
      'RECEIVED',
      'RECEIVED with the id of the message: the receiver has shown it.',
    );
  },
};

const bytes: Stage = {
  name: 'BYTES',
  does: 'counts the bytes of a body, and not its characters',
  points: 1,
  section: 'The grammar',
  async run(attempt) {
    const line = `${attempt.word()} grüße, 世界 👍`;
    const played = await sending(attempt, [line], { ready: READY, take: onSend(answer) });
    const { body } = await mustSay(
      attempt,
      played,
      'SEND id=* size=*',
      'size= counts bytes: ü has two in UTF-8.',
    );
    if (body?.toString() !== line)
      throw new Failed({
        sent: `the line "${line}" on stdin`,
        expected: `a body of ${Buffer.byteLength(line)} bytes`,
        came: `${body?.length} bytes`,
        why: 'size= counts bytes: ü has two in UTF-8.',
      });
    await mustConclude(attempt, ['DELIVERED'], 'RECEIVED', 'The message was answered.');
  },
};

const three: Stage = {
  name: 'THREE',
  does: 'sends three lines one after the other, each under an id of its own',
  points: 2,
  section: 'Sending',
  async run(attempt) {
    const lines = [attempt.word(), attempt.word(), attempt.word()];
    let answered = 0;
    let most = 0;
    const played = await sending(attempt, lines, {
      ready: READY,
      take: onSend(async (found, wire) => {
        // What else comes while this one is not answered?
        await attempt.pass(100);
        most = Math.max(most, wire.frames.filter(({ verb }) => verb === 'SEND').length - answered);
        answered += 1;
        answer(found, wire);
      }),
    });
    await mustConclude(
      attempt,
      ['DELIVERED', 'DELIVERED', 'DELIVERED'],
      'RECEIVED for each of three lines',
      'Each line is a message, and each message gets a verdict.',
    );
    const sends = played.frames.filter(({ verb }) => verb === 'SEND');
    const ids = new Set(sends.map(({ fields }) => fields.get('id')));
    if (sends.map(({ body }) => body?.toString()).join() !== lines.join() || ids.size < 3)
      throw new Failed({
        expected: 'three SENDs in the order of the lines, with three ids',
        came: sends.map(({ fields }) => `SEND id=${fields.get('id')}`).join(', '),
        why: 'An id is never used for another message.',
      });
    if (played.wires.length === 1 && most > 1)
      throw new Failed({
        sent: READY.trim(),
        expected: 'one SEND unanswered at most',
        came: `${most} SENDs before the first answer`,
        why: 'READY says window=1: stop and wait.',
      });
  },
};

const pieces: Stage = {
  name: 'PIECES',
  does: 'reads an answer that comes byte by byte',
  points: 2,
  section: 'The grammar',
  async run(attempt) {
    await sending(attempt, [attempt.word()], {
      greet: (wire) => wire.drip(Buffer.from(READY), 3),
      take: onSend((found, wire) => wire.drip(Buffer.from(`RECEIVED id=${found.fields.get('id')}\n`), 3)),
    });
    await mustConclude(
      attempt,
      ['DELIVERED'],
      'READY and RECEIVED, byte by byte',
      'TCP is a stream of bytes: one frame may need many reads.',
    );
  },
};

const joined: Stage = {
  name: 'JOINED',
  does: 'answers PING, also if it comes in one segment with the answer',
  points: 2,
  section: 'PING',
  async run(attempt) {
    const played = await sending(attempt, [attempt.word()], {
      ready: `${READY}PING\n`,
      take: onSend((found, wire) => wire.send(`PING\nRECEIVED id=${found.fields.get('id')}\n`)),
    });
    await mustConclude(
      attempt,
      ['DELIVERED'],
      'PING and RECEIVED in one write',
      'One read may bring several frames.',
    );
    const pongs = played.frames.filter(({ verb }) => verb === 'PONG').length;
    if (pongs < 2)
      throw new Failed({
        sent: 'two PINGs',
        expected: 'two PONGs',
        came: `${pongs} PONGs`,
        why: 'Either side may ask whether the other program is alive.',
      });
  },
};

const extra: Stage = {
  name: 'EXTRA',
  does: 'accepts unknown keys, \\r\\n, and a reply in RECEIVED',
  points: 1,
  section: 'The grammar',
  async run(attempt) {
    await sending(attempt, [attempt.word()], {
      ready: 'READY colour=blue window=1 max=1048576 as=bob role=receiver version=1\r\n',
      take: onSend((found, wire) =>
        wire.send(`RECEIVED mood=good id=${found.fields.get('id')} size=9\r\nthanks\r\n!\r\n`),
      ),
    });
    await mustConclude(
      attempt,
      ['DELIVERED'],
      'RECEIVED with an unknown key, and a body as a reply',
      'Unknown keys are ignored, \\r\\n is a line end, and RECEIVED may have a body.',
    );
  },
};

const worst: Stage = {
  name: 'WORST',
  does: 'gives each message its own verdict, and exits with the worst',
  points: 2,
  section: 'What a sender may conclude',
  async run(attempt) {
    let count = 0;
    await sending(attempt, [attempt.word(), attempt.word()], {
      ready: READY,
      take: onSend((found, wire) => {
        count += 1;
        if (count === 1) wire.send(frame(`REFUSED id=${found.fields.get('id')} code=wrong_name`, 'no'));
        else answer(found, wire);
      }),
    });
    await mustConclude(
      attempt,
      ['NOT DELIVERED', 'DELIVERED'],
      'REFUSED for the first message, RECEIVED for the second',
      'A verdict belongs to one message. REFUSED leaves the connection open.',
    );
  },
};

const frozen: Stage = {
  name: 'FROZEN',
  does: 'tells the truth, also after a freeze beyond its deadline',
  points: 2,
  section: 'What a sender may conclude',
  async run(attempt) {
    const played = await sending(attempt, [attempt.word()], { ready: READY }, SHORT_S);
    const found = await mustSay(attempt, played, 'SEND id=* size=*', SENDS);
    await attempt.frozen(async () => {
      for (const wire of played.wires) answer(found, wire);
      await attempt.pass(OVER_MS);
    });
    await mustConclude(
      attempt,
      [['DELIVERED', 'UNKNOWN']],
      `RECEIVED, while it was frozen for ${OVER_MS / 1000} s`,
      'The answer lies in its kernel, and its deadline is over: it may read the one or notice the other, but the message was shown.',
    );
  },
};

/** The stages for a synchronous sender, in teaching order. */
export const SENDER_STAGES: readonly Stage[] = [
  calls,
  message,
  waits,
  bytes,
  three,
  pieces,
  joined,
  extra,
  ...VERDICT_STAGES,
  frozen,
  worst,
];
