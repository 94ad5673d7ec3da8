// What a message looks like: whatever its text is, nobody takes it for another message or for what detour says itself.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BODY_MARK, saidBy } from '../../../src/cli/render/showing.ts';
import { cellsOf, mostColumnsOf, widthOf } from '../../../src/core/width.ts';
import { chop } from '../../../src/core/wrap.ts';
import { seed } from '../../seed.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Every text in quotes in the source: all that detour can print, and more. */
const SENTENCES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => [...read(`src/${file}`).matchAll(/'((?:[^'\\\n]|\\.)+)'|`((?:[^`\\]|\\.)+)`/g)])
  .flatMap(([, quoted, template]) => (quoted ?? template ?? '').split(/\n|\\n/));

const mostOf = (line: string): number => cellsOf(line).reduce((sum, cell) => sum + mostColumnsOf(cell), 0);

describe('a message', () => {
  test('its first line has the name of the sender, and each other line the mark', () => {
    expect(saidBy('alice', Buffer.from('hi\nanswered RECEIVED, id f0\n'))).toEqual([
      'alice: hi',
      '     | answered RECEIVED, id f0',
    ]);
    expect(saidBy('alice', Buffer.from(''))).toEqual(['alice: ']);
    expect(saidBy('alice', Buffer.from('\n\nx'))).toEqual(['alice: ', '     | ', '     | x']);
  });

  test('on a terminal a long line goes on after the mark, not at the left margin', () => {
    expect(saidBy('alice', Buffer.from(`${'x'.repeat(33)}  answered RECEIVED, id f0`), 40)).toEqual([
      `alice: ${'x'.repeat(33)}`,
      '     |   answered RECEIVED, id f0',
    ]);
    expect(saidBy('alice', Buffer.from('to be, or not to be, that is the question: whether'), 40)).toEqual([
      'alice: to be, or not to be, that is the ',
      '     | question: whether',
    ]);
  });

  test('a body that repeats every sentence of detour has the mark on each line', () => {
    expect(SENTENCES).toContain('  thawed');
    for (const width of [40, Number.POSITIVE_INFINITY])
      for (const between of ['\n', '\u00a0']) {
        const [first, ...more] = saidBy('alice', Buffer.from(SENTENCES.join(between)), width);
        expect(first?.startsWith('alice: ')).toBe(true);
        expect(more.filter((line) => !line.startsWith(BODY_MARK))).toEqual([]);
        expect([first ?? '', ...more].filter((line) => mostOf(line) > width)).toEqual([]);
      }
  });

  test('no line of detour itself begins with the mark', () => {
    expect(SENTENCES.filter((line) => line.startsWith(BODY_MARK))).toEqual([BODY_MARK]);
  });

  test('no terminal breaks a line of it, whatever it is made of', () => {
    const unit = fc.constantFrom(
      'a',
      ' ',
      '你',
      'é',
      '👩‍👩‍👧',
      '🇩',
      '\u0301',
      '\u200d',
      '👍🏽',
      '❤️',
      '\n',
      '\ud83d',
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 400 }), fc.integer({ min: 39, max: 100 }), (text, width) => {
        for (const line of saidBy('alice', Buffer.from(text), width))
          expect(mostOf(line)).toBeLessThanOrEqual(width);
      }),
      { ...seed(), numRuns: 300 },
    );
  });
});

describe('a line that is broken anywhere', () => {
  test('loses nothing', () => {
    const unit = fc.constantFrom('a', ' ', '你', '👩‍👩‍👧', '\u0301', '🇩');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 300 }), fc.integer({ min: 31, max: 60 }), (text, columns) => {
        expect(chop(text, columns).join('')).toBe(text);
      }),
      { ...seed(), numRuns: 300 },
    );
  });

  // It took hours and all memory: a megabyte is what a stranger may send.
  const megabyteOf = (text: string): void => {
    const body = Buffer.from(text.repeat(Math.floor(1_048_576 / Buffer.byteLength(text))));
    const lines = saidBy('alice', body, 79);
    expect(lines.length).toBeGreaterThan(1000);
    expect(widthOf(lines.join('').slice(0, 1_048_576))).toBeGreaterThan(1000);
  };
  test('a megabyte is shown and measured at once', () => megabyteOf('é'));
  test.each(['\x1b', '😀', '👩‍👩‍👧', '\u0301', '\u00a0', ' ', '\n', '\u202e', '🇩', '👩\u200d'])(
    'a megabyte of %j, too',
    { tags: ['slow'] },
    megabyteOf,
  );
});
