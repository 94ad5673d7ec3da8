// The oracle of the verdicts finds every lie and nothing else.

import { describe, expect, test } from 'vitest';
import { type Handled, judge, type Said, viewOf } from '../../scripts/verdicts/oracle.ts';
import type { AttemptEnd } from '../../src/exchange/verdict.ts';

const said = (verdict: Said['verdict'], seq?: number, mortal = false): Said => ({
  id: 'm',
  verdict,
  seq,
  mortal,
  view: 'sent: FIN',
});
const handled = (seq: number | undefined, life = 1, id = 'm'): Handled => ({ id, seq, life });

describe('is true:', () => {
  test.each<[what: string, route: 'sync' | 'async', one: Said, times: Handled[]]>([
    ['DELIVERED, handled', 'sync', said('DELIVERED'), [handled(undefined)]],
    ['NOT DELIVERED, never handled', 'sync', said('NOT_DELIVERED'), []],
    ['UNKNOWN, handled', 'sync', said('UNKNOWN'), [handled(undefined)]],
    ['UNKNOWN, never handled', 'sync', said('UNKNOWN'), []],
    ['STORED, collected in the end', 'async', said('STORED', 1), [handled(1)]],
    ['STORED, handled again by another receiver', 'async', said('STORED', 1), [handled(1), handled(1, 2)]],
    ['STORED, and expired', 'async', said('STORED', 1, true), []],
    ['NOT DELIVERED, stored and expired', 'async', said('NOT_DELIVERED', 1, true), []],
  ])('%s', (_, route, one, times) => {
    expect(judge({ route, said: [one], handled: times })).toEqual([]);
  });
});

describe('is a lie:', () => {
  test.each<[lie: string, route: 'sync' | 'async', one: Said, times: Handled[]]>([
    ['DELIVERED, but bob had not handled it', 'sync', said('DELIVERED'), []],
    ['NOT DELIVERED, but somebody has it', 'sync', said('NOT_DELIVERED'), [handled(undefined)]],
    ['sent once, handled 2 times', 'sync', said('UNKNOWN'), [handled(undefined), handled(undefined)]],
    ['STORED, and it is nowhere', 'async', said('STORED', 1), []],
    ['STORED as 2, and handled as 1', 'async', said('STORED', 2), [handled(1)]],
    ['handled under the numbers 1 and 2', 'async', said('UNKNOWN'), [handled(1), handled(2)]],
  ])('%s', (lie, route, one, times) => {
    expect(judge({ route, said: [one], handled: times })).toEqual([`m (sent: FIN): ${lie}`]);
  });

  test('two numbers for one message, unless the relay has forgotten the id', () => {
    const truth = { route: 'async', said: [said('UNKNOWN')], handled: [handled(1), handled(2)] } as const;
    expect(judge(truth)).toHaveLength(1);
    expect(judge({ ...truth, forgotten: true })).toEqual([]);
  });

  test('one number for two messages', () => {
    expect(judge({ route: 'async', said: [], handled: [handled(1), handled(1, 2, 'other')] })).toEqual([
      'number 1 is m and also other',
    ]);
  });

  test('handling out of the order of the numbers', () => {
    expect(judge({ route: 'async', said: [], handled: [handled(2, 1, 'b'), handled(1, 1, 'a')] })).toEqual([
      'receiver 1 handled 1 after 2',
    ]);
  });

  test('numbers that are not in the order in which one sender sent', () => {
    const both = [said('STORED', 2), { ...said('UNKNOWN'), id: 'later' }];
    const truth = { route: 'async', said: both, handled: [handled(1, 1, 'later'), handled(2)] } as const;
    expect(judge({ ...truth, inOrder: true })).toEqual([
      'm was sent before later, but got number 2, after 1',
    ]);
    expect(judge({ ...truth, said: both.toReversed(), inOrder: true })).toEqual([]);
    // With two senders neither is first, and a relay that has forgotten a message may store it again.
    expect(judge(truth)).toEqual([]);
    expect(judge({ ...truth, inOrder: true, forgotten: true })).toEqual([]);
  });

  test('a number left out', () => {
    expect(judge({ route: 'async', said: [], handled: [handled(1, 1, 'a'), handled(3, 1, 'b')] })).toEqual([
      '2 numbers came, but the highest was 3',
    ]);
  });
});

test.each<[view: string, attempts: [phase: 'connecting' | 'written', end: AttemptEnd][]]>([
  ['not sent: broken off', [['connecting', { how: 'broken', code: 'ECONNREFUSED', syscall: 'connect' }]]],
  ['sent: FIN', [['written', { how: 'fin' }]]],
  ['sent: BYE', [['written', { how: 'bye' }]]],
  ['sent: silence', [['written', { how: 'deadline' }]]],
  ['sent: REFUSED busy', [['written', { how: 'refused', code: 'busy', reason: '' }]]],
  [
    'sent: FIN',
    [
      ['written', { how: 'fin' }],
      ['connecting', { how: 'deadline' }],
    ],
  ],
  [
    'sent, no answer; again: taken',
    [
      ['written', { how: 'fin' }],
      ['written', { how: 'taken' }],
    ],
  ],
  [
    'sent, no answer; again: REFUSED disk_full',
    [
      ['written', { how: 'earlier' }],
      ['written', { how: 'refused', code: 'disk_full', reason: '' }],
    ],
  ],
  [
    'sent, no answer; again: no answer',
    [
      ['written', { how: 'fin' }],
      ['written', { how: 'deadline' }],
    ],
  ],
])('what a sender saw: %s', (view, attempts) => {
  expect(viewOf(attempts.map(([phase, end]) => ({ phase, end })))).toBe(view);
});
