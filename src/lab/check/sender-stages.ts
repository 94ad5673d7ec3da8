// What a sender must do, a synchronous one and a depositor: wait for READY, send each message, and say of each what it knows for certain.

import { cut, frame } from './frames.ts';
import { Failed } from './outcome.ts';
import { lateReady, mustSay } from './played-server.ts';
import { answerTo, mustConclude, onSend, SENDS, type SendingRole, SHORT_S, sending } from './sending.ts';
import type { Stage } from './stage.ts';
import { verdictStages } from './verdict-stages.ts';

/** How long a sender is frozen that has a second: until its deadline is certainly over. */
const OVER_MS = 1500;

/** The stages that both kinds of senders have, in teaching order. @param own those that only this kind has, before the last two */
export function senderStages(kind: SendingRole, own: readonly Stage[] = []): readonly Stage[] {
  const calls: Stage = {
    name: 'HELLO',
    does: 'connects and says HELLO with its name',
    points: 1,
    section: 'HELLO',
    async run(attempt) {
      const played = await sending(attempt, kind, [attempt.word()]);
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
      const greet = lateReady(attempt, kind.ready, early);
      const played = await sending(attempt, kind, [attempt.word()], { greet });
      await mustSay(attempt, played, kind.send, SENDS);
      if (early.length > 0)
        throw new Failed({
          sent: 'READY, 400 ms after the connection',
          expected: 'HELLO at most before READY',
          came: early.join(', '),
          why: 'A kernel accepts connections for a frozen program, too. Only READY shows that a program is there.',
        });
      await mustConclude(
        attempt,
        [kind.good],
        `READY late, then ${kind.verb}`,
        'READY came in time, and the message was answered.',
      );
    },
  };

  const message: Stage = {
    name: 'MESSAGE',
    does: `sends a line as one message, and says ${kind.good}`,
    points: 3,
    section: 'SEND',
    async run(attempt) {
      const line = `${attempt.word()} hello bob`;
      const played = await sending(attempt, kind, [line]);
      const { body } = await mustSay(attempt, played, kind.send, SENDS);
      if (body?.toString() !== line)
        throw new Failed({
          sent: `the line "${line}" on stdin`,
          expected: `a body of ${line.length} bytes`,
          came: `${body?.length} bytes: ${cut(body ?? Buffer.alloc(0), 60)}`,
          why: 'The body is the line without its line end.',
        });
      await mustConclude(attempt, [kind.good], kind.verb, kind.means);
    },
  };

  const bytes: Stage = {
    name: 'BYTES',
    does: 'counts the bytes of a body, and not its characters',
    points: 1,
    section: 'The grammar',
    async run(attempt) {
      const line = `${attempt.word()} grüße, 世界 👍`;
      const played = await sending(attempt, kind, [line]);
      const { body } = await mustSay(
        attempt,
        played,
        kind.send,
        'size= counts bytes: a letter with an umlaut has two in UTF-8.',
      );
      if (body?.toString() !== line)
        throw new Failed({
          sent: `the line "${line}" on stdin`,
          expected: `a body of ${Buffer.byteLength(line)} bytes`,
          came: `${body?.length} bytes`,
          why: 'size= counts bytes: a letter with an umlaut has two in UTF-8.',
        });
      await mustConclude(attempt, [kind.good], kind.verb, 'The message was answered.');
    },
  };

  const three: Stage = {
    name: 'THREE',
    does: 'sends three lines in order, each under an id of its own',
    points: 2,
    section: 'Sending',
    async run(attempt) {
      const lines = [attempt.word(), attempt.word(), attempt.word()];
      let answered = 0;
      let most = 0;
      const played = await sending(attempt, kind, lines, {
        take: onSend(async (found, wire) => {
          // What else comes while this one is not answered?
          await attempt.pass(100);
          most = Math.max(most, wire.frames.filter(({ verb }) => verb === 'SEND').length - answered);
          answered += 1;
          wire.send(answerTo(kind, found, wire));
        }),
      });
      await mustConclude(
        attempt,
        [kind.good, kind.good, kind.good],
        `${kind.verb} for each of three lines`,
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
      if (played.wires.length === 1 && most > kind.window)
        throw new Failed({
          sent: kind.ready.trim(),
          expected: `${kind.window} unanswered at most`,
          came: `${most} SENDs before the first answer`,
          why: `READY says window=${kind.window}${kind.window === 1 ? ': stop and wait' : ''}.`,
        });
    },
  };

  const pieces: Stage = {
    name: 'PIECES',
    does: 'reads an answer that comes byte by byte',
    points: 2,
    section: 'The grammar',
    async run(attempt) {
      await sending(attempt, kind, [attempt.word()], {
        greet: (wire) => wire.drip(Buffer.from(kind.ready), 1),
        take: onSend((found, wire) => wire.drip(Buffer.from(answerTo(kind, found, wire)), 1)),
      });
      await mustConclude(
        attempt,
        [kind.good],
        `READY and ${kind.verb}, byte by byte`,
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
      const played = await sending(attempt, kind, [attempt.word()], {
        ready: `${kind.ready}PING\n`,
        take: onSend((found, wire) => wire.send(`PING\n${answerTo(kind, found, wire)}`)),
      });
      await mustConclude(
        attempt,
        [kind.good],
        `PING and ${kind.verb} in one write`,
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
    does: `accepts unknown keys, \\r\\n, and a body in ${kind.verb}`,
    points: 1,
    section: 'The grammar',
    async run(attempt) {
      await sending(attempt, kind, [attempt.word()], {
        ready: kind.ready.replace(' ', ' colour=blue ').replace('\n', '\r\n'),
        take: onSend((found, wire) =>
          wire.send(`${answerTo(kind, found, wire).trimEnd()} mood=good size=9\r\nthanks\r\n!\r\n`),
        ),
      });
      await mustConclude(
        attempt,
        [kind.good],
        `${kind.verb} with an unknown key, and a body`,
        'Unknown keys are ignored, \\r\\n is a line end, and a body is read also where there is no use for it.',
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
      await sending(attempt, kind, [attempt.word(), attempt.word()], {
        take: onSend((found, wire) => {
          count += 1;
          if (count === 1) wire.send(frame(`REFUSED id=${found.fields.get('id')} code=wrong_name`, 'no'));
          else wire.send(answerTo(kind, found, wire));
        }),
      });
      await mustConclude(
        attempt,
        ['NOT DELIVERED', kind.good],
        `REFUSED for the first message, ${kind.verb} for the second`,
        'A verdict belongs to one message. REFUSED leaves the connection open.',
      );
    },
  };

  const frozen: Stage = {
    name: 'FROZEN',
    does: 'tells the truth after a freeze beyond its deadline',
    points: 2,
    section: 'What a sender may conclude',
    async run(attempt) {
      const played = await sending(attempt, kind, [attempt.word()], { take: undefined }, SHORT_S);
      const found = await mustSay(attempt, played, kind.send, SENDS);
      await attempt.frozen(async () => {
        for (const wire of played.wires) wire.send(answerTo(kind, found, wire));
        await attempt.pass(OVER_MS * attempt.patience);
      });
      await mustConclude(
        attempt,
        [[kind.good, 'UNKNOWN']],
        `${kind.verb}, while it was frozen for ${(OVER_MS * attempt.patience) / 1000} s`,
        'The answer lies in its kernel, and its deadline is over: it may read the one or notice the other, but the message was taken.',
      );
    },
  };

  const stages = [
    calls,
    message,
    waits,
    bytes,
    three,
    pieces,
    joined,
    extra,
    ...verdictStages(kind),
    ...own,
    frozen,
    worst,
  ];
  return stages.map((stage) => ({ ...stage, hasDeadline: true }));
}

/** The stages for a synchronous sender. */
export const SENDER_STAGES: readonly Stage[] = senderStages({
  role: 'sender',
  ready: 'READY version=1 role=receiver as=bob max=1048576 window=1\n',
  foreign: 'READY version=1 role=relay as=relay max=1048576 window=256 store=s1\n',
  window: 1,
  send: 'SEND id=* size=*',
  verb: 'RECEIVED',
  answer: (id) => `RECEIVED id=${id}\n`,
  good: 'DELIVERED',
  means: 'RECEIVED with the id of the message: the receiver has shown it.',
  repeats: false,
});
