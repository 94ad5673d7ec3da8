// What a relay says of a collector's end, and of the messages that wait then.

import { expect, onTestFinished, test, vi } from 'vitest';
import { RelayTalk } from '../../../src/cli/render/relay-talk.ts';
import type { Event } from '../../../src/core/event.ts';

/** What is said of these events. */
function told(...events: Event[]): string {
  let said = '';
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  const talk = new RelayTalk();
  for (const event of events) talk.tell(event);
  talk.end();
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
  [left('bye', 0, 0, 'w-0123'), 'w-… left (BYE).'],
] as const)('%j', ([event, line]) => {
  expect(told(event)).toBe(`${line}\n`);
});

test('another takes over', () => {
  const event: Event = { event: 'mailbox', name: 'bob', state: 'replaced', again: 1, held: 1 };
  expect(told(event)).toBe('another bob took over. 1 message waits again for bob.\n');
});
