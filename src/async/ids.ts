// The ids that the relay remembers, so that a repeat is recognised: one table over all sessions, and for each session its last ids. It keeps
// hashes, not ids, and points into no segment of the log. Pure: the time is an argument. PROTOCOL.md, "Repeats".

import type { Hash } from '../core/hash.ts';
import { Queue, type Queued } from '../core/queue.ts';

/** A session's ids are remembered at least so long after its last SEND, in milliseconds. PROTOCOL.md, "Limits". */
export const REMEMBER_MS = 10 * 60 * 1000;
/** A session that repeats what it holds is noted so often at most. */
export const NOTE_MS = 60 * 1000;
/** A session that has been silent for longer is forgotten, ids and all. */
export const FORGET_MS = REMEMBER_MS + NOTE_MS;
/** Different ids that are remembered for each session: twice the window. */
export const IDS_PER_SESSION = 512;
/** What one run forgets at the most, in links: so that none takes long. */
const FORGET_LINKS = 2000;

/** A message that was sent under an id. */
export interface Sent {
  /** The hash of name and id. */
  readonly key: Hash;
  readonly seq: number;
  /** The hash of recipient and body: is it the same message? */
  readonly proof: Hash;
}

/** A session, which may be one connection. */
export interface SessionIds extends Queued<SessionIds> {
  /** Its name and its token, with a space between. */
  readonly name: string;
  /** When its last SEND was logged, by the age clock for sessions, in milliseconds. */
  last: number;
  /** Records of its last different ids, in the order in which it first sent them. */
  readonly ids: number[];
  /** The address that it counts for; undefined: for nobody. No part of the state. */
  address?: string;
}

/** Records of one array: 256 KiB. */
const PART = 8192;
const WORDS = 8;
const SMALLEST_HEADS = 4096;

//   word 0     1        2      3          4           5            6      7
//   key high, key low, seq high, seq low, proof high, proof low, links, next in its chain
/** The remembered ids of all sessions. */
export class RememberedIds {
  readonly #parts: Uint32Array[] = [];
  /** Of each chain of records with like hashes the first, plus 1; 0: none. */
  #heads = new Uint32Array(SMALLEST_HEADS);
  /** The first unused record, plus 1, chained by `next`; above `#made` none was ever used. */
  #unused = 0;
  #made = 0;
  #count = 0;
  #links = 0;
  readonly #sessions = new Map<string, SessionIds>();
  /** In the order of their last SEND, the longest ago first. */
  readonly sessions = new Queue<SessionIds>();
  /** Is told of links that a session has more, or less: after its ids have changed. */
  account: ((session: SessionIds, links: number) => void) | undefined;

  /** Different ids. */
  get count(): number {
    return this.#count;
  }

  /** Records that there are, used or not. */
  get most(): number {
    return this.#made;
  }

  /** Links between a session and an id: this is what is limited, for an id may be remembered by many sessions. */
  get links(): number {
    return this.#links;
  }

  /** The record of an id, by the hash of name and id, over all sessions; -1: it is not remembered. */
  find({ high, low }: Hash): number {
    let next = this.#heads[low & (this.#heads.length - 1)] ?? 0;
    while (next !== 0) {
      const { words, at } = this.#place(next - 1);
      if (words[at] === high && words[at + 1] === low) return next - 1;
      next = words[at + 7] ?? 0;
    }
    return -1;
  }

  /** What a record says. */
  sent(record: number): Sent {
    const { words, at } = this.#place(record);
    const word = (index: number): number => words[at + index] ?? 0;
    return {
      key: { high: word(0), low: word(1) },
      seq: word(2) * 2 ** 32 + word(3),
      proof: { high: word(4), low: word(5) },
    };
  }

  /** A session by its name and token; undefined if nothing of it is remembered. */
  session(name: string): SessionIds | undefined {
    return this.#sessions.get(name);
  }

  /**
   * What `forget` would forget. Asked before a run is admitted.
   * @param now the age clock for sessions, in milliseconds
   */
  forgettable(now: number): { readonly sessions: number; readonly links: number } {
    let [sessions, links] = [0, 0];
    for (const { last, ids } of this.sessions) {
      if (now - last <= FORGET_MS || links + ids.length > FORGET_LINKS) break;
      sessions += 1;
      links += ids.length;
    }
    return { sessions, links };
  }

  /** Forgets sessions that have been silent for long enough. Every SEND run and REPEAT begins with it. */
  forget(now: number): void {
    for (let { sessions } = this.forgettable(now); sessions > 0; sessions--) {
      const session = this.sessions.first as SessionIds;
      this.sessions.remove(session);
      this.#sessions.delete(session.name);
      const gone = session.ids.splice(0);
      for (const record of gone) this.#unlink(record);
      this.account?.(session, -gone.length);
    }
  }

  /** A message was sent, or sent again, by a session: the record of its id is set, and the session holds it. */
  remember(name: string, now: number, { key, seq, proof }: Sent): void {
    const session = this.#touch(name, now);
    const found = this.find(key);
    const record = found < 0 ? this.#make(key) : found;
    const { words, at } = this.#place(record);
    words[at + 2] = Math.floor(seq / 2 ** 32);
    words[at + 3] = seq;
    words[at + 4] = proof.high;
    words[at + 5] = proof.low;
    if (found >= 0 && session.ids.includes(record)) return;
    session.ids.push(record);
    words[at + 6] = (words[at + 6] ?? 0) + 1;
    this.#links += 1;
    this.account?.(session, 1);
    if (session.ids.length <= IDS_PER_SESSION) return;
    this.#unlink(session.ids.shift() as number);
    this.account?.(session, -1);
  }

  /** The records as they are now, to be kept in a checkpoint. */
  freeze(): Uint32Array {
    const records = new Uint32Array(this.#made * WORDS);
    for (const [index, words] of this.#parts.entries())
      records.set(
        words.subarray(0, Math.min(words.length, (this.#made - index * PART) * WORDS)),
        index * PART * WORDS,
      );
    return records;
  }

  /** Takes over the records of a checkpoint, and its sessions in their order. Nothing was remembered before. */
  restore(records: Uint32Array, sessions: Iterable<Pick<SessionIds, 'name' | 'last' | 'ids'>>): void {
    this.#made = records.length / WORDS;
    for (let record = 0; record < this.#made; record++) {
      const { words, at } = this.#place(record);
      words.set(records.subarray(record * WORDS, (record + 1) * WORDS), at);
      if (words[at + 6] === 0) this.#release(record);
      else {
        if (this.#count === this.#heads.length) this.#widen();
        this.#count += 1;
        this.#chain(record);
      }
    }
    for (const { name, last, ids } of sessions) {
      this.#touch(name, last).ids.push(...ids);
      this.#links += ids.length;
    }
  }

  #touch(name: string, now: number): SessionIds {
    let session = this.#sessions.get(name);
    if (session === undefined) {
      session = { name, last: now, ids: [], before: undefined, after: undefined };
      this.#sessions.set(name, session);
    } else this.sessions.remove(session);
    this.sessions.push(session);
    session.last = Math.max(session.last, now);
    return session;
  }

  #unlink(record: number): void {
    const { words, at } = this.#place(record);
    words[at + 6] = (words[at + 6] ?? 0) - 1;
    this.#links -= 1;
    if (words[at + 6] === 0) this.#drop(record);
  }

  #place(record: number): { readonly words: Uint32Array; readonly at: number } {
    this.#parts[record >> 13] ??= new Uint32Array(PART * WORDS);
    return { words: this.#parts[record >> 13] as Uint32Array, at: (record & (PART - 1)) * WORDS };
  }

  #make({ high, low }: Hash): number {
    if (this.#count === this.#heads.length) this.#widen();
    const record = this.#unused > 0 ? this.#unused - 1 : this.#made++;
    const { words, at } = this.#place(record);
    if (this.#unused > 0) this.#unused = words[at + 7] ?? 0;
    words[at] = high;
    words[at + 1] = low;
    words[at + 6] = 0;
    this.#chain(record);
    this.#count += 1;
    return record;
  }

  #chain(record: number): void {
    const { words, at } = this.#place(record);
    const head = (words[at + 1] ?? 0) & (this.#heads.length - 1);
    words[at + 7] = this.#heads[head] ?? 0;
    this.#heads[head] = record + 1;
  }

  #drop(record: number): void {
    const { words, at } = this.#place(record);
    const head = (words[at + 1] ?? 0) & (this.#heads.length - 1);
    if (this.#heads[head] === record + 1) this.#heads[head] = words[at + 7] ?? 0;
    else {
      let before = (this.#heads[head] ?? 0) - 1;
      for (;;) {
        const { words: chained, at: from } = this.#place(before);
        if (chained[from + 7] === record + 1) {
          chained[from + 7] = words[at + 7] ?? 0;
          break;
        }
        before = (chained[from + 7] ?? 0) - 1;
      }
    }
    this.#release(record);
    this.#count -= 1;
  }

  #release(record: number): void {
    const { words, at } = this.#place(record);
    words[at + 7] = this.#unused;
    this.#unused = record + 1;
  }

  // Some ten milliseconds at half a million ids.
  #widen(): void {
    const before = this.#heads;
    this.#heads = new Uint32Array(2 * before.length);
    for (const head of before)
      for (let next = head; next !== 0; ) {
        const record = next - 1;
        const { words, at } = this.#place(record);
        next = words[at + 7] ?? 0;
        this.#chain(record);
      }
  }
}
