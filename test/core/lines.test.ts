// Cutting bytes into lines: no byte changes, however the stream is cut into chunks, and no more of a line is kept than asked for.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineCutter } from '../../src/core/lines.ts';
import { seed } from '../seed.ts';

/** The lines of these chunks, as Latin-1; a line that is too long ends in `…`. */
function cut(most: number, ...chunks: string[]): string[] {
  const cutter = new LineCutter(most);
  const lines = [
    ...chunks.flatMap((chunk) => [...cutter.push(Buffer.from(chunk, 'latin1'))]),
    ...cutter.end(),
  ];
  return lines.map(
    ({ number, bytes, tooLong }) => `${number} ${bytes.toString('latin1')}${tooLong ? '…' : ''}`,
  );
}

test.each<[chunks: string[], lines: string[]]>([
  [[], []],
  [['a\nb\n'], ['1 a', '2 b']],
  [['a\nb'], ['1 a', '2 b']],
  [
    ['a\r\nb\r', '\nc\r'],
    ['1 a', '2 b', '3 c\r'],
  ],
  // Only \n ends a line: not a lone \r, and not a separator of Unicode (here U+2028).
  [['a\rb\n\xe2\x80\xa8\n'], ['1 a\rb', '2 \xe2\x80\xa8']],
  [
    ['\n\n', '\n'],
    ['1 ', '2 ', '3 '],
  ],
  [['caf\xe9\n\0\xff\n'], ['1 caf\xe9', '2 \0\xff']],
  // 4 bytes are allowed, whatever ends the line.
  [
    ['1234\n', '1234\r', '\n1234'],
    ['1 1234', '2 1234', '3 1234'],
  ],
  [
    ['12345', '6\nab\n'],
    ['1 1234…', '2 ab'],
  ],
  [
    ['1234\r', '5\nab\n'],
    ['1 1234…', '2 ab'],
  ],
  [['1234\r'], ['1 1234…']],
  [['12345\r\nab'], ['1 1234…', '2 ab']],
  [['1234567'], ['1 1234…']],
])('%j', (chunks, lines) => {
  expect(cut(4, ...chunks)).toEqual(lines);
});

test('a line without end is reported when it becomes too long, once', () => {
  const cutter = new LineCutter(3);
  expect([...cutter.push(Buffer.from('abc'))]).toEqual([]);
  expect([...cutter.push(Buffer.from('d'))]).toMatchObject([{ number: 1, tooLong: true }]);
  expect([...cutter.push(Buffer.alloc(1000, 'x')), ...cutter.end()]).toEqual([]);
});

test('where the chunks begin and end makes no difference', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n', '\xe9'), maxLength: 40 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.integer({ min: 0, max: 6 }), (chunks, most) => {
      expect(cut(most, ...chunks)).toEqual(cut(most, chunks.join('')));
      const bare = chunks.join('').split('\n');
      if (bare.at(-1) === '') bare.pop();
      const ended = chunks.join('').endsWith('\n') ? bare.length : bare.length - 1;
      const lines = bare.map((line, index) => (index < ended ? line.replace(/\r$/, '') : line));
      expect(cut(100_000, chunks.join(''))).toEqual(lines.map((line, index) => `${index + 1} ${line}`));
    }),
    seed(),
  );
});
