// The relay's one door to its store: what is appended, and who waits until it is durable.

import type { Entry, Ref, Store } from './store/store.ts';

/** Appends to a store and keeps count. */
export class Commits {
  readonly #store: Store;
  /** Called after each commit that has become durable. */
  readonly #progress: () => void;
  // `appended` counts the calls to the store, `settled` those that came back; a barrier waits for a number.
  #appended = 0;
  #settled = 0;
  #barriers: { readonly at: number; readonly done: () => void }[] = [];
  #stopped = false;

  constructor(store: Store, progress: () => void) {
    this.#store = store;
    this.#progress = progress;
  }

  /** Makes entries durable together. @param durable as in Store.append; not called any more after `stop` */
  append(entries: readonly Entry[], durable: (refs: readonly Ref[]) => void = () => {}): void {
    this.#appended += 1;
    this.#store.append(entries, (refs) => {
      if (this.#stopped) return;
      this.#settled += 1;
      durable(refs);
      this.#progress();
      while (this.#barriers[0] !== undefined && this.#barriers[0].at <= this.#settled)
        this.#barriers.shift()?.done();
    });
  }

  /** Calls back when all that has been appended so far is durable; at once if it is. */
  whenDurable(done: () => void): void {
    if (this.#settled === this.#appended) done();
    else this.#barriers.push({ at: this.#appended, done });
  }

  /** The store failed: nobody is told that anything is durable any more. */
  stop(): void {
    this.#stopped = true;
    this.#barriers = [];
  }
}
