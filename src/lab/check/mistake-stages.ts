// What a receiver and a relay must both do when a client makes a mistake.

import type { Attempt } from './attempt.ts';
import { frame } from './frames.ts';
import { bodyOf, greeted, maxOf, ready, type ServerRole, started } from './server-stages.ts';
import type { Stage } from './stage.ts';

const ENDS = 'After its ERROR the server closes the connection with FIN.';

/** The stages about mistakes. */
export function mistakeStages(kind: ServerRole) {
  const { role } = kind;
  const refuses = async (
    attempt: Attempt,
    bytes: string | Buffer,
    code: string,
    why: string,
  ): Promise<void> => {
    const wire = await greeted(attempt, role);
    wire.send(bytes);
    await wire.expect(`ERROR code=${code}`, why);
    await wire.expectEnd(ENDS);
    wire.close();
  };

  return {
    first: {
      name: 'FIRST',
      does: 'takes nothing but PING and BYE before HELLO',
      points: 1,
      section: 'SEND',
      async run(attempt) {
        await attempt.start();
        const wire = await ready(attempt, role);
        wire.send('PING\n');
        await wire.expect('PONG', 'PING is served before HELLO, too.');
        wire.send(frame(kind.send('f1'), 'early'));
        await wire.expect('ERROR code=no_hello', 'The sender must say who it is before it sends.');
        await wire.expectEnd(ENDS);
        wire.close();
        const newer = await ready(attempt, role, 'newer');
        newer.send('HELLO version=2 as=alice\n');
        await newer.expect(
          'ERROR code=version',
          'A higher version may mean anything, so it cannot be served.',
        );
      },
    },
    large: {
      name: 'LARGE',
      does: 'refuses what is too large, by the header alone, and stays usable',
      points: 2,
      section: 'SEND',
      async run(attempt) {
        const wire = await started(attempt, role);
        const max = maxOf(wire);
        // A server that allows more would have to be sent more: then only the second part is tried.
        if (max <= 16 * 1024 * 1024) {
          wire.send(frame(kind.send('l1'), Buffer.alloc(max + 1, 'x')));
          await wire.expect(
            'REFUSED id=l1 code=too_large',
            `READY said max=${max}. A larger body is counted and discarded.`,
          );
          const body = bodyOf(attempt);
          wire.send(frame(kind.send('l2'), body));
          await wire.expect(
            kind.answer('l2'),
            'After a REFUSED the connection stays open, for the next message.',
          );
          await kind.taken(attempt, [body]);
        }
        wire.close();
        await refuses(
          attempt,
          `${kind.send('l3')} size=999999999999999\n`,
          'too_large',
          'Above 16 times max even discarding is too much. No body was sent: the header decides.',
        );
      },
    },
    malformed: {
      name: 'MALFORMED',
      does: 'answers bytes that are not a frame with ERROR code=malformed, and closes',
      points: 2,
      section: 'The grammar',
      async run(attempt) {
        await attempt.start();
        const cases: readonly (readonly [bytes: string, why: string])[] = [
          [
            `${kind.send('m1')} size=4\nhello\n`,
            'After the body comes a line end. Anything else means that the two have lost count.',
          ],
          [`${kind.send('m1')}  size=2\nhi\n`, 'Fields are separated by exactly one space.'],
          [`${kind.send('m1')}\tsize=2\nhi\n`, 'A tab is not allowed in a header line.'],
          ['ping\n', 'A verb is written in capital letters.'],
          ['PING \n', 'A space at the end of the line is malformed.'],
          [`${kind.send('m1')} id=m2 size=2\nhi\n`, 'A key may not appear twice.'],
          [`PING x=${'y'.repeat(1100)}\n`, 'A header line has at most 1024 bytes.'],
        ];
        for (const [bytes, why] of cases) await refuses(attempt, bytes, 'malformed', why);
      },
    },
    verbs: {
      name: 'VERBS',
      does: 'tells verbs that it does not know from verbs that are not for it',
      points: 1,
      section: 'The verbs',
      async run(attempt) {
        await attempt.start();
        await refuses(attempt, 'SHOUT id=1\n', 'unknown_verb', 'SHOUT is not in the table of verbs.');
        await refuses(
          attempt,
          kind.foreign,
          'wrong_verb',
          `This verb is in the table, but a ${role} does not serve it.`,
        );
        await refuses(attempt, 'HELLO version=1 as=alice\n', 'wrong_verb', 'HELLO comes once.');
      },
    },
    values: {
      name: 'VALUES',
      does: 'answers a missing key or a wrong value with bad_value',
      points: 1,
      section: 'The verbs',
      async run(attempt) {
        await attempt.start();
        for (const hello of ['HELLO version=1\n', 'HELLO version=1 as=Alice!\n']) {
          const wire = await ready(attempt, role);
          wire.send(hello);
          await wire.expect('ERROR code=bad_value', 'as= must be there, and be a NAME.');
          wire.close();
        }
        await refuses(
          attempt,
          'SEND to=bob size=2\nhi\n',
          'bad_value',
          'Without an id no REFUSED can name the message, so it is an ERROR.',
        );
        const wire = await greeted(attempt, role);
        wire.send(`${kind.send('v1')}\n`);
        await wire.expect(
          'REFUSED id=v1 code=bad_value',
          'SEND needs size=. The id is good, so it is REFUSED and the connection stays open.',
        );
      },
    },
    error: {
      name: 'ERROR',
      does: 'closes after ERROR without a reset, whatever is still unread',
      points: 2,
      section: 'Closing',
      async run(attempt) {
        const wire = await started(attempt, role);
        const why =
          'Closing a socket with unread bytes sends RST, and that can destroy the last frame: read on until the FIN.';
        wire.send('this is no frame\n');
        for (let count = 0; count < 20; count += 1) wire.send(Buffer.alloc(10_000, 'x'));
        await wire.expect('ERROR code=malformed', why);
        await wire.expectEnd(why);
        // An RST right after the FIN shows only when the check writes once more.
        await attempt.pass(50);
        if (await wire.isReset()) throw wire.failed('ERROR, then FIN and no RST', why);
        wire.finish();
      },
    },
  } satisfies Record<string, Stage>;
}
