// The grammar, byte by byte. PROTOCOL.md, "The grammar".

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decoded, DISCARD_FACTOR, FrameDecoder } from '../../src/wire/decoder.ts';
import { encodeFrame, MAX_LINE, parseNumber } from '../../src/wire/frame.ts';
import { seed } from '../seed.ts';

/** What a decoder finds, as text that can be compared, one line for each. */
function describeFound(found: Decoded): string {
  if (found.kind === 'fault') return `fault ${found.code}`;
  const header = found.kind === 'frame' ? found.frame : found.header;
  const fields = [...header.fields].map(([key, value]) => ` ${key}=${value}`).join('');
  if (found.kind === 'oversize') return `oversize ${header.verb}${fields} (${found.size})`;
  const { body } = found.frame;
  return `${header.verb}${fields}${body === undefined ? '' : ` |${body.toString('latin1')}|`}`;
}

/** Decodes bytes that come in the given pieces. */
function decode(pieces: readonly (string | Buffer)[], maxBody = 100): string[] {
  const decoder = new FrameDecoder(maxBody);
  const all: string[] = [];
  for (const piece of pieces) {
    decoder.push(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
    for (let found = decoder.next(); found !== undefined; found = decoder.next())
      all.push(describeFound(found));
  }
  return all;
}

const GOOD: readonly (readonly [bytes: string, found: readonly string[]])[] = [
  ['PING\n', ['PING']],
  ['PING\r\n', ['PING']],
  ['ACK seq=7\n', ['ACK seq=7']],
  ['ACK seq=7 colour=blue\r\n', ['ACK seq=7 colour=blue']],
  ['ACK seq=a=b\n', ['ACK seq=a=b']],
  ['ACK seq==\n', ['ACK seq==']],
  ['X a=!~\n', ['X a=!~']],
  ['X __proto__=1\n', ['fault malformed']],
  ['X constructor=1 tostring=2\n', ['X constructor=1 tostring=2']],
  ['SEND size=0\n\n', ['SEND size=0 ||']],
  ['SEND size=0\r\n\r\n', ['SEND size=0 ||']],
  ['SEND size=5 id=1\nhello\n', ['SEND size=5 id=1 |hello|']],
  ['SEND size=5\nhello\r\n', ['SEND size=5 |hello|']],
  ['SEND size=6\nhello\r', []],
  ['SEND size=6\nhello\r\n', ['SEND size=6 |hello\r|']],
  ['SEND size=6\nhello\r\n\n', ['SEND size=6 |hello\r|', 'fault malformed']],
  ['SEND size=3\n\n\n\n\n', ['SEND size=3 |\n\n\n|']],
  ['SEND size=2\n\r\n\r\n', ['SEND size=2 |\r\n|']],
  ['SEND size=7\nPING\nX\n\n', ['SEND size=7 |PING\nX\n|']],
  ['SEND size=2\n\x00\xff\nPING\n', ['SEND size=2 |\x00\xff|', 'PING']],
  ['PING\nPONG\nBYE\n', ['PING', 'PONG', 'BYE']],
  [`SEND size=101\n${'x'.repeat(101)}\nPING\n`, ['oversize SEND size=101 (101)', 'PING']],
  [`SEND size=101\n${'x'.repeat(101)}\r\nPING\n`, ['oversize SEND size=101 (101)', 'PING']],
  [`SEND size=101\n${'x'.repeat(102)}\n`, ['oversize SEND size=101 (101)', 'fault malformed']],
  [`SEND size=100\n${'x'.repeat(100)}\n`, [`SEND size=100 |${'x'.repeat(100)}|`]],
];

const BAD: readonly (readonly [bytes: string, code: string])[] = [
  ['\n', 'malformed'],
  ['\r\n', 'malformed'],
  [' \n', 'malformed'],
  ['ping\n', 'malformed'],
  ['Ping\n', 'malformed'],
  ['PING1\n', 'malformed'],
  ['PING \n', 'malformed'],
  [' PING\n', 'malformed'],
  ['PING\t\n', 'malformed'],
  ['PING\r\r\n', 'malformed'],
  ['PING\rPONG\n', 'malformed'],
  ['P\x00NG\n', 'malformed'],
  ['P\xc4NG\n', 'malformed'],
  ['A  b=1\n', 'malformed'],
  ['A b=1 \n', 'malformed'],
  ['A b=1\tc=2\n', 'malformed'],
  ['A b\n', 'malformed'],
  ['A b=\n', 'malformed'],
  ['A =1\n', 'malformed'],
  ['A B=1\n', 'malformed'],
  ['A b1=1\n', 'malformed'],
  ['A b=\x7f\n', 'malformed'],
  ['A b=\xe4\n', 'malformed'],
  ['A b=1 b=1\n', 'malformed'],
  ['A size=\n', 'malformed'],
  ['A size=-1\n', 'malformed'],
  ['A size=+1\n', 'malformed'],
  ['A size=01\n', 'malformed'],
  ['A size=00\n', 'malformed'],
  ['A size=1.0\n', 'malformed'],
  ['A size=1e2\n', 'malformed'],
  ['A size=0x1\n', 'malformed'],
  ['A size=1000000000000000\n', 'malformed'],
  ['A size=999999999999999\n', 'too_large'],
  ['A size=1601\n', 'too_large'],
  ['A size=1\nbb\n', 'malformed'],
  ['A size=1\nb\r\r\n', 'malformed'],
  ['A size=1\nb \n', 'malformed'],
  ['A size=0\n\r\r', 'malformed'],
];

describe('frames', () => {
  test.each(GOOD)('%j', (bytes, found) => {
    expect(decode([bytes])).toEqual(found);
  });

  test.each(BAD)('%j is a fault: %s', (bytes, code) => {
    expect(decode([bytes]).at(-1)).toBe(`fault ${code}`);
    // After a fault nothing is read or kept: nobody knows where the next frame begins.
    const decoder = new FrameDecoder(100);
    decoder.push(Buffer.from(bytes, 'latin1'));
    while (decoder.next() !== undefined);
    for (let i = 0; i < 3; i += 1) decoder.push(Buffer.from('PING\n'));
    expect(decoder.next()).toBeUndefined();
    expect(decoder.started).toBe(0);
  });
});

describe('split anywhere, the same is found', () => {
  test.each([...GOOD.map(([bytes]) => bytes), ...BAD.map(([bytes]) => bytes)])('%j', (bytes) => {
    const whole = decode([bytes]);
    expect(decode([...bytes])).toEqual(whole);
    for (let cut = 1; cut < bytes.length; cut += 1)
      expect(decode([bytes.slice(0, cut), bytes.slice(cut)]), `cut at ${cut}`).toEqual(whole);
  });

  test('in two places', () => {
    const bytes = 'SEND id=1 size=3\r\na\nb\r\nPING\nSEND size=0\n\n';
    const whole = decode([bytes]);
    expect(whole).toHaveLength(3);
    for (let one = 0; one <= bytes.length; one += 1)
      for (let two = one; two <= bytes.length; two += 1)
        expect(decode([bytes.slice(0, one), bytes.slice(one, two), bytes.slice(two)])).toEqual(whole);
  });
});

describe('a line', () => {
  const line = (length: number, end: string): string => `X a=${'v'.repeat(length - 4 - end.length)}${end}`;

  test.each(['\n', '\r\n'])('of exactly 1024 bytes, including %j, is accepted; one of 1025 is not', (end) => {
    expect(line(MAX_LINE, end)).toHaveLength(1024);
    expect(decode([line(MAX_LINE, end)])).toHaveLength(1);
    expect(decode([line(MAX_LINE, end)])[0]).toMatch(/^X a=v+$/);
    expect(decode([line(MAX_LINE + 1, end)])).toEqual(['fault malformed']);
    expect(decode([...line(MAX_LINE, end)])[0]).toMatch(/^X a=v+$/);
    expect(decode([...line(MAX_LINE + 1, end)])).toEqual(['fault malformed']);
  });

  test('that does not end is a fault at its 1024th byte, not earlier', () => {
    expect(decode(['x'.repeat(1023)])).toEqual([]);
    expect(decode(['x'.repeat(1024)])).toEqual(['fault malformed']);
    expect(decode(['x'.repeat(1023), 'x'])).toEqual(['fault malformed']);
  });

  test('is never written with more than 1024 bytes', () => {
    const fields = (length: number): [string, string][] => [['a', 'v'.repeat(length)]];
    expect(encodeFrame('X', fields(1024 - 5))).toHaveLength(1024);
    expect(() => encodeFrame('X', fields(1024 - 4))).toThrow(RangeError);
  });
});

describe('a body', () => {
  test.each([0, 1, 99, 100])('of %i bytes is accepted if 100 are allowed', (size) => {
    const body = 'b'.repeat(size);
    expect(decode([`X size=${size}\n${body}\n`])).toEqual([`X size=${size} |${body}|`]);
  });

  test('above the limit is reported from its header, before a byte of it has come', () => {
    expect(decode(['X size=101\n'])).toEqual(['oversize X size=101 (101)']);
  });

  test.each([
    [100 * DISCARD_FACTOR, ['oversize X size=1600 (1600)', 'PING']],
    [100 * DISCARD_FACTOR + 1, ['fault too_large']],
  ])('of %i bytes: %j', (size, found) => {
    const bytes = `X size=${size}\n${'b'.repeat(size)}\nPING\n`;
    expect(decode([bytes])).toEqual(found);
    expect(decode([...bytes])).toEqual(found);
  });

  test('that came in pieces does not change when the pieces do', () => {
    const decoder = new FrameDecoder(100);
    const piece = Buffer.from('hel');
    decoder.push(Buffer.from('X size=5\n'));
    expect(decoder.next()).toBeUndefined();
    decoder.push(piece);
    expect(decoder.next()).toBeUndefined();
    piece.fill('!');
    decoder.push(Buffer.from('lo\n'));
    const found = decoder.next();
    expect(found && describeFound(found)).toBe('X size=5 |hello|');
  });
});

test('frames that have started are counted, and those that have ended', () => {
  const decoder = new FrameDecoder(10);
  const states: [number, number][] = [];
  for (const piece of ['PI', 'NG\n', 'X size=2\n', 'a', 'b', '\n', 'X size=11\n', 'x'.repeat(11), '\nPI']) {
    decoder.push(Buffer.from(piece));
    while (decoder.next() !== undefined);
    states.push([decoder.started, decoder.ended]);
  }
  expect(states).toEqual([
    [2, 0],
    [0, 1],
    [9, 1],
    [10, 1],
    [11, 1],
    [0, 2],
    [10, 2],
    [21, 2],
    [2, 3],
  ]);
});

test.each([
  ['0', 0],
  ['7', 7],
  ['10', 10],
  ['999999999999999', 999_999_999_999_999],
  ['', undefined],
  ['00', undefined],
  ['07', undefined],
  ['-1', undefined],
  ['+1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  [' 1', undefined],
  ['1000000000000000', undefined],
  ['٣', undefined],
])('the number %j is %s', (text, number) => {
  expect(parseNumber(text)).toBe(number);
});

test('a value that breaks the grammar is not written', () => {
  for (const value of ['', ' ', 'a b', 'a\n', '\u00e4', '\t'])
    expect(() => encodeFrame('X', [['a', value]]), JSON.stringify(value)).toThrow(RangeError);
  expect(() => encodeFrame('X', [['A', '1']])).toThrow(RangeError);
  expect(encodeFrame('X', [['a', undefined]]).toString()).toBe('X\n');
});

const frame = fc.record({
  verb: fc.stringMatching(/^[A-Z]{1,12}$/),
  fields: fc
    .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[!-~]{1,20}$/)), {
      selector: ([key]) => key,
      maxLength: 8,
    })
    .map((all) => all.filter(([key]) => key !== 'size')),
  body: fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined }),
});

test('what is written can be read, however it is split', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat({ max: 2000 })),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ verb, fields, body }) => encodeFrame(verb, fields, body)));
        const at = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        const expected = frames.map(({ verb, fields, body }) => {
          const size = body === undefined ? '' : ` size=${body.length}`;
          const header = verb + fields.map(([key, value]) => ` ${key}=${value}`).join('') + size;
          return body === undefined ? header : `${header} |${Buffer.from(body).toString('latin1')}|`;
        });
        expect(decode(pieces)).toEqual(expected);
      },
    ),
    seed(),
  );
});

test('any bytes are read without harm, and with the same result however they are split', () => {
  const likely = fc.constantFrom(
    'PING',
    'SEND ',
    'id=1',
    'size=3',
    'size=200',
    ' ',
    '\n',
    '\r\n',
    'abc',
    '=',
    '\xff',
  );
  fc.assert(
    fc.property(fc.array(likely, { maxLength: 30 }), (words) => {
      const bytes = words.join('');
      expect(decode([...bytes])).toEqual(decode([bytes]));
    }),
    seed(),
  );
});
