// The keyboard of the demo, on a fake terminal: only keys that are pressed after a question was shown answer it.

import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Keyboard, type KeyInput, openKeyboard } from '../../../src/lab/demo/keys.ts';

class FakeTerminal extends EventEmitter implements KeyInput {
  raw = false;
  flowing = false;
  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
  pause(): this {
    this.flowing = false;
    return this;
  }
  resume(): void {
    this.flowing = true;
  }
  press(keys: string): void {
    this.emit('data', Buffer.from(keys));
  }
}

/** A terminal and its keyboard. */
function open(): { terminal: FakeTerminal; keyboard: Keyboard } {
  const terminal = new FakeTerminal();
  const keyboard = openKeyboard(terminal);
  onTestFinished(() => keyboard.close());
  return { terminal, keyboard };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Asks, and presses keys once the question has been waiting for a while. */
async function askedThenPressed(keyboard: Keyboard, terminal: FakeTerminal, keys: string): Promise<string> {
  const answer = keyboard.ask(true);
  for (let turns = 0; turns < 5; turns += 1) await turn();
  terminal.press(keys);
  return answer;
}

test('a key that was typed before a question was shown does not answer it', async () => {
  const { terminal, keyboard } = open();
  terminal.press('d');
  terminal.press('\r');
  expect(await askedThenPressed(keyboard, terminal, 'n')).toBe('n');
  // These are still in the kernel when the question is shown.
  setImmediate(() => terminal.press('du'));
  expect(await askedThenPressed(keyboard, terminal, 'u')).toBe('u');
});

test('the guess for the second route may be typed together with the first, and no more than that', async () => {
  const { terminal, keyboard } = open();
  expect(await askedThenPressed(keyboard, terminal, 'xdNuuuu')).toBe('d');
  expect(await keyboard.ask(false)).toBe('n');
  expect(await askedThenPressed(keyboard, terminal, '\r')).toBe('skip');
});

test('an arrow key is not the letter that it ends with', async () => {
  const { terminal, keyboard } = open();
  const answer = keyboard.ask(false);
  terminal.press('\x1b[D');
  terminal.press('\x1bOD');
  terminal.press('s');
  expect(await answer).toBe('silence');
});

test('the terminal is in raw mode until it is closed; the end of input quits', async () => {
  const { terminal, keyboard } = open();
  expect(terminal).toMatchObject({ raw: true, flowing: true });
  const answer = keyboard.ask(true);
  terminal.emit('end');
  expect(await answer).toBe('quit');
  expect(await keyboard.ask(true)).toBe('quit');
  keyboard.close();
  expect(terminal).toMatchObject({ raw: false, flowing: false });
  expect(terminal.listenerCount('data') + terminal.listenerCount('end')).toBe(0);
});

test('Ctrl-C is SIGINT, also while nobody is asked, and leaves the terminal as it was', () => {
  const { terminal } = open();
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  onTestFinished(() => kill.mockRestore());
  terminal.press('\x03');
  expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGINT');
  expect(terminal.raw).toBe(false);
});
