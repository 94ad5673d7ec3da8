// What a receiver and a relay must both do: they are servers, and understand the same frames.

import type { Attempt } from './attempt.ts';
import { frame } from './frames.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** How the two kinds of servers differ in these stages. */
export interface ServerRole {
  readonly role: 'receiver' | 'relay';
  /** The header of a SEND, without `size=`. */
  send(id: string): string;
  /** What answers it. */
  answer(id: string): string;
  /** Were these bodies taken as they are, in this order? @throws Failed if not */
  taken(attempt: Attempt, bodies: readonly Buffer[]): Promise<void>;
  /** A verb that is served by the other kind alone. */
  readonly foreign: string;
}

const GRAMMAR = 'The grammar';

/** How long HELLO is ahead of what follows it, so that they come in two reads. */
const APART_MS = 20;

/** Connects as soon as the program listens, and takes READY. @throws Failed if READY is not as it must be */
export async function ready(attempt: Attempt, role: string, name?: string): Promise<Wire> {
  const wire = await attempt.connect(name);
  await wire.expect(
    `READY version=1 role=${role} as=${attempt.as} max=* window=*`,
    'A server greets as soon as it accepts: READY shows that a program is there, and not only a kernel.',
  );
  return wire;
}

/** Connects, takes READY and says HELLO. @param as who the check is */
export async function greeted(attempt: Attempt, role: string, as = 'alice'): Promise<Wire> {
  const wire = await ready(attempt, role, as);
  wire.send(`HELLO version=1 as=${as}\n`);
  // A program that takes one read for one frame must fail in the stages about that, and not in all of them.
  await attempt.pass(APART_MS);
  return wire;
}

/** Starts the program, connects, takes READY and says HELLO as alice: how most stages of a server begin. */
export async function started(attempt: Attempt, role: string): Promise<Wire> {
  await attempt.start();
  return greeted(attempt, role);
}

/** What READY says of the largest body. */
export const maxOf = (wire: Wire): number => Number(wire.frames[0]?.fields.get('max') ?? 0);

/** A body with a random word in it. */
export const bodyOf = (attempt: Attempt): Buffer => Buffer.from(attempt.word());

/** The stages about greeting, frames and several connections. */
export function serverStages(kind: ServerRole) {
  const { role } = kind;
  // Sends one message, in one write or in a way of its own, and waits for its answer.
  const sendOne = async (
    wire: Wire,
    id: string,
    body: Buffer,
    why: string,
    way: (bytes: Buffer) => Promise<void> | void = (bytes) => wire.send(bytes),
  ): Promise<void> => {
    await way(frame(kind.send(id), body));
    await wire.expect(kind.answer(id), why);
  };

  return {
    ready: {
      name: 'READY',
      does: 'greets by itself',
      points: 1,
      section: 'READY',
      async run(attempt) {
        await attempt.start();
        const wire = await ready(attempt, role);
        const first = wire.frames[0];
        const isNumber = (key: string): boolean => /^[1-9][0-9]{0,14}$/.test(first?.fields.get(key) ?? '');
        if (first === undefined || first.body !== undefined || !isNumber('max') || !isNumber('window'))
          throw wire.failed('READY … max=BYTES window=N, without a body', 'max= and window= are numbers.');
        if (role === 'relay' && !/^[\w.:-]{1,64}$/.test(first.fields.get('store') ?? ''))
          throw wire.failed(
            'READY … store=TOKEN',
            'Numbers can only be compared within one store, so a relay names it.',
          );
      },
    },
    hello: {
      name: 'HELLO',
      does: 'gives no answer to HELLO, and an answer to PING',
      points: 1,
      section: 'HELLO',
      async run(attempt) {
        const wire = await started(attempt, role);
        wire.send('PING\n');
        await wire.expect('PONG', 'HELLO gets no answer. PING is answered immediately.');
      },
    },
    empty: {
      name: 'EMPTY',
      does: 'takes a message of no bytes',
      points: 1,
      section: GRAMMAR,
      async run(attempt) {
        const wire = await started(attempt, role);
        const after = bodyOf(attempt);
        await sendOne(wire, 'e1', Buffer.alloc(0), 'size=0 is a body, too, with a line end after it.');
        await sendOne(wire, 'e2', after, 'The message after an empty one counts like any other.');
        await kind.taken(attempt, role === 'relay' ? [Buffer.alloc(0), after] : [after]);
      },
    },
    bytes: {
      name: 'BYTES',
      does: 'takes any bytes as a body: line ends, zeros, bytes that are not text',
      points: 2,
      section: GRAMMAR,
      async run(attempt) {
        const wire = await started(attempt, role);
        const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
        const bodies = [
          `${attempt.word()}\n`,
          `\nSEND id=9 size=1\nx\n${attempt.word()}`,
          `${attempt.word()}\r`,
          Buffer.concat([bodyOf(attempt), Buffer.from('\n'), all, bodyOf(attempt)]),
          `${attempt.word()} grüße, 世界 👍`,
        ].map((body) => Buffer.from(body));
        for (const [index, body] of bodies.entries())
          await sendOne(
            wire,
            `b${index}`,
            body,
            'size= alone says where the body ends, in bytes and not in characters.',
          );
        await kind.taken(attempt, bodies);
      },
    },
    split: {
      name: 'SPLIT',
      does: 'takes a frame that comes byte by byte as one frame',
      points: 3,
      section: GRAMMAR,
      async run(attempt) {
        const wire = await started(attempt, role);
        const why = 'TCP is a stream of bytes: one frame may need many reads.';
        const first = bodyOf(attempt);
        const bodies = [first];
        await sendOne(wire, 'x0', first, why, (bytes) => wire.drip(bytes, 2));
        const length = frame(kind.send('x10'), first).length;
        for (let at = 1; at < length; at += 1) {
          const body = bodyOf(attempt);
          bodies.push(body);
          const inTwo = async (bytes: Buffer): Promise<void> => {
            wire.send(bytes.subarray(0, at));
            await attempt.pass(2);
            wire.send(bytes.subarray(at));
          };
          await sendOne(wire, `x${at + 9}`, body, `${why} This one came in two parts.`, inTwo);
        }
        await kind.taken(attempt, bodies);
      },
    },
    joined: {
      name: 'JOINED',
      does: 'takes two frames in one segment as two messages',
      points: 3,
      section: GRAMMAR,
      async run(attempt) {
        await attempt.start();
        const wire = await ready(attempt, role);
        const [one, two, three] = [bodyOf(attempt), bodyOf(attempt), bodyOf(attempt)];
        const why = 'TCP is a stream of bytes: one read may bring several frames.';
        wire.send(Buffer.concat([frame('HELLO version=1 as=alice'), frame(kind.send('j1'), one)]));
        await wire.expect(kind.answer('j1'), why);
        wire.send(Buffer.concat([frame(kind.send('j2'), two), frame(kind.send('j3'), three)]));
        await wire.expectAll([kind.answer('j2'), kind.answer('j3')], why);
        await kind.taken(attempt, [one, two, three]);
      },
    },
    crlf: {
      name: 'CRLF',
      does: 'takes \\r\\n as a line end, also after a body',
      points: 1,
      section: GRAMMAR,
      async run(attempt) {
        await attempt.start();
        const wire = await ready(attempt, role);
        const [one, two] = [bodyOf(attempt), bodyOf(attempt)];
        const why = '\\r\\n is accepted as a line end, and like \\n it is not counted in size=.';
        wire.send(`HELLO version=1 as=alice\r\n${kind.send('c1')} size=${one.length}\r\n${one}\r\n`);
        await wire.expect(kind.answer('c1'), why);
        await sendOne(wire, 'c2', two, why);
        await kind.taken(attempt, [one, two]);
      },
    },
    extra: {
      name: 'EXTRA',
      does: 'ignores keys that it does not know, and takes keys in any order',
      points: 1,
      section: GRAMMAR,
      async run(attempt) {
        await attempt.start();
        const wire = await ready(attempt, role);
        const body = bodyOf(attempt);
        wire.send('HELLO mood=good as=alice version=1\n');
        wire.send(
          `SEND size=${body.length} colour=blue=green ${kind.send('u1').slice('SEND '.length)} zz=~!\n${body}\n`,
        );
        await wire.expect(
          kind.answer('u1'),
          'Keys may be added at any time: a program ignores those that it does not know.',
        );
        await kind.taken(attempt, [body]);
      },
    },
    ping: {
      name: 'PING',
      does: 'answers PING at any time, between messages too',
      points: 1,
      section: 'PING',
      async run(attempt) {
        const wire = await started(attempt, role);
        const bodies = [bodyOf(attempt), bodyOf(attempt)];
        for (const [index, body] of bodies.entries()) {
          wire.send(
            Buffer.concat([
              Buffer.from('PING\n'),
              frame(kind.send(`p${index}`), body),
              Buffer.from('PING\n'),
            ]),
          );
          await wire.expectAll(
            ['PONG', kind.answer(`p${index}`), 'PONG'],
            'Each PING gets a PONG, and each message its answer.',
          );
        }
        await kind.taken(attempt, bodies);
      },
    },
    two: {
      name: 'TWO',
      does: 'serves two senders at the same time',
      points: 2,
      section: 'Limits',
      async run(attempt) {
        const slow = await started(attempt, role);
        const [one, two] = [bodyOf(attempt), bodyOf(attempt)];
        const bytes = frame(kind.send('a1'), one);
        slow.send(bytes.subarray(0, bytes.length - 5));
        const quick = await greeted(attempt, role, 'carol');
        await sendOne(
          quick,
          'q1',
          two,
          'Another sender is in the middle of a frame: nobody else may have to wait for that.',
        );
        slow.send(bytes.subarray(bytes.length - 5));
        await slow.expect(kind.answer('a1'), 'The first sender has completed its frame.');
        await kind.taken(attempt, [two, one]);
      },
    },
    slow: {
      name: 'SLOW',
      does: 'has patience with somebody who types',
      points: 1,
      section: 'Limits',
      async run(attempt) {
        const wire = await started(attempt, role);
        const body = bodyOf(attempt);
        const bytes = frame(kind.send('s1'), body);
        for (let at = 0; at < bytes.length; at += 8) {
          wire.send(bytes.subarray(at, at + 8));
          await attempt.pass(150);
        }
        await wire.expect(kind.answer('s1'), 'A frame of up to 1,000 bytes has a minute.');
        await kind.taken(attempt, [body]);
      },
    },
    half: {
      name: 'HALF',
      does: 'answers what came before the FIN of a sender, then closes',
      points: 1,
      section: 'Closing',
      async run(attempt) {
        const wire = await started(attempt, role);
        const body = bodyOf(attempt);
        wire.send(frame(kind.send('h1'), body));
        wire.finish();
        await wire.expect(
          kind.answer('h1'),
          'FIN ends one direction only: the answer can still go the other way.',
        );
        await wire.expectEnd('The sender has said FIN and has its answer: nothing is left to do.');
        await kind.taken(attempt, [body]);
      },
    },
    bye: {
      name: 'BYE',
      does: 'answers what came before BYE, then says BYE and FIN',
      points: 1,
      section: 'Closing',
      async run(attempt) {
        const wire = await started(attempt, role);
        const body = bodyOf(attempt);
        wire.send(Buffer.concat([frame(kind.send('y1'), body), Buffer.from('BYE\n')]));
        await wire.expect(kind.answer('y1'), 'BYE comes after the answers to everything before it.');
        await wire.expect('BYE', 'A polite close is answered politely.');
        await wire.expectEnd('After BYE comes FIN.');
        await kind.taken(attempt, [body]);
      },
    },
  } satisfies Record<string, Stage>;
}
