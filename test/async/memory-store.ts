// A store without a disk, for tests of what the relay says: what is durable, and when, is the test's decision.

import type { Entry, Keeper, Recovered, Ref, Store } from '../../src/async/store/store.ts';

interface Waiting {
  readonly entries: readonly Entry[];
  readonly durable: ((refs: readonly Ref[]) => void) | undefined;
}

/** A store in memory. */
export class MemoryStore implements Store {
  readonly token = 'memory';
  /** Everything that became durable, in order. */
  readonly entries: Entry[] = [];
  /** Is there room? */
  roomy = true;
  /** Must bodies be read back, as after a restart? */
  cold = false;
  /** Fails the next reads. */
  damaged: Error | undefined;
  /** What the reads that have begun wait for, if they must. */
  readonly reads: (() => void)[] = [];
  /** Do reads wait? */
  slow = false;
  /** Does nothing become durable until `release`? */
  held = false;
  onFailure: (error: Error) => void = () => {};
  readonly #bodies = new Map<number, Buffer>();
  #waiting: Waiting[] = [];
  #places = 0;
  #turning = false;

  /** What an earlier life left, for a relay that starts on it. */
  left: Recovered = { mailboxes: new Map(), remembered: [] };

  async open(_keeper: Keeper): Promise<Recovered> {
    return this.left;
  }

  append(entries: readonly Entry[], durable?: (refs: readonly Ref[]) => void): void {
    this.#waiting.push({ entries, durable });
    if (this.held || this.#turning) return;
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      if (!this.held) this.#settle();
    });
  }

  /** How many calls of `append` are not durable yet. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Lets everything become durable, and what comes from now on. */
  release(): void {
    this.held = false;
    this.#settle();
  }

  recent(ref: Ref): Buffer | undefined {
    return this.cold ? undefined : this.#bodies.get(ref.offset);
  }

  async read(ref: Ref): Promise<Buffer> {
    if (this.slow) await new Promise<void>((resolve) => this.reads.push(resolve));
    if (this.damaged !== undefined) throw this.damaged;
    const body = this.#bodies.get(ref.offset);
    if (body === undefined) throw new Error('no such place');
    return body;
  }

  hasRoom(): boolean {
    return this.roomy;
  }

  async close(): Promise<void> {
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { entries, durable } of waiting) {
      this.entries.push(...entries);
      durable?.(entries.flatMap((entry) => (entry.kind === 'send' ? [this.#place(entry.body)] : [])));
    }
  }

  #place(body: Buffer): Ref {
    this.#places += 1;
    this.#bodies.set(this.#places, body);
    return { segment: 1, offset: this.#places, length: body.length };
  }
}
