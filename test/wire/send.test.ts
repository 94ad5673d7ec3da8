// The fast path for SEND, which is read in place, and for answers that are written together, compared with the plain way: frame.ts and verbs.ts.

import { expect, test } from 'vitest';
import { prng as randomFrom } from '../../src/core/prng.ts';
import { MessageBatch, StoredBatch } from '../../src/wire/batch.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { readSend, type SendFrame, sendFrame } from '../../src/wire/send.ts';
import { encode, type Message, readMessage, VERBS } from '../../src/wire/verbs.ts';
import { seed } from '../seed.ts';

const chosen = seed().seed;
const MOST = 100;

/** What a SEND says, its bytes, and where the next frame begins. */
const shown = (send: SendFrame) => {
  const { id, to, ttl, notify, size } = send;
  const [body, raw] = [send.body.toString('latin1'), send.raw.toString('latin1')];
  return { id, to, ttl, notify, size, body, raw };
};

/** The SEND at the beginning of these bytes, read the plain way; undefined if there is anything else. */
function plain(bytes: Buffer): ReturnType<typeof shown> | undefined {
  const decoder = new FrameDecoder(MOST);
  decoder.push(bytes);
  const found = decoder.next();
  if (found?.kind !== 'frame') return undefined;
  const result = readMessage(found.frame);
  if (!('message' in result) || result.message.verb !== 'SEND') return undefined;
  return shown(sendFrame(found.frame, result.message));
}

/** Compares the two. What is read in place must be what the plain way reads. @returns was it read in place? */
function same(bytes: Buffer): boolean {
  const quick = readSend(bytes, 0, MOST);
  if (quick !== undefined) expect(shown(quick)).toEqual(plain(bytes));
  return quick !== undefined;
}

const SENDS: readonly Message<'SEND'>[] = [
  { verb: 'SEND', id: 'a', body: Buffer.from('') },
  { verb: 'SEND', id: 'a', to: 'bob', body: Buffer.from('hello') },
  { verb: 'SEND', id: 'A.b_c:d-9', to: 'w-1', ttl: 1, body: Buffer.from('\r\n\0\xff', 'latin1') },
  {
    verb: 'SEND',
    id: 'x'.repeat(64),
    to: `b${'-'.repeat(31)}`,
    ttl: 31_536_000,
    notify: 'ann',
    body: Buffer.alloc(MOST, '\n'),
  },
  { verb: 'SEND', id: '1', notify: 'z_', body: Buffer.from('SEND id=2 size=0\n\n') },
];

// The types cannot tell: an optional key that is missing there is dropped without a word.
test.each([
  ['SEND', 'send.ts', ['id', 'to', 'ttl', 'notify']],
  ['STORED', 'batch.ts', ['id', 'seq', 'present', 'dup']],
  ['MESSAGE', 'batch.ts', ['seq', 'id', 'from', 'at', 'held', 'attempt', 'kind', 'tried']],
] as const)('a key that is added to %s is added to %s, too', (verb, _, keys) => {
  expect(Object.keys(VERBS[verb].fields)).toEqual(keys);
});

test.each(SENDS)('what a client writes is read in place: $id', (message) => {
  const bytes = encode(message);
  expect(same(bytes)).toBe(true);
  expect(same(Buffer.from(bytes.toString('latin1').replace('\n', '\r\n'), 'latin1'))).toBe(true);
  // It is the same in a chunk with other frames.
  const around = Buffer.concat([bytes, bytes, Buffer.from('PING\n')]);
  const second = readSend(around, bytes.length, MOST);
  expect(second && shown(second)).toEqual(plain(bytes));
  expect(second?.end).toBe(2 * bytes.length);
  expect(readSend(around, 2 * bytes.length, MOST)).toBeUndefined();
});

test('part of a SEND is not read', () => {
  for (const message of SENDS) {
    const bytes = encode(message);
    for (let end = 0; end < bytes.length; end++)
      expect(readSend(bytes.subarray(0, end), 0, MOST)).toBeUndefined();
  }
});

test('whatever single byte is changed, reading in place gives the same as the plain way', {
  tags: ['slow'],
}, () => {
  let quick = 0;
  for (const message of SENDS) {
    const bytes = encode(message);
    for (let at = 0; at < bytes.length; at++)
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        if (same(changed)) quick += 1;
      }
  }
  expect(quick).toBeGreaterThan(1000);
});

test('a body or a number above the limit, and another order of keys, are left to the plain way', () => {
  const lines = [
    `SEND id=a size=${MOST + 1}`,
    'SEND id=a size=000000001',
    'SEND id=a size=01',
    'SEND id=a ttl=0 size=1',
    'SEND id=a ttl=31536001 size=1',
    'SEND to=bob id=a size=1',
    'SEND id=a to=bob colour=blue size=1',
    'SEND id=a to=bob size=1 ',
    'SEND id= size=1',
    `SEND id=${'x'.repeat(65)} size=1`,
    `SEND id=a to=${'x'.repeat(33)} size=1`,
    'SEND id=a to=9 size=1',
  ];
  for (const line of lines)
    expect(readSend(Buffer.from(`${line}\n${'x'.repeat(MOST + 1)}\n`), 0, MOST), line).toBeUndefined();
});

test('random frames made of pieces of good ones', { tags: ['slow'] }, () => {
  const chance = randomFrom(chosen);
  const below = (most: number): number => Math.floor(chance() * most);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const [verbs, keys] = [
    ['SEND', 'SENDS', 'send', 'ACK'],
    ['id', 'to', 'ttl', 'notify', 'size', 'kind', 'Id'],
  ];
  const values = [
    'a',
    'bob',
    'w-x',
    '0',
    '1',
    '7',
    '12',
    '99999999',
    '999999999',
    'B',
    'x'.repeat(64),
    '',
    'a=b',
  ];
  const [between, ends] = [
    [' ', ' ', ' ', ' ', '  ', '\t'],
    ['\n', '\n', '\r\n', '\r', '\n\n', ''],
  ];
  let quick = 0;
  for (let run = 0; run < 200_000; run++) {
    const fields = Array.from({ length: below(5) }, () => `${one(between)}${one(keys)}=${one(values)}`);
    const ordered = chance() < 0.7 ? [' id=a1', ...fields.slice(0, 2), ` size=${below(4)}`] : fields;
    const text = `${one(verbs)}${ordered.join('')}${one(ends)}${'xyz\n'.slice(below(4))}${one(ends)}PING\n`;
    if (same(Buffer.from(text, 'latin1'))) quick += 1;
  }
  expect(quick).toBeGreaterThan(1000);
});

test('frames are the same wherever the stream is split, with and without the fast path', () => {
  const frames = SENDS.flatMap((message) => [encode(message), Buffer.from('PING\n')]);
  const stream = Buffer.concat(frames);
  for (let cut = 0; cut <= stream.length; cut++) {
    const decoder = new FrameDecoder(MOST);
    const read: string[] = [];
    let ended = 0;
    for (const part of [stream.subarray(0, cut), stream.subarray(cut)]) {
      decoder.push(part);
      for (;;) {
        const send = decoder.quick(readSend);
        const found = send === undefined ? decoder.next() : undefined;
        if (send === undefined && found === undefined) break;
        read.push(
          (send?.raw ?? (found?.kind === 'frame' ? found.frame.raw : Buffer.from('?'))).toString('latin1'),
        );
        ended += 1;
        expect(decoder.ended).toBe(ended);
      }
    }
    expect(read, `cut at ${cut}`).toEqual(frames.map((frame) => frame.toString('latin1')));
    expect(decoder.started).toBe(0);
  }
});

const numbers = [1, 9, 10, 11, 99, 100, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 999_999_999_999_999];

test('STORED lines written together are the same as written one by one', () => {
  const chance = randomFrom(chosen + 1);
  const below = (most: number): number => Math.floor(chance() * most);
  const lines = new StoredBatch();
  const all: Buffer[] = [];
  for (let n = 0; n < 5000; n++) {
    const id = Array.from({ length: 1 + below(64) }, () => 'azAZ09._:-'.charAt(below(10))).join('');
    const send = readSend(
      encode({ verb: 'SEND', id, to: 'bob', body: Buffer.alloc(0) }),
      0,
      MOST,
    ) as SendFrame;
    const seq = numbers[n] ?? 1 + below(10 ** (1 + below(15)));
    const present = (['yes', 'no', 'never'] as const)[below(3)] ?? 'no';
    const dup = chance() < 0.5;
    lines.add(send, seq, present, dup);
    all.push(encode({ verb: 'STORED', id, seq, present, dup: dup ? 'yes' : undefined }));
  }
  expect(lines.count).toBe(5000);
  expect(lines.bytes.equals(Buffer.concat(all))).toBe(true);
});

test('messages written together are the same as written one by one', () => {
  const chance = randomFrom(chosen + 2);
  const below = (most: number): number => Math.floor(chance() * most);
  const number = (n: number): number => numbers[n] ?? 1 + below(10 ** (1 + below(15)));
  const one = <T>(...choices: readonly T[]): T => choices[below(choices.length)] as T;
  const text = (most: number): string =>
    Array.from({ length: 1 + below(most) }, () => one('a', 'z', 'A', 'Z', '0', '9', '-')).join('');
  const batch = new MessageBatch();
  const all: Buffer[] = [];
  for (let n = 0; n < 3000; n++) {
    const body = Buffer.from(Array.from({ length: one(0, 1, 128, below(3000)) }, () => below(256)));
    const names = { id: text(64), from: `a${text(31)}` };
    const numbered = { seq: number(n), at: number(n), held: below(2) * number(n), attempt: number(n) };
    const kind = one('receipt' as const, 'bounce' as const, undefined);
    const message = {
      ...names,
      ...numbered,
      kind,
      tried: one('yes' as const, 'no' as const, undefined),
      body,
    };
    batch.add(message);
    all.push(encode({ verb: 'MESSAGE', ...message }));
  }
  expect([batch.count, batch.size]).toEqual([3000, batch.bytes.length]);
  expect(batch.bytes.equals(Buffer.concat(all))).toBe(true);
});
