// The rule by which a sender concludes, checked with every history of up to three attempts and everything that may have been true on the
// other side. Also each weaker version of the rule: it says NOT DELIVERED about some message that was handled.

import { describe, expect, test } from 'vitest';
import type { VerdictName } from '../../src/core/event.ts';
import { type Attempt, type AttemptEnd, conclude, type Phase, telling } from '../../src/exchange/verdict.ts';

const taken: AttemptEnd = { how: 'taken' };
const refused: AttemptEnd = { how: 'refused', code: 'disk_full', reason: 'full' };
const broken = (code: string, syscall: string): AttemptEnd => ({ how: 'broken', code, syscall });
const bye: AttemptEnd = { how: 'bye' };
const fin: AttemptEnd = { how: 'fin' };
const deadline: AttemptEnd = { how: 'deadline' };

const UNANSWERED: readonly AttemptEnd[] = [
  { how: 'error', code: 'failed', reason: 'it could not' },
  broken('EPIPE', 'write'),
  broken('ECONNRESET', 'read'),
  broken('ECONNREFUSED', 'connect'),
  fin,
  { how: 'silent' },
  { how: 'stalled' },
  { how: 'unanswered', ms: 5000 },
  deadline,
  { how: 'interrupted' },
];
const PHASES: readonly Phase[] = ['connecting', 'greeting', 'ready', 'written'];

/** Every possible attempt: only what was written can be answered, and only before writing can the connection be refused. */
const ATTEMPTS: readonly Attempt[] = [
  ...PHASES.flatMap((phase) => UNANSWERED.map((end): Attempt => ({ phase, end }))).filter(
    ({ phase, end }) => !(end?.how === 'broken' && end.syscall === 'connect' && phase !== 'connecting'),
  ),
  ...PHASES.filter((phase) => phase !== 'connecting').map((phase): Attempt => ({ phase, end: bye })),
  { phase: 'written', end: taken },
  { phase: 'written', end: refused },
];

/** Every history: an answer ends it. */
function* histories(longest: number): Generator<readonly Attempt[]> {
  for (const attempt of ATTEMPTS) {
    yield [attempt];
    if (longest === 1 || attempt.end?.how === 'taken' || attempt.end?.how === 'refused') continue;
    for (const rest of histories(longest - 1)) yield [attempt, ...rest];
  }
}

const ALL = [...histories(3)];

// May the message have been handled, or still be handled? An answer tells for its own attempt, and BYE tells that there was none to give: a
// peer that says BYE has answered all that it took (test/exchange/bye.test.ts checks that for both servers). For any other attempt that was
// written and not answered nobody can tell: its bytes may have been read before the end was seen, or be in a kernel and be read later.
const mayBeHandled = (attempts: readonly Attempt[]): boolean =>
  attempts.some(({ phase, end }) => phase === 'written' && end?.how !== 'refused' && end?.how !== 'bye');
const mayBeUnhandled = (attempts: readonly Attempt[]): boolean =>
  attempts.every(({ end }) => end?.how !== 'taken');

type Rule = (attempts: readonly Attempt[]) => VerdictName;

function wrongs(rule: Rule): { lost: number; twice: number } {
  let lost = 0;
  let twice = 0;
  for (const attempts of ALL) {
    const verdict = rule(attempts);
    if (verdict === 'STORED' && mayBeUnhandled(attempts)) lost += 1;
    if (verdict === 'NOT_DELIVERED' && mayBeHandled(attempts)) twice += 1;
  }
  return { lost, twice };
}

describe(`the rule, over ${ALL.length} histories`, () => {
  const rule: Rule = (attempts) => conclude(attempts, 'STORED');

  test('never says NOT DELIVERED about what may have been handled, nor success about what may not', () => {
    expect(ALL.length).toBeGreaterThan(10_000);
    expect(wrongs(rule)).toEqual({ lost: 0, twice: 0 });
  });

  test('says UNKNOWN only where both may be true', () => {
    for (const attempts of ALL)
      if (rule(attempts) === 'UNKNOWN')
        expect(mayBeHandled(attempts) && mayBeUnhandled(attempts), JSON.stringify(attempts)).toBe(true);
  });

  test('does not depend on the errno, nor on how else an unanswered attempt ended', () => {
    for (const attempts of ALL) {
      const other = attempts.map(
        ({ phase, end }): Attempt => ({
          phase,
          end: end?.how === 'taken' || end?.how === 'refused' || end?.how === 'bye' ? end : fin,
        }),
      );
      expect(rule(other)).toBe(rule(attempts));
    }
  });

  test('an attempt in progress counts as one that was not answered', () => {
    expect(conclude([{ phase: 'written' }], 'DELIVERED')).toBe('UNKNOWN');
    expect(conclude([{ phase: 'ready' }], 'DELIVERED')).toBe('NOT_DELIVERED');
  });

  test('no attempt at all delivered nothing', () => {
    expect(conclude([], 'DELIVERED')).toBe('NOT_DELIVERED');
  });
});

test.each<[what: string, attempts: Attempt[], verdict: VerdictName]>([
  [
    'refused by the kernel',
    [{ phase: 'connecting', end: broken('ECONNREFUSED', 'connect') }],
    'NOT_DELIVERED',
  ],
  ['no READY in time', [{ phase: 'greeting', end: deadline }], 'NOT_DELIVERED'],
  ['greeted, and closed before the SEND', [{ phase: 'ready', end: fin }], 'NOT_DELIVERED'],
  ['answered', [{ phase: 'written', end: taken }], 'DELIVERED'],
  ['refused by the program', [{ phase: 'written', end: refused }], 'NOT_DELIVERED'],
  ['written, then FIN', [{ phase: 'written', end: fin }], 'UNKNOWN'],
  ['written, then EPIPE', [{ phase: 'written', end: broken('EPIPE', 'write') }], 'UNKNOWN'],
  ['written, then nothing', [{ phase: 'written', end: deadline }], 'UNKNOWN'],
  [
    'written, then FIN, then nobody listens',
    [
      { phase: 'written', end: fin },
      { phase: 'connecting', end: broken('ECONNREFUSED', 'connect') },
    ],
    'UNKNOWN',
  ],
  [
    'written, then FIN, then refused',
    [
      { phase: 'written', end: fin },
      { phase: 'written', end: refused },
    ],
    'UNKNOWN',
  ],
  [
    'written, then FIN, then answered',
    [
      { phase: 'written', end: fin },
      { phase: 'written', end: taken },
    ],
    'DELIVERED',
  ],
  ['written, then BYE', [{ phase: 'written', end: bye }], 'NOT_DELIVERED'],
  [
    'written, then BYE, then refused',
    [
      { phase: 'written', end: bye },
      { phase: 'written', end: refused },
    ],
    'NOT_DELIVERED',
  ],
  [
    'written, then FIN, then BYE',
    [
      { phase: 'written', end: fin },
      { phase: 'written', end: bye },
    ],
    'UNKNOWN',
  ],
  [
    'not written, then refused',
    [
      { phase: 'greeting', end: fin },
      { phase: 'written', end: refused },
    ],
    'NOT_DELIVERED',
  ],
  [
    'perhaps written by another process, and nobody listens now',
    [
      { phase: 'written', end: { how: 'earlier' } },
      { phase: 'connecting', end: broken('ECONNREFUSED', 'connect') },
    ],
    'UNKNOWN',
  ],
])('%s', (_, attempts, verdict) => {
  expect(conclude(attempts, 'DELIVERED')).toBe(verdict);
});

// Each rule says NOT DELIVERED in its case; otherwise it is the real rule.
const WEAKER: readonly [wording: string, says: (attempts: readonly Attempt[]) => boolean][] = [
  ['there was no answer that took it', () => true],
  ['the last attempt wrote nothing', (all) => all.at(-1)?.phase !== 'written'],
  ['the last attempt was refused by the program', (all) => all.at(-1)?.end?.how === 'refused'],
  ['any attempt was refused by the program', (all) => all.some(({ end }) => end?.how === 'refused')],
  [
    'some attempt met ECONNREFUSED',
    (all) => all.some(({ end }) => end?.how === 'broken' && end.code === 'ECONNREFUSED'),
  ],
  [
    'the last attempt met ECONNREFUSED',
    (all) => all.map(({ end }) => end).at(-1)?.how === 'broken' && all.at(-1)?.phase === 'connecting',
  ],
  [
    'the write failed (EPIPE)',
    (all) => all.every(({ end }) => end?.how === 'broken' && end.code === 'EPIPE'),
  ],
  [
    'the connection was reset (ECONNRESET)',
    (all) => all.every(({ end }) => end?.how === 'broken' && end.code === 'ECONNRESET'),
  ],
  ['the other side closed without an answer (FIN)', (all) => all.every(({ end }) => end?.how === 'fin')],
  ['the time ran out', (all) => all.every(({ end }) => end?.how === 'deadline')],
  ['the other side fell silent', (all) => all.every(({ end }) => end?.how === 'silent')],
  [
    'the program said that it failed (ERROR)',
    (all) => all.every(({ end }) => end?.how === 'error' && end.code === 'failed'),
  ],
  ['some attempt got BYE', (all) => all.some(({ end }) => end?.how === 'bye')],
  ['the sender gave up itself', (all) => all.every(({ end }) => end?.how === 'interrupted')],
  [
    'more attempts ended before the SEND than after it',
    (all) => 2 * all.filter(({ phase }) => phase === 'written').length < all.length,
  ],
];

describe('a weaker rule says NOT DELIVERED about what was handled:', () => {
  test.each(WEAKER)('%s', (_, says) => {
    const rule: Rule = (attempts) => {
      const verdict = conclude(attempts, 'STORED');
      return verdict !== 'STORED' && says(attempts) ? 'NOT_DELIVERED' : verdict;
    };
    expect(wrongs(rule).twice).toBeGreaterThan(0);
  });
});

test('UNKNOWN is explained by an attempt of this process that was written and not answered, if there is one', () => {
  const unanswered: Attempt = { phase: 'written', end: fin };
  const later: Attempt = { phase: 'connecting', end: broken('ECONNREFUSED', 'connect') };
  const earlier: Attempt = { phase: 'written', end: { how: 'earlier' } };
  expect(telling([earlier, unanswered, later], 'UNKNOWN')).toBe(unanswered);
  expect(telling([earlier, later], 'UNKNOWN')).toBe(later);
  // Our own deadline cuts off the connect, which had no time to learn anything. What the previous attempt met says more.
  const cut: Attempt = { phase: 'connecting', end: deadline };
  expect(telling([earlier, later, cut], 'UNKNOWN')).toBe(later);
  expect(telling([earlier, cut], 'UNKNOWN')).toBe(cut);
});

test('NOT DELIVERED is explained by the attempt that got BYE, if there is one, because something did leave', () => {
  const told: Attempt = { phase: 'written', end: bye };
  const later: Attempt = { phase: 'connecting', end: broken('ECONNREFUSED', 'connect') };
  expect(telling([told, later], 'NOT_DELIVERED')).toBe(told);
  expect(telling([later], 'NOT_DELIVERED')).toBe(later);
});
