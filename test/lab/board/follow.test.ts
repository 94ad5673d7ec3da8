// Log files as the source of the board: what a page gets of them while they grow.

import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Follow, LOOK_MS } from '../../../src/lab/board/follow.ts';
import type { Audience } from '../../../src/lab/board/source.ts';
import { formatJson } from '../../../src/trace/line.ts';
import { FakeClock } from '../../fake-clock.ts';
import { tempDir } from '../../harness.ts';
import { event } from './http.ts';

const line = (n: number, actor = 'bob'): string => `${formatJson(event(n, 'x', actor))}\n`;

/** Follows files in a folder of the test's own. `told`: what the audience was told, in order. */
function follow(names: readonly string[]): {
  clock: FakeClock;
  told: string[];
  file: (name: string) => string;
  start: () => Follow;
} {
  const dir = tempDir();
  const clock = new FakeClock();
  const told: string[] = [];
  const audience: Audience = {
    event: (recorded) => void told.push(`${recorded.actor} ${'text' in recorded ? recorded.text : ''}`),
    clear: () => void told.push('clear'),
    send: (message) =>
      void told.push('text' in message ? message.text.replaceAll(`${dir}/`, '') : message.kind),
  };
  const file = (name: string): string => join(dir, name);
  const start = (): Follow => {
    const source = new Follow(audience, names.map(file), clock);
    onTestFinished(() => source.close());
    return source;
  };
  return { clock, told, file, start };
}

test('what is there comes at once, and what is written later, soon; each file once', () => {
  const { clock, told, file, start } = follow(['bob.log', 'alice.log', 'bob.log']);
  writeFileSync(file('bob.log'), line(1) + line(2));
  const source = start();
  expect(told).toEqual(['bob 1 x', 'bob 2 x', 'alice.log is not there: the board waits for it.']);
  expect(source.present()).toMatchObject([{ kind: 'notice' }]);
  told.length = 0;
  clock.advance(LOOK_MS);
  expect(told).toEqual([]);
  writeFileSync(file('alice.log'), line(1, 'alice'));
  appendFileSync(file('bob.log'), line(3));
  clock.advance(LOOK_MS);
  expect(told).toEqual(['bob 3 x', 'alice 1 x']);
});

test('a log that is cut or written anew: all are read afresh, as a new run', () => {
  const { clock, told, file, start } = follow(['a.log', 'b.log', 'c.log']);
  for (const name of ['a', 'b', 'c']) writeFileSync(file(`${name}.log`), line(1, name));
  start();
  told.length = 0;
  truncateSync(file('b.log'), 0);
  clock.advance(2 * LOOK_MS);
  expect(told).toEqual(['clear', 'b.log was cut or replaced: all logs are read afresh.', 'a 1 x', 'c 1 x']);
  told.length = 0;
  rmSync(file('a.log'));
  clock.advance(LOOK_MS);
  expect(told).toEqual(['a.log is not there: the board waits for it.']);
  writeFileSync(file('a.log'), line(1, 'a') + line(2, 'a'));
  clock.advance(2 * LOOK_MS);
  expect(told.slice(1)).toEqual([
    'clear',
    'a.log was cut or replaced: all logs are read afresh.',
    'a 1 x',
    'a 2 x',
    'c 1 x',
  ]);
});

test('what is not a log is an error at the start, and a notice later; the other files go on', () => {
  const { told, file, start, clock } = follow(['a.log', 'b.log']);
  writeFileSync(file('a.log'), `${line(1)}oops\n`);
  writeFileSync(file('b.log'), line(1));
  expect(start).toThrow(/a\.log, line 2: not JSON/);
  writeFileSync(file('a.log'), line(1));
  start();
  told.length = 0;
  appendFileSync(file('a.log'), `oops\n${line(2)}`);
  appendFileSync(file('b.log'), Buffer.of(0xff, 0x0a));
  clock.advance(3 * LOOK_MS);
  expect(told).toEqual([
    'bob 2 x',
    'a.log, line 2: not JSON. It was left out.',
    'b.log is not text (neither UTF-8 nor UTF-16)',
  ]);
  appendFileSync(file('a.log'), line(3));
  clock.advance(LOOK_MS);
  expect(told.at(-1)).toBe('bob 3 x');
});

test('there is nothing to command, and after its end nothing is looked at', async () => {
  const { file, start, clock, told } = follow(['a.log']);
  writeFileSync(file('a.log'), line(1));
  const source = start();
  await expect(source.command()).rejects.toThrow('there is nothing to command');
  await source.close();
  expect(clock.pending).toBe(0);
  appendFileSync(file('a.log'), line(2));
  clock.advance(LOOK_MS);
  expect(told).toEqual(['bob 1 x']);
});
