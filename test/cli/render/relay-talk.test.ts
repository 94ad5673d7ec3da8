// What a relay says of a collector's end and of the messages that wait then, and how it stays readable in a crowd.

import { expect, onTestFinished, test, vi } from 'vitest';
import { RelayTalk } from '../../../src/cli/render/relay-talk.ts';
import type { Event } from '../../../src/core/event.ts';
import { FakeClock } from '../../fake-clock.ts';

/** What is said of these events. */
function told(...events: Event[]): string {
  return saidDuring((talk) => {
    for (const event of events) talk.tell(event);
    talk.end();
  });
}

/** What is said while a relay's talk is used. The clock stands still until it is turned. */
function saidDuring(use: (talk: RelayTalk, clock: FakeClock) => void): string {
  let said = '';
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  const clock = new FakeClock();
  use(new RelayTalk(clock), clock);
  spy.mockRestore();
  return said;
}

const left = (how: string, again: number, held: number, name = 'bob'): Event => ({
  ...{ event: 'mailbox', name, state: 'left' },
  ...{ how, again, held },
});

test.for([
  [left('bye', 0, 0), 'bob left (BYE).'],
  [left('bye', 0, 1), 'bob left (BYE). 1 message waits for bob.'],
  [left('fin', 2, 2), 'bob is gone: closed without BYE (FIN). 2 messages wait again for bob.'],
  [
    left('ECONNRESET', 1, 4),
    'bob is gone: connection reset (ECONNRESET: RST). 1 message waits again for bob, and 3 more.',
  ],
  [left('silent', 1, 1), 'bob is gone: no byte came, and no PONG. 1 message waits again for bob.'],
  [left('stalled', 0, 0), 'bob is gone: none of our bytes were taken.'],
  [left('error', 0, 0), 'bob is gone: the connection ended with ERROR.'],
  [left('superseded', 0, 0), 'bob has connected again: the older connection is closed.'],
  [left('stopped', 0, 0), 'bob was told BYE: this relay stops.'],
  [left('ETIMEDOUT', 0, 0), 'bob is gone: the connection broke (ETIMEDOUT).'],
] as const)('%j', ([event, line]) => {
  expect(told(event)).toBe(`${line}\n`);
});

test('another takes over', () => {
  const event: Event = { event: 'mailbox', name: 'bob', state: 'replaced', again: 1, held: 1 };
  expect(told(event)).toBe('another bob took over. 1 message waits again for bob.\n');
});

const comes = (name: string): Event => ({ event: 'mailbox', name, state: 'collecting' });
const acknowledges = (to: string, seq = 1): Event => ({ event: 'acknowledged', to, seq, held: 0 });
const stores = (from: string, to: string, seq: number): Event => ({
  ...{ event: 'stored', id: `${from}-${seq}`, from, to, seq, size: 2, held: 1, present: 'yes' },
});
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `s${n + 1}`);

test('one person, or a few, get a line for everything', () => {
  const events = ['anna', 'ben', 'carl'].flatMap((name) => [
    comes(name),
    acknowledges(name),
    left('bye', 0, 0, name),
  ]);
  const lines = told(...events)
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(9);
  expect(lines.slice(0, 3)).toEqual(['anna collects.', 'anna 1 acknowledged.', 'anna left (BYE).']);
});

test('those who come, acknowledge and leave together are told together, each name once', () => {
  const class30 = names(30);
  const lines = told(
    ...class30.map(comes),
    ...class30.map((name) => acknowledges(name)),
    ...class30.slice(0, 20).map((name) => left('bye', 0, 0, name)),
    ...class30.slice(20).map((name, n) => left('fin', 0, n % 2, name)),
  )
    .trimEnd()
    .split('\n');
  expect(lines.slice(0, 3)).toEqual(['s1 collects.', 's2 collects.', 's3 collects.']);
  expect(lines.slice(9)).toEqual([
    `27 collect: ${class30.slice(3).join(', ')}.`,
    `27 acknowledged: ${class30.slice(3).join(', ')}.`,
    `17 left (BYE): ${class30.slice(3, 20).join(', ')}.`,
    '10 are gone: closed without BYE (FIN): s21, s22 (1 waits), s23, s24 (1 waits), s25, s26 (1 waits), s27, s28 (1 waits), s29, s30 (1 waits).',
  ]);
});

test('while people keep coming, each second has one line of them; then each has a line again', () => {
  const said = saidDuring((talk, clock) => {
    for (const [second, name] of names(12).entries()) {
      talk.tell(comes(name));
      if (second % 5 === 4) clock.advance(1000);
    }
    clock.advance(1000);
    clock.advance(1000);
    talk.tell(comes('late'));
    talk.tell(stores('anna', 'late', 1));
  });
  expect(said.trimEnd().split('\n')).toEqual([
    's1 collects.',
    's2 collects.',
    's3 collects.',
    '2 collect: s4, s5.',
    '5 collect: s6, s7, s8, s9, s10.',
    '2 collect: s11, s12.',
    'late collects.',
    'late 1 from anna, 2 bytes, on disk. late is connected.',
  ]);
});

test('messages get a line each up to a rate; then it says who sent to whom, and counts what is too much for that', () => {
  const lines = told(...names(14).map((name, n) => stores(name, 'bob', n + 1)), stores('s14', 'bob', 15))
    .trimEnd()
    .split('\n');
  expect(lines[0]).toBe('bob 1 from s1, 2 bytes, on disk. bob is connected.');
  expect(lines.slice(12)).toEqual(['3 more on disk: s13 to bob, s14 to bob ×2.']);
  const many = told(...Array.from({ length: 100_012 }, (_, n) => stores(`s${n}`, 'bob', n)))
    .trimEnd()
    .split('\n');
  expect(many).toHaveLength(13);
  expect(many.at(-1)).toMatch(/^100000 more on disk: s12 to bob, .*, s51 to bob, and 99960 more\.$/);
});

test('what a name w-… is, is said the first time that it is shown', () => {
  const note = 'w-*: the private return mailbox of a sender who waits for a receipt (--wait)';
  const events = [comes('anna'), comes('w-0123'), left('bye', 0, 0, 'w-0123')];
  expect(told(...events)).toBe(`anna collects.\nw-… collects.\n  ${note}\nw-… left (BYE).\n`);
  const crowd = told(...names(3).map(comes), comes('w-1'), comes('w-2'), comes('w-3'));
  expect(crowd).toContain(`3 collect: w-… ×3.\n  ${note}\n`);
});
