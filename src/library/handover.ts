// From a callback to a loop: a callback puts messages in one at a time, and a `for await` takes them out. `receive` and `collect` use it.
// A message is done when the loop asks for the next one, or when its `done` is called, whichever is first.

import { usage } from './arguments.ts';

/** Why a message was not handled: the loop that had it, or would have got it, was left. The sender of a direct message is told. */
export class LoopLeft extends Error {
  constructor() {
    super('the loop was left before it was done');
  }
}

interface Item<T> {
  readonly value: T;
  readonly finish: (error?: LoopLeft) => void;
  handed: boolean;
}

/** Hands messages to one loop, one at a time. */
export class Handover<T> implements AsyncIterableIterator<T> {
  #item: Item<T> | undefined;
  #next: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void } | undefined;
  #end: { readonly error: unknown } | undefined;
  readonly #wants: () => void;
  readonly #leave: () => Promise<void>;

  /**
   * @param wants called when the loop waits for a message
   * @param leave called when the loop is left by `break`, `return` or `throw`: ends the source of the messages
   */
  constructor(wants: () => void, leave: () => Promise<void>) {
    this.#wants = wants;
    this.#leave = leave;
  }

  /** Is the loop waiting for a message? */
  get wanted(): boolean {
    return this.#next !== undefined;
  }

  /**
   * Puts in a message; the previous one must be done.
   * @param make makes the message; its argument is the function to call when the message is done
   * @returns resolves when the message is done @throws LoopLeft if the loop was left first
   */
  put(make: (done: () => void) => T): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish: Item<T>['finish'] = (error) => {
        if (this.#item !== item) return;
        this.#item = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      const item: Item<T> = { value: make(() => finish()), finish, handed: false };
      this.#item = item;
      this.#hand();
    });
  }

  /** Drops the message as not done: with `not handed` only if the loop has not got it yet, with `any` in either case. */
  drop(which: 'not handed' | 'any'): void {
    if (which === 'any' || this.#item?.handed === false) this.#item?.finish(new LoopLeft());
  }

  /** Ends the loop: no more messages will come. @param error is thrown in the loop, if given */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.drop('not handed');
    this.#hand();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#next !== undefined) return Promise.reject(usage('One loop at a time takes the messages.'));
    if (this.#item?.handed) this.#item.finish();
    return new Promise((resolve, reject) => {
      this.#next = { resolve, reject };
      this.#hand();
      if (this.wanted) this.#wants();
    });
  }

  async return(): Promise<IteratorResult<T>> {
    await this.#leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #hand(): void {
    const next = this.#next;
    if (next === undefined) return;
    if (this.#item !== undefined) {
      this.#next = undefined;
      this.#item.handed = true;
      next.resolve({ done: false, value: this.#item.value });
    } else if (this.#end !== undefined) {
      const { error } = this.#end;
      // The error is thrown once. A loop that asks again gets the normal end.
      this.#end = { error: undefined };
      this.#next = undefined;
      if (error === undefined) next.resolve({ done: true, value: undefined });
      else next.reject(error);
    }
  }
}
