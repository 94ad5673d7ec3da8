import { expect, test } from 'vitest';
import { type Hash, Hasher } from '../../src/core/hash.ts';
import { prng as randomFrom } from '../../src/core/prng.ts';
import { seed } from '../seed.ts';

const chosen = seed().seed;

/** A key of 16 bytes. */
function keyFrom(chance: () => number): Buffer {
  return Buffer.from(Array.from({ length: 16 }, () => Math.floor(chance() * 256)));
}

const hasher = new Hasher(keyFrom(randomFrom(chosen)));
const textOf = ({ high, low }: Hash): string => `${high}.${low}`;

/** How many of the 64 bits differ. */
function distance(a: Hash, b: Hash): number {
  let bits = 0;
  for (let word of [a.high ^ b.high, a.low ^ b.low]) for (; word !== 0; word &= word - 1) bits += 1;
  return bits;
}

test('the same input has the same hash, even with another hasher with the same key', () => {
  const key = keyFrom(randomFrom(1));
  const [one, two] = [new Hasher(key), new Hasher(Buffer.from(key))];
  const body = Buffer.from('a body of some length');
  expect(one.text('ann id-1')).toEqual(one.text('ann id-1'));
  expect(one.text('ann id-1')).toEqual(two.text('ann id-1'));
  expect(one.bytes('bob', body)).toEqual(two.bytes('bob', Buffer.from(body)));
});

test('it depends only on the bytes, wherever they are in memory', () => {
  const around = Buffer.from('..........a body of some length..........');
  const body = Buffer.from('a body of some length');
  for (let at = 0; at < 8; at++) {
    const moved = Buffer.concat([Buffer.alloc(at), body]).subarray(at);
    expect(hasher.bytes('bob', moved)).toEqual(hasher.bytes('bob', body));
  }
  expect(hasher.bytes('bob', around.subarray(10, 10 + body.length))).toEqual(hasher.bytes('bob', body));
});

test('a text that ends within a buffer, and a part of a buffer, have the same hash as alone', () => {
  const around = Buffer.from('..id-1..');
  expect(hasher.text('ann ', around, 2, 6)).toEqual(hasher.text('ann id-1'));
  expect(hasher.text('ann ', Buffer.from('id-1'))).toEqual(hasher.text('ann id-1'));
  for (let start = 0; start <= around.length; start++)
    for (let end = start; end <= around.length; end++)
      expect(hasher.bytes('bob', around, start, end)).toEqual(
        hasher.bytes('bob', around.subarray(start, end)),
      );
});

// The hash is in checkpoints and entries: another hash for the same input would make every repeat a new message.
test('it never changes', () => {
  const fixed = new Hasher(Buffer.from('0123456789abcdef'));
  expect({
    nothing: fixed.text(''),
    text: fixed.text('ann id-1'),
    bytes: fixed.bytes('bob', Buffer.from('hello, bob')),
  }).toMatchInlineSnapshot(`
    {
      "bytes": {
        "high": 3680440958,
        "low": 122456563,
      },
      "nothing": {
        "high": 605054192,
        "low": 1367026115,
      },
      "text": {
        "high": 951689404,
        "low": 582084254,
      },
    }
  `);
});

test('another key gives another hash, whichever bit differs', () => {
  const key = keyFrom(randomFrom(2));
  const seen = new Set([textOf(new Hasher(key).text('ann id-1'))]);
  let same = 0;
  for (let bit = 0; bit < 128; bit++) {
    const other = Buffer.from(key);
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const hash = textOf(new Hasher(other).text('ann id-1'));
    if (seen.has(hash)) same += 1;
    seen.add(hash);
  }
  // The lowest bit of both multipliers is always set.
  expect(same).toBeLessThanOrEqual(2);
});

test('changing any bit changes it, in the text and in the bytes', { tags: ['slow'] }, () => {
  const chance = randomFrom(chosen + 1);
  for (let length = 1; length <= 67; length++) {
    const bytes = Buffer.from(Array.from({ length }, () => Math.floor(chance() * 128)));
    const [text, body] = [textOf(hasher.text(bytes.toString('latin1'))), textOf(hasher.bytes('bob', bytes))];
    for (let bit = 0; bit < 8 * length; bit++) {
      const other = Buffer.from(bytes);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(textOf(hasher.text(other.toString('latin1')))).not.toBe(text);
      expect(textOf(hasher.bytes('bob', other))).not.toBe(body);
    }
  }
});

test('zeros count, and so does the border between name and body', () => {
  const bodies = Array.from({ length: 70 }, (_, length) => textOf(hasher.bytes('bob', Buffer.alloc(length))));
  expect(new Set(bodies).size).toBe(70);
  const splits = Array.from({ length: 9 }, (_, at) =>
    textOf(hasher.bytes('bobcarol'.slice(0, at), Buffer.from('bobcarol'.slice(at)))),
  );
  expect(new Set(splits).size).toBe(9);
});

test.each([1, 2, 3])(
  'no two of 200,000 similar texts have the same hash, and no two bodies (%i)',
  { tags: ['slow'] },
  (n) => {
    const keyed = new Hasher(keyFrom(randomFrom(chosen + n)));
    const [seen, high, low] = [new Set<string>(), new Set<number>(), new Set<number>()];
    const add = (hash: Hash): void => {
      seen.add(textOf(hash));
      high.add(hash.high);
      low.add(hash.low);
    };
    for (let i = 0; i < 50_000; i++) {
      add(keyed.text(`ann ${i}`));
      add(keyed.text(`sensor-${i % 100} ${String(Math.floor(i / 100)).padStart(40, '0')}`));
      add(keyed.bytes('bob', Buffer.from(`{"n":${i}}`)));
      add(keyed.bytes(`b${i % 10}`, Buffer.from([i & 255, 0, 0, 0, i >> 8, 0, 0, 0])));
    }
    expect(seen.size).toBe(200_000);
    // By chance, 200,000 numbers of 32 bits have some 5 pairs. The table uses the lower half.
    expect(high.size).toBeGreaterThan(199_900);
    expect(low.size).toBeGreaterThan(199_900);
  },
);

test('both halves are unsigned 32-bit numbers and use all bits', () => {
  let [highest, lowest] = [0, 2 ** 32];
  for (let i = 0; i < 2000; i++)
    for (const half of [
      ...Object.values(hasher.text(`ann ${i}`)),
      ...Object.values(hasher.bytes('bob', Buffer.from(`${i}`))),
    ]) {
      expect(half).toBe(half >>> 0);
      highest = Math.max(highest, half);
      lowest = Math.min(lowest, half);
    }
  expect(highest).toBeGreaterThan(0xff00_0000);
  expect(lowest).toBeLessThan(0x0100_0000);
});

test('one bit of the input changes about half of the bits of the hash', () => {
  const chance = randomFrom(chosen + 4);
  const rounds = 60;
  for (const length of [1, 8, 40]) {
    const changed = {
      text: new Array<number>(8 * length).fill(0),
      body: new Array<number>(8 * length).fill(0),
    };
    for (let round = 0; round < rounds; round++) {
      const keyed = new Hasher(keyFrom(chance));
      const bytes = Buffer.from(Array.from({ length }, () => Math.floor(chance() * 256)));
      const text = keyed.text(bytes.toString('latin1'));
      const body = keyed.bytes('bob', bytes);
      for (let bit = 0; bit < 8 * length; bit++) {
        const other = Buffer.from(bytes);
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        changed.text[bit] = (changed.text[bit] ?? 0) + distance(text, keyed.text(other.toString('latin1')));
        changed.body[bit] = (changed.body[bit] ?? 0) + distance(body, keyed.bytes('bob', other));
      }
    }
    // On average over keys and inputs, for each changed bit.
    for (const all of Object.values(changed))
      for (const sum of all) {
        expect(sum / rounds).toBeGreaterThan(20);
        expect(sum / rounds).toBeLessThan(44);
      }
  }
});
