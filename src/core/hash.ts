// A keyed hash of 64 bits, for ids and for what was sent under them. Its multipliers are secret, so nobody can search for two texts with the
// same hash, or for many that collide in a table. Pure. It is fast for short input, where calling the system's own hash costs more.

/** The two halves of a hash, each an unsigned number of 32 bits. */
export interface Hash {
  readonly high: number;
  readonly low: number;
}

/** Hashes with the key of one log. */
export class Hasher {
  // One odd multiplier and one start value for each half.
  readonly #timesHigh: number;
  readonly #timesLow: number;
  readonly #startHigh: number;
  readonly #startLow: number;

  /** @param key 16 secret random bytes */
  constructor(key: Uint8Array) {
    this.#timesHigh = wordAt(key, 0) | 1;
    this.#timesLow = wordAt(key, 4) | 1;
    this.#startHigh = wordAt(key, 8);
    this.#startLow = wordAt(key, 12);
  }

  /** The hash of a short text in ASCII. @param more bytes that continue the text, from `start` to `end` */
  text(text: string, more: Uint8Array = NOTHING, start = 0, end = more.length): Hash {
    let high = this.#startHigh;
    let low = this.#startLow;
    const timesHigh = this.#timesHigh;
    const timesLow = this.#timesLow;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      high = Math.imul(high ^ code, timesHigh);
      high ^= high >>> 15;
      low = Math.imul(((low << 13) | (low >>> 19)) + code, timesLow);
    }
    for (let at = start; at < end; at++) {
      const code = more[at] ?? 0;
      high = Math.imul(high ^ code, timesHigh);
      high ^= high >>> 15;
      low = Math.imul(((low << 13) | (low >>> 19)) + code, timesLow);
    }
    return finish(high, low, text.length + end - start);
  }

  /** The hash of a text and bytes from `start` to `end`: of a recipient's name and a body, for example. */
  bytes(of: string, bytes: Uint8Array, start = 0, end = bytes.length): Hash {
    let { high, low } = this.text(of);
    const timesHigh = this.#timesHigh;
    const timesLow = this.#timesLow;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word = wordAt(bytes, at);
      high = Math.imul(high ^ word, timesHigh);
      high ^= high >>> 15;
      low = Math.imul(((low << 13) | (low >>> 19)) + word, timesLow);
    }
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      high = Math.imul(high ^ byte, timesHigh);
      high ^= high >>> 15;
      low = Math.imul(((low << 13) | (low >>> 19)) + byte, timesLow);
    }
    return finish(high, low, end - start);
  }
}

const NOTHING = new Uint8Array(0);

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) |
  ((bytes[at + 1] ?? 0) << 8) |
  ((bytes[at + 2] ?? 0) << 16) |
  ((bytes[at + 3] ?? 0) << 24);

// Makes each half depend on both halves and on the length.
function finish(high: number, low: number, length: number): Hash {
  let a = high ^ length;
  let b = low ^ Math.imul(a, 0x9e3779b1);
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35) ^ (a >>> 11);
  a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b);
  return { high: (a ^ (a >>> 16)) >>> 0, low: (b ^ (b >>> 13)) >>> 0 };
}
