// A log that grows: in parts that are cut anywhere, in every encoding, cut, replaced, removed, or not a log at all.

import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Recorded } from '../../src/core/event.ts';
import { formatJson } from '../../src/trace/line.ts';
import { LogTail } from '../../src/trace/tail.ts';
import { tempDir } from '../harness.ts';

const event = (n: number, text = 'é€😀'): Recorded => ({
  event: 'notice',
  text: `${n} ${text}`,
  time: '2026-01-01T00:00:00.000000000Z',
  actor: 'bob',
  pid: 7,
});
// As an editor may have saved it, with the characters themselves.
const line = (n: number): string => `${JSON.stringify({ ...event(n) })}\n`;

const texts = (tail: LogTail): string[] => {
  const look = tail.look();
  if (look.kind !== 'read') return [look.kind];
  return [
    ...look.events.map((one) => ('text' in one ? String(one.text).split(' ')[0] : '') ?? ''),
    ...look.bad,
  ];
};

const newTail = (limit?: number): { file: string; tail: LogTail } => {
  const file = join(tempDir(), 'bob.log');
  return { file, tail: new LogTail(file, limit) };
};

test('it is waited for, read, and followed; a last line without its end waits for the rest', () => {
  const { file, tail } = newTail();
  expect(texts(tail)).toEqual(['absent']);
  writeFileSync(file, '');
  expect(texts(tail)).toEqual([]);
  appendFileSync(file, `${formatJson(event(1))}\n${line(2)}`);
  expect(texts(tail)).toEqual(['1', '2']);
  expect(texts(tail)).toEqual([]);
  const third = line(3);
  appendFileSync(file, third.slice(0, 20));
  expect(texts(tail)).toEqual([]);
  appendFileSync(file, third.slice(20) + line(4));
  expect(texts(tail)).toEqual(['3', '4']);
  // An editor may have removed the line end. It comes only once.
  appendFileSync(file, line(5).trimEnd());
  expect(texts(tail)).toEqual(['5']);
  appendFileSync(file, `\n\n${line(6)}`);
  expect(texts(tail)).toEqual(['6']);
});

test.each(['utf-8', 'utf-8 with a mark', 'utf-16le', 'utf-16le with a mark', 'utf-16be with a mark'])(
  '%s, byte by byte',
  (encoding) => {
    const { file, tail } = newTail();
    const text =
      (encoding.includes('mark') ? '\ufeff' : '') + line(1) + line(2).replace('\n', '\r\n') + line(3);
    const bytes = Buffer.from(text, encoding.startsWith('utf-8') ? 'utf-8' : 'utf-16le');
    if (encoding.startsWith('utf-16be')) bytes.swap16();
    const seen: string[] = [];
    for (const byte of bytes) {
      appendFileSync(file, Buffer.of(byte));
      seen.push(...texts(tail));
    }
    expect(seen).toEqual(['1', '2', '3']);
  },
);

test('of a long log only the end is read, from the beginning of a line', () => {
  for (const encoding of ['utf-8', 'utf-16le'] as const) {
    const { file, tail } = newTail(Math.floor(2.5 * Buffer.byteLength(line(1), encoding)));
    writeFileSync(file, Buffer.from([1, 2, 3, 4, 5].map(line).join(''), encoding));
    expect(texts(tail)).toEqual(['4', '5']);
    const whole = Buffer.byteLength([1, 2, 3].map(line).join(''), encoding);
    expect(tail.skipped).toBe(whole);
    appendFileSync(file, Buffer.from(line(6), encoding));
    expect(texts(tail)).toEqual(['6']);
  }
});

test('a large log comes in parts', () => {
  const { file, tail } = newTail();
  writeFileSync(file, `${formatJson(event(1, 'x'.repeat(1000)))}\n`.repeat(6000));
  let events = 0;
  const more: boolean[] = [];
  for (let look = tail.look(); look.kind === 'read'; look = tail.look()) {
    events += look.events.length;
    more.push(look.more);
    if (!look.more) break;
  }
  expect([events, more]).toEqual([6000, [true, false]]);
});

test('a line that is not an event is named, and left out', () => {
  const { file, tail } = newTail();
  writeFileSync(file, `${line(1)}oops\n${line(2)}`);
  expect(texts(tail)).toEqual(['1', '2', `${file}, line 2: not JSON`]);
});

test('cut, replaced, or removed and written again: it is another log now', () => {
  const change: ((file: string) => void)[] = [
    (file) => truncateSync(file, 10),
    (file) => {
      writeFileSync(`${file}.new`, line(1).repeat(9));
      renameSync(`${file}.new`, file);
    },
  ];
  for (const act of change) {
    const { file, tail } = newTail();
    writeFileSync(file, line(1) + line(2));
    expect(texts(tail)).toEqual(['1', '2']);
    act(file);
    expect(texts(tail)).toEqual(['replaced']);
    expect(texts(new LogTail(file))[0]).not.toBe('replaced');
  }
  const { file, tail } = newTail();
  writeFileSync(file, line(1));
  texts(tail);
  rmSync(file);
  expect(texts(tail)).toEqual(['absent']);
  // The new file may have the number of the old one.
  writeFileSync(file, line(1) + line(2));
  expect(texts(tail)).toEqual(['replaced']);
});

test('what is no log is refused, at each look, until it is replaced', () => {
  const cases: readonly [Buffer | string, RegExp][] = [
    [gzipSync('x'), /compressed \(gzip\)/],
    [Buffer.of(0xff, 0xd8, 0xff, 0xe0, 0, 0x10), /is not text/],
    [Buffer.from('{"a":\x00\x00\x00}\n'), /is not text/],
    ['x'.repeat(17 * 1024 * 1024), /has no line ends/],
  ];
  for (const [content, says] of cases) {
    const { file, tail } = newTail();
    writeFileSync(file, content);
    const untilItFails = (): void => {
      for (;;) tail.look();
    };
    for (let times = 0; times < 2; times += 1) expect(untilItFails).toThrow(says);
    writeFileSync(file, '');
    expect(texts(tail)).toEqual(['replaced']);
  }
  const { file, tail } = newTail();
  mkdirSync(file);
  expect(() => tail.look()).toThrow(/is not a file/);
});
