// Asks for a guess with single keys, on a terminal. It knows nothing about stories.

import type { Guess } from './page.ts';

/** A person's answer: a guess, `skip` (no guess), `silence` (no more questions), or `quit` (end the demo). */
export type Answer = Guess | 'skip' | 'silence' | 'quit';

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
// The most keys taken from one read: somebody who leans on a key should not answer the next ten stories with it.
const TYPED_AHEAD = 2;

/**
 * Makes the function that waits for one of the keys. The end of input counts as `quit`; Ctrl-C becomes SIGINT.
 * Between two questions the terminal is not in raw mode.
 */
export function createKeyPrompt(input: NodeJS.ReadStream): () => Promise<Answer> {
  const ahead: string[] = [];
  const next = (): Answer | undefined => {
    for (let key = ahead.shift(); key !== undefined; key = ahead.shift()) {
      const answer = ANSWERS.get(key);
      if (answer !== undefined) return answer;
    }
    return undefined;
  };
  return () => {
    const known = next();
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      const done = (answer: Answer): void => {
        input.off('data', pressed);
        input.off('end', ended);
        input.setRawMode(false);
        input.pause();
        resolve(answer);
      };
      const ended = (): void => done('quit');
      const pressed = (data: Buffer): void => {
        const keys = data.toString('latin1').toLowerCase();
        if (keys.includes(CTRL_C)) {
          input.setRawMode(false);
          process.kill(process.pid, 'SIGINT');
          return;
        }
        ahead.push(...keys.slice(0, TYPED_AHEAD));
        const answer = next();
        if (answer !== undefined) done(answer);
      };
      input.setRawMode(true);
      input.on('data', pressed);
      input.on('end', ended);
      input.resume();
    });
  };
}
