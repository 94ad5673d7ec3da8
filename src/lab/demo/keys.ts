// Reads single keys from a terminal. It knows nothing about stories.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Guess } from './page.ts';

/** A person's answer: a guess, `skip` (Enter), `silence` (no more questions), or `quit` (end the demo). */
export type Answer = Guess | 'skip' | 'silence' | 'quit';

/** The keyboard of a person who is asked. */
export interface Keyboard {
  /**
   * Waits for one of the keys. The end of input counts as `quit`.
   * @param fresh drop keys that were typed before this call: they cannot answer a question that was not shown yet
   */
  ask(fresh: boolean): Promise<Answer>;
  /** Stops reading, and restores the terminal's mode. */
  close(): void;
}

/** The part of a terminal's input that a keyboard needs; `process.stdin` has it. */
export interface KeyInput {
  setRawMode(raw: boolean): unknown;
  on(event: 'data', listener: (data: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (data: Buffer) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

const ANSWERS: ReadonlyMap<string, Answer> = new Map([
  ['d', 'd'],
  ['n', 'n'],
  ['u', 'u'],
  ['\r', 'skip'],
  ['\n', 'skip'],
  ['s', 'silence'],
  ['q', 'quit'],
  ['\x04', 'quit'],
]);
const CTRL_C = '\x03';
// An arrow key comes as several characters, and the last one may be a letter (`ESC [ D`). None of them is an answer.
const ESCAPE = '\x1b';
// The most answers kept: holding a key down should answer no more than the two routes of one story.
const MOST_AHEAD = 2;

/**
 * Opens a keyboard. The terminal stays in raw mode until it is closed: a key that is pressed while a story is played is neither
 * echoed into it nor kept by the terminal. Ctrl-C becomes SIGINT.
 */
export function openKeyboard(input: KeyInput): Keyboard {
  const ahead: Answer[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  const pressed = (data: Buffer): void => {
    const keys = data.toString('latin1').toLowerCase();
    if (keys.includes(CTRL_C)) {
      close();
      process.kill(process.pid, 'SIGINT');
      return;
    }
    if (keys.startsWith(ESCAPE)) return;
    for (const key of keys) {
      const answer = ANSWERS.get(key);
      if (answer !== undefined && ahead.length < MOST_AHEAD) ahead.push(answer);
    }
    if (ahead.length > 0) wake?.();
  };
  const end = (): void => {
    ended = true;
    wake?.();
  };
  const close = (): void => {
    input.off('data', pressed);
    input.off('end', end);
    input.setRawMode(false);
    input.pause();
  };
  input.setRawMode(true);
  input.on('data', pressed);
  input.on('end', end);
  input.resume();
  return {
    async ask(fresh) {
      if (fresh) {
        // Earlier keys may still be in the kernel. Between two turns, the event loop polls and reads them.
        await nextTurn();
        await nextTurn();
        ahead.length = 0;
      }
      for (;;) {
        const answer = ahead.shift();
        if (answer !== undefined) return answer;
        if (ended) return 'quit';
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close,
  };
}
