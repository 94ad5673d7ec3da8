// How wide a text is in a terminal, and wrapping that respects it.

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { cellsOf, padTo, widthOf } from '../../src/core/width.ts';
import { hanging, wrap } from '../../src/core/wrap.ts';
import { TextLine } from '../../src/trace/text-line.ts';
import { seed } from '../seed.ts';

test.each([
  ['hello', 5],
  ['', 0],
  ['Zoë', 3],
  ['Zoe\u0308', 3],
  ['├──►│', 5],
  ['你好', 4],
  ['ｆｕｌｌ', 8],
  ['ﾊﾝ', 2],
  ['한글', 4],
  ['\u1112\u1161\u11ab', 2],
  ['👍🏽', 2],
  ['👩‍💻', 2],
  ['🇩🇪', 2],
  ['❤️', 2],
  ['❤', 1],
  ['\u0301', 0],
  ['\\xff', 4],
])('%s takes %d columns', (text, columns) => {
  expect(widthOf(text)).toBe(columns);
  expect(widthOf(padTo(text, 20))).toBe(20);
});

const text = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '你', '👩‍💻', 'e\u0301', '─', '\\xff'),
  maxLength: 60,
});

describe('wrap', () => {
  it('breaks between words, and keeps a path whole', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('see /a/very/long/path now', 8)).toEqual(['see', '/a/very/long/path', 'now']);
    expect(hanging('to: ', 'one two', 8)).toEqual(['to: one', '    two']);
  });

  it('counts columns, and breaks a long text without blanks between wide characters', () => {
    expect(wrap('你好 你好', 8)).toEqual(['你好', '你好']);
    expect(wrap('你好 你好', 9)).toEqual(['你好 你好']);
    expect(wrap('a 你好你好你好', 8)).toEqual(['a 你好你', '好你好']);
    expect(hanging('鲍: ', '你好 你好', 9)).toEqual(['鲍: 你好', '    你好']);
  });

  it('loses nothing, and keeps to its columns unless a narrow word is longer', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), (given, columns) => {
        const lines = wrap(given, columns);
        expect(lines.join('').replaceAll(' ', '')).toBe(given.replaceAll(' ', ''));
        for (const line of lines)
          expect(widthOf(line) <= columns || (!line.includes(' ') && !/[你👩]/u.test(line)), line).toBe(true);
      }),
      { ...seed(), numRuns: 500 },
    );
  });
});

test('a line that is written over in any order has its columns, and the last text whole', () => {
  const writes = fc.array(fc.tuple(fc.integer({ min: -5, max: 20 }), text), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(writes, fc.integer({ min: 0, max: 9 }), (before, at) => {
      const line = new TextLine(20);
      for (const [column, some] of before) line.put(column, some);
      line.put(at, '鲍bob鲍');
      const cells = cellsOf(`${padTo(line.toString(), 20)}`);
      expect(cells.reduce((sum, { columns }) => sum + columns, 0)).toBe(20);
      let column = 0;
      const found = cells.filter((cell) => {
        const inside = column >= at && column < at + 7;
        column += cell.columns;
        return inside;
      });
      expect(found.map((cell) => cell.text).join('')).toBe('鲍bob鲍');
    }),
    { ...seed(), numRuns: 500 },
  );
});
