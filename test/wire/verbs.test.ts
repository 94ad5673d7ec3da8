// The table of verbs: which values a key accepts, what is missing, what is too new, and writing them back as bytes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { parseHeader } from '../../src/wire/frame.ts';
import { encode, isName, isToken, isVerb, type Message, readMessage, VERBS } from '../../src/wire/verbs.ts';
import { seed } from '../seed.ts';

/** Reads a header line, with a body if it has a size. */
function read(line: string, body = ''): ReturnType<typeof readMessage> {
  const header = parseHeader(line);
  if (typeof header === 'string') throw new Error(header);
  return readMessage({ ...header, body: header.fields.has('size') ? Buffer.from(body) : undefined });
}

/** The code of what is wrong with a line; `fine` if nothing is. */
function judge(line: string): string {
  const result = read(line);
  if ('message' in result) return 'fine';
  const { code, id } = result.unacceptable;
  return id === undefined ? code : `${code} id=${id}`;
}

describe('values', () => {
  test.each([
    ['a', true],
    ['bob', true],
    ['a-_9', true],
    ['a'.repeat(32), true],
    ['a'.repeat(33), false],
    ['', false],
    ['Bob', false],
    ['9a', false],
    ['_a', false],
    ['-a', false],
    ['a.b', false],
    ['a b', false],
    ['b\u00f6b', false],
    ['127.0.0.1', false],
  ])('the name %j: %s', (text, good) => {
    expect(isName(text)).toBe(good);
    expect(isName(`${text}\n`)).toBe(false);
  });

  test.each([
    ['1', true],
    ['aZ9._:-', true],
    ['x'.repeat(64), true],
    ['x'.repeat(65), false],
    ['', false],
    ['a/b', false],
    ['a b', false],
    ['\u00e4', false],
  ])('the id or token %j: %s', (text, good) => {
    expect(isToken(text)).toBe(good);
    expect(isToken(`${text}\n`)).toBe(false);
  });

  test.each([
    ['READY version=1 role=receiver as=b max=0 window=1', 'fine'],
    ['READY version=1 role=server as=b max=0 window=1', 'bad_value'],
    ['READY version=1 role=relay as=b max=0 window=0', 'bad_value'],
    ['READY version=2 role=server', 'version'],
    ['HELLO version=1 as=a heartbeat=1', 'fine'],
    ['HELLO version=1 as=a heartbeat=3600', 'fine'],
    ['HELLO version=1 as=a heartbeat=3601', 'bad_value'],
    ['HELLO version=3 nothing=else', 'version'],
    ['HELLO version=x as=a', 'bad_value'],
    ['SEND id=1 size=0', 'fine'],
    ['SEND id=1 size=0 ttl=1', 'fine'],
    ['SEND id=1 size=0 ttl=31536000', 'fine'],
    ['SEND id=1 size=0 ttl=0', 'bad_value id=1'],
    ['SEND id=1 size=0 ttl=31536001', 'bad_value id=1'],
    ['SEND id=1 size=0 notify=B', 'bad_value id=1'],
    ['SEND id=1', 'bad_value id=1'],
    ['SEND id=/ size=0', 'bad_value'],
    ['SEND size=0', 'bad_value'],
    ['STORED id=1 seq=1 present=never dup=yes', 'fine'],
    ['STORED id=1 seq=0 present=never', 'bad_value id=1'],
    ['STORED id=1 seq=1 present=maybe', 'bad_value id=1'],
    ['STORED id=1 seq=1 present=no dup=no', 'bad_value id=1'],
    ['REFUSED id=1 code=some_new_code size=0', 'fine'],
    ['REFUSED id=1 code=Busy size=0', 'bad_value id=1'],
    ['RECEIVE window=1', 'fine'],
    ['RECEIVE window=0', 'bad_value'],
    ['RECEIVE window=1 limit=0', 'bad_value'],
    ['MESSAGE seq=1 id=1 from=a at=0 held=0 attempt=1 size=0', 'fine'],
    ['MESSAGE seq=1 id=1 from=a at=0 held=0 attempt=0 size=0', 'bad_value id=1'],
    ['MESSAGE seq=1 id=1 from=a at=0 held=0 attempt=1', 'bad_value id=1'],
    ['PING size=0', 'fine'],
    ['BYE code=replaced', 'fine'],
    ['ERROR code=x size=0', 'fine'],
    ['ERROR code=x', 'bad_value'],
    ['NEVER id=1', 'unknown_verb'],
    ['TOSTRING', 'unknown_verb'],
  ])('%s: %s', (line, judgement) => {
    expect(judge(line)).toBe(judgement);
  });
});

test('words of JavaScript are not verbs', () => {
  for (const word of ['constructor', 'hasOwnProperty', '__proto__', 'toString', ''])
    expect(isVerb(word)).toBe(false);
});

test('a body that a verb does not need is ignored', () => {
  expect(read('PING size=2', 'hi')).toEqual({ message: { verb: 'PING' } });
  expect(read('RECEIVED id=1 size=2', 'hi')).toEqual({
    message: { verb: 'RECEIVED', id: '1', body: Buffer.from('hi') },
  });
});

test('keys are written in the order of the table, whatever order they were given in', () => {
  const message: Message = {
    notify: 'w-1',
    body: Buffer.from('x'),
    ttl: 5,
    id: '1',
    to: 'bob',
    verb: 'SEND',
  };
  expect(encode(message).toString()).toBe('SEND id=1 to=bob ttl=5 notify=w-1 size=1\nx\n');
});

/** A good value for each form in the table. */
const FORMS: Readonly<Record<string, fc.Arbitrary<string | number>>> = {
  NAME: fc.stringMatching(/^[a-z][a-z0-9_-]{0,31}$/),
  ID: fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
  TOKEN: fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
  CODE: fc.stringMatching(/^[a-z_]{1,32}$/),
  N: fc.integer({ min: 1, max: 999_999_999_999_999 }),
  BYTES: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  MS: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  EPOCH_MS: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  'N/N': fc.tuple(fc.nat(), fc.nat()).map((both) => both.join('/')),
  SECONDS: fc.integer({ min: 1, max: 3600 }),
};

const anyMessage = fc.constantFrom(...Object.keys(VERBS)).chain((verb) => {
  const { fields, body } = VERBS[verb as keyof typeof VERBS];
  const keys = Object.entries(fields).map(([key, { form, required }]) => {
    const value = FORMS[form] ?? fc.constantFrom(...form.split('|'));
    // A version above ours is another matter.
    const good: fc.Arbitrary<string | number> = key === 'version' ? fc.constant(1) : value;
    return [key, required ? good : fc.option(good, { nil: undefined })] as const;
  });
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
  return fc.record<Record<string, unknown>>({
    verb: fc.constant(verb),
    ...Object.fromEntries(keys),
    ...(body === 'required' && { body: bytes }),
    ...(body === 'optional' && { body: fc.option(bytes, { nil: undefined }) }),
  });
});

test('every message is read back as it was written', () => {
  fc.assert(
    fc.property(anyMessage, (given) => {
      const decoder = new FrameDecoder();
      decoder.push(encode(given as Message));
      const found = decoder.next();
      if (found?.kind !== 'frame') throw new Error(JSON.stringify(found));
      const expected = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      expect(readMessage(found.frame)).toEqual({ message: expected });
      expect(decoder.next()).toBeUndefined();
      expect(decoder.started).toBe(0);
    }),
    seed(),
  );
});
