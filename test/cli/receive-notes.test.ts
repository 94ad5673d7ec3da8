// What `async receive` says beside a message: that it may be a repeat, and how long it was held.

import { expect, onTestFinished, test } from 'vitest';
import { noteOf } from '../../src/cli/commands/async-receive.ts';

const AT = new Date(2020, 0, 2, 14, 16, 59).getTime();

function noteOnATerminal(terminal: boolean, attempt: number, heldMs: number, work?: number): string {
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
  onTestFinished(() => {
    if (before === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
    else Object.defineProperty(process.stdout, 'isTTY', before);
  });
  Object.defineProperty(process.stdout, 'isTTY', { value: terminal, configurable: true });
  return noteOf({ attempt, at: AT }, { as: 'bob', ...(work !== undefined && { work }) }, heldMs);
}

const AGAIN = 'an earlier bob may have seen it, but no ACK came';
const HELD = 'stored 2020-01-02 14:16:59, held 5.4 s';

test.for([
  [true, 1, 999, undefined, ''],
  [true, 1, 5_400, undefined, HELD],
  [true, 2, 5_400, undefined, `attempt 2, held 5.4 s: ${AGAIN}`],
  [true, 2, 3, undefined, `attempt 2: ${AGAIN}`],
  [true, 1, 5_400, 8_000, `${HELD}; acknowledges in 8 s`],
  // A file or a pipe gets no remark on each message that waited.
  [false, 1, 5_400, undefined, ''],
] as const)('on a terminal: %j, attempt %i, held %i ms', ([terminal, attempt, heldMs, work, note]) => {
  expect(noteOnATerminal(terminal, attempt, heldMs, work)).toBe(note);
});
