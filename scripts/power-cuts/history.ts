// What the guest appends, as a function of a seed and of running numbers. Entry 1, 2, 3, … are decided before the first boot, so the host
// knows what must be there after entry n without having seen it: every body byte by byte, and which are live.
//
// Every fourth entry is a delete entry: it names the put entries that end with it. All others are put entries with a body. When a put entry
// ends is drawn from its number: most soon, a few late, so that segments are left behind with one live entry in them.

import { crc32 } from 'node:zlib';

/** Put entries live so many entries at most. */
const LONGEST_LIFE = 20_000;
const LARGEST_BODY = 20_000;
const POOL_SIZE = 4 * LARGEST_BODY;

/** An entry, read. A move brings a put entry again; `after` is the newest numbered entry before it. */
export type Entry =
  | { readonly kind: 'put'; readonly number: number; readonly body: Buffer }
  | { readonly kind: 'delete'; readonly number: number; readonly ended: readonly number[] }
  | { readonly kind: 'move'; readonly number: number; readonly after: number; readonly body: Buffer };

const KINDS = ['put', 'delete', 'move'] as const;

/** Reads an entry. @throws RangeError if it is none */
export function decode(bytes: Buffer): Entry {
  const kind = KINDS[bytes.readUInt8(0)];
  const number = bytes.readUIntLE(1, 6);
  if (kind === 'put') return { kind, number, body: bytes.subarray(7) };
  if (kind === 'move') return { kind, number, after: bytes.readUIntLE(7, 6), body: bytes.subarray(13) };
  if (kind !== 'delete') throw new RangeError(`entry of kind ${bytes.readUInt8(0)}`);
  const ended: number[] = [];
  for (let at = 7; at < bytes.length; at += 6) ended.push(bytes.readUIntLE(at, 6));
  return { kind, number, ended };
}

/** Writes an entry. @returns its parts, for the log to copy */
export function encode(entry: Entry): Buffer[] {
  const head = Buffer.alloc(entry.kind === 'move' ? 13 : 7);
  head.writeUInt8(KINDS.indexOf(entry.kind), 0);
  head.writeUIntLE(entry.number, 1, 6);
  if (entry.kind === 'move') head.writeUIntLE(entry.after, 7, 6);
  return [head, entry.kind === 'delete' ? encodeNumbers(entry.ended) : entry.body];
}

/** Numbers below 2^48, 6 bytes each. */
export function encodeNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(6 * numbers.length);
  numbers.forEach((number, index) => void bytes.writeUIntLE(number, 6 * index, 6));
  return bytes;
}

/** One value for a set of numbers, whatever order they come in. */
export function digest(numbers: Iterable<number>): number {
  return crc32(encodeNumbers([...numbers].sort((a, b) => a - b)));
}

/** The history of one seed. */
export class History {
  readonly #seed: number;
  readonly #pool = Buffer.alloc(POOL_SIZE);

  constructor(seed: number) {
    this.#seed = Math.imul(seed, 0x9e3779b1);
    for (let at = 0; at < POOL_SIZE; at += 4) this.#pool.writeUInt32LE(this.#draw(at, 0), at);
  }

  /** Is this the number of a delete entry? */
  deletes(number: number): boolean {
    return number % 4 === 0;
  }

  /** The body of a put entry. */
  body(number: number): Buffer {
    const size = this.#whole(number, 1, [0.7, 400], [0.95, 4_000], [1, LARGEST_BODY]);
    const start = this.#draw(number, 2) % (POOL_SIZE - LARGEST_BODY);
    return this.#pool.subarray(start, start + size);
  }

  /** The delete entry that ends a put entry. */
  endOf(number: number): number {
    const life = this.#whole(number, 3, [0.9, 60], [0.99, 1_000], [1, LONGEST_LIFE - 4]);
    return Math.ceil((number + life) / 4) * 4;
  }

  /** The put entries that are live after entry `number`. */
  liveAt(number: number): number[] {
    const live: number[] = [];
    for (let put = Math.max(1, number - LONGEST_LIFE); put <= number; put++) {
      if (!this.deletes(put) && this.endOf(put) > number) live.push(put);
    }
    return live;
  }

  // A whole number from 1 up to one of the limits, which apply with the given (cumulative) probabilities.
  #whole(number: number, use: number, ...limits: readonly (readonly [number, number])[]): number {
    const chance = this.#draw(number, 2 * use + 10) / 2 ** 32;
    const limit = limits.find(([up]) => chance < up)?.[1] ?? 1;
    return 1 + (this.#draw(number, 2 * use + 11) % limit);
  }

  // 32 bits that depend on seed, number and use alone (the finalizer of MurmurHash3).
  #draw(number: number, use: number): number {
    let mixed = (this.#seed ^ Math.imul(number, 0x85ebca6b) ^ Math.imul(use + 1, 0xc2b2ae35)) | 0;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }
}
