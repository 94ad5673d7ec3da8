// The ladder of a message: which answer reaches which rung, which rungs are implied, and what is said about the others at the end.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event, VerdictName } from '../../src/core/event.ts';
import { Ladder, type ObservedConnection } from '../../src/exchange/ladder.ts';
import type { Message } from '../../src/wire/verbs.ts';
import { FakeClock } from '../fake-clock.ts';
import { seed } from '../seed.ts';

type Rung = Extract<Event, { event: 'rung' }>;

interface Observed extends ObservedConnection {
  over: boolean;
  unacknowledged: number | undefined;
}

const observed = (): Observed => ({ number: 7, over: false, unacknowledged: 5 });

function bench(route: 'sync' | 'async' = 'sync', waits = false) {
  const clock = new FakeClock();
  const events: Rung[] = [];
  const ladder = new Ladder({
    id: 'k-1',
    route,
    waits,
    clock,
    emit: (event) => {
      if (event.event === 'rung') events.push(event);
    },
  });
  const connection = observed();
  return {
    clock,
    ladder,
    connection,
    events,
    told: () => events.map(({ rung, state, by }) => `${rung} ${state}${by === undefined ? '' : ` ${by}`}`),
  };
}

const answer = (verb: 'RECEIVED' | 'STORED' | 'REFUSED'): Message<'RECEIVED' | 'STORED' | 'REFUSED'> => {
  if (verb === 'RECEIVED') return { verb, id: 'k-1' };
  if (verb === 'STORED') return { verb, id: 'k-1', seq: 1, present: 'no' };
  return { verb, id: 'k-1', code: 'busy', body: Buffer.from('no.') };
};

test('each rung by its own answer, with the time', () => {
  const { ladder, connection, clock, told, events } = bench();
  ladder.begin(connection);
  expect(told()).toEqual([]);
  clock.advance(1);
  ladder.handed(connection);
  expect(told()).toEqual(['handed reached kernel']);
  clock.advance(100);
  expect(told()).toHaveLength(1);
  connection.unacknowledged = 0;
  clock.advance(50);
  expect(told().slice(1)).toEqual(['acknowledged reached ack']);
  ladder.pong();
  ladder.answered(answer('RECEIVED'));
  ladder.end('DELIVERED');
  expect(told().slice(2)).toEqual(['read reached PONG', 'durable none', 'handled reached RECEIVED']);
  expect(events[0]).toEqual({
    event: 'rung',
    conn: 7,
    id: 'k-1',
    rung: 'handed',
    state: 'reached',
    by: 'kernel',
    ms: 1,
  });
  expect(clock.pending).toBe(0);
});

test('a frozen program: its kernel has the message, and nothing is known of the rest', () => {
  const { ladder, connection, told, clock } = bench();
  ladder.begin(connection);
  connection.unacknowledged = 0;
  ladder.handed(connection);
  clock.advance(4000);
  ladder.end('UNKNOWN');
  expect(told()).toEqual([
    'handed reached kernel',
    'acknowledged reached ack',
    'read unknown',
    'durable none',
    'handled unknown',
  ]);
});

test('bytes that the other kernel has not acknowledged at the verdict are counted', () => {
  const { ladder, connection, events } = bench();
  ladder.begin(connection);
  ladder.handed(connection);
  connection.unacknowledged = 917_504;
  ladder.end('UNKNOWN');
  expect(events[1]).toMatchObject({ rung: 'acknowledged', state: 'unknown', left: 917_504 });
});

test('the kernel is asked once more at the verdict', () => {
  const { ladder, connection, told } = bench();
  ladder.begin(connection);
  ladder.handed(connection);
  connection.unacknowledged = 0;
  ladder.end('UNKNOWN');
  expect(told()[1]).toBe('acknowledged reached ack');
});

test('what is not handed over yet cannot be acknowledged, although nothing is outstanding', () => {
  const { ladder, connection, told } = bench();
  connection.unacknowledged = 0;
  ladder.begin(connection);
  ladder.end('UNKNOWN');
  expect(told()).toEqual([
    'handed unknown',
    'acknowledged unknown',
    'read unknown',
    'durable none',
    'handled unknown',
  ]);
});

test('if the kernel cannot be asked, that is said immediately', () => {
  const { ladder, connection, told, clock } = bench();
  connection.unacknowledged = undefined;
  ladder.begin(connection);
  ladder.handed(connection);
  expect(told()).toEqual(['handed reached kernel', 'acknowledged unseen']);
  expect(clock.pending).toBe(0);
  ladder.pong();
  expect(told()[2]).toBe('read reached PONG');
});

test.each(['RECEIVED', 'STORED', 'REFUSED'] as const)(
  '%s without a PONG implies what is below it',
  (verb) => {
    const { ladder, connection, told } = bench(verb === 'STORED' ? 'async' : 'sync');
    ladder.begin(connection);
    connection.unacknowledged = 0;
    ladder.answered(answer(verb));
    expect(told().slice(0, 3)).toEqual([
      `handed reached ${verb}`,
      'acknowledged reached ack',
      `read reached ${verb}`,
    ]);
  },
);

test('the answer is here and only later bytes are outstanding: implied', () => {
  const { ladder, connection, told } = bench();
  ladder.begin(connection);
  ladder.handed(connection);
  ladder.pong();
  ladder.answered(answer('RECEIVED'));
  ladder.end('DELIVERED');
  expect(told().at(-1)).toBe('acknowledged reached PONG');
});

test.each(['RECEIVED', 'REFUSED'] as const)('implied by %s, if no PONG came', (verb) => {
  const { ladder, connection, told } = bench();
  ladder.begin(connection);
  ladder.handed(connection);
  ladder.answered(answer(verb));
  ladder.end(verb === 'RECEIVED' ? 'DELIVERED' : 'NOT_DELIVERED');
  expect(told()).toContain(`acknowledged reached ${verb}`);
});

describe('async', () => {
  const stored = (waits: boolean) => {
    const made = bench('async', waits);
    made.ladder.begin(made.connection);
    made.connection.unacknowledged = 0;
    made.ladder.handed(made.connection);
    made.ladder.pong();
    made.ladder.answered(answer('STORED'));
    made.ladder.end('STORED');
    return { ...made, told: () => made.told().slice(3) };
  };

  test('STORED means durable; nobody asked whether it was handled', () => {
    expect(stored(false).told()).toEqual(['durable reached STORED', 'handled unasked']);
  });

  test.each([
    [{ kind: 'receipt', tried: true }, 'handled reached receipt'],
    [{ kind: 'bounce', tried: false }, 'handled no'],
    [{ kind: 'bounce', tried: true }, 'handled unknown'],
    [undefined, 'handled unknown'],
  ] as const)('with --wait the last rung is told by the news: %j', (news, last) => {
    const { ladder, told } = stored(true);
    expect(told()).toEqual(['durable reached STORED']);
    ladder.news(news);
    expect(told().slice(1)).toEqual([last]);
  });

  test('what was handed over on one connection is not acknowledged just because the next has nothing outstanding', () => {
    const { ladder, connection, told, clock } = bench('async');
    ladder.begin(connection);
    ladder.handed(connection);
    connection.over = true;
    const next = observed();
    // Nothing is outstanding there, because nothing of it was handed over yet.
    next.unacknowledged = 0;
    ladder.begin(next);
    clock.advance(1000);
    ladder.end('UNKNOWN');
    expect(told().slice(0, 2)).toEqual(['handed reached kernel', 'acknowledged unknown']);
  });

  test('a second attempt starts again, and what was reached is not reported twice', () => {
    const { ladder, connection, told, clock } = bench('async');
    ladder.begin(connection);
    ladder.handed(connection);
    connection.over = true;
    const next = observed();
    ladder.begin(next);
    // The old connection no longer counts.
    connection.unacknowledged = 0;
    clock.advance(1000);
    expect(told()).toEqual(['handed reached kernel']);
    ladder.handed(next);
    next.unacknowledged = 0;
    clock.advance(1000);
    ladder.pong();
    ladder.answered(answer('STORED'));
    ladder.end('STORED');
    expect(told().slice(1)).toEqual([
      'acknowledged reached ack',
      'read reached PONG',
      'durable reached STORED',
      'handled unasked',
    ]);
  });
});

describe('NOT DELIVERED makes it certain', () => {
  test('nothing was handed over', () => {
    const { ladder, told } = bench('async');
    ladder.end('NOT_DELIVERED');
    expect(told()).toEqual(['handed no', 'acknowledged no', 'read no', 'durable no', 'handled no']);
  });

  test('refused: it was read and nothing more', () => {
    const { ladder, connection, told } = bench('async');
    ladder.begin(connection);
    connection.unacknowledged = 0;
    ladder.handed(connection);
    ladder.answered(answer('REFUSED'));
    ladder.end('NOT_DELIVERED');
    expect(told().slice(2)).toEqual(['read reached REFUSED', 'durable no', 'handled no']);
  });
});

test('whatever happens: each rung once, reached only by an answer, and never a rung above one that is "no"', () => {
  const step = fc.constantFrom('attempt', 'handed', 'acked', 'pong', 'time', 'over', 'invisible');
  fc.assert(
    fc.property(
      fc.array(step, { size: 'max', maxLength: 40 }),
      fc.constantFrom<VerdictName>('DELIVERED', 'STORED', 'NOT_DELIVERED', 'UNKNOWN'),
      fc.boolean(),
      (steps, wanted, waits) => {
        const { ladder, told, clock, events } = bench(wanted === 'DELIVERED' ? 'sync' : 'async', waits);
        let connection: Observed | undefined;
        let words = 0;
        for (const one of steps) {
          if (one === 'attempt') {
            if (connection !== undefined) connection.over = true;
            connection = observed();
            ladder.begin(connection);
          } else if (one === 'time') clock.advance(60);
          else if (connection === undefined || connection.over) continue;
          else if (one === 'over') connection.over = true;
          else if (one === 'handed' || one === 'pong') {
            words += 1;
            if (one === 'handed') ladder.handed(connection);
            else ladder.pong();
          } else connection.unacknowledged = one === 'acked' ? 0 : undefined;
        }
        if (connection === undefined && wanted !== 'NOT_DELIVERED' && wanted !== 'UNKNOWN') return;
        // A program answers a PONG. Only what nobody wrote, or what was refused, is certainly not there.
        if (wanted === 'STORED') ladder.answered(answer('STORED'));
        else if (wanted === 'DELIVERED') ladder.answered(answer('RECEIVED'));
        else if (wanted === 'NOT_DELIVERED' && connection !== undefined) ladder.answered(answer('REFUSED'));
        ladder.end(wanted);
        if (wanted === 'STORED' && waits) ladder.news(undefined);
        clock.advance(10_000);
        expect(events.map(({ rung }) => rung).sort()).toEqual(
          ['acknowledged', 'durable', 'handed', 'handled', 'read'].sort(),
        );
        expect(clock.pending).toBe(0);
        const reached = events.filter(({ state }) => state === 'reached');
        if (words === 0 && wanted === 'UNKNOWN') expect(told().join()).not.toContain('reached');
        for (const { by } of reached) expect(by).toBeDefined();
        if (reached.some(({ rung }) => rung === 'handled' || rung === 'durable'))
          expect(reached.some(({ rung }) => rung === 'read')).toBe(true);
      },
    ),
    { numRuns: 500, ...seed() },
  );
});
