// `async send --wait`: a throwaway mailbox in which the relay puts the receipt or bounce, so that nobody's mail is touched.

import { randomBytes } from 'node:crypto';
import { THROWAWAY } from '../async/state.ts';
import { type CollectOptions, collectBatches } from '../library/collect.ts';
import type { Address } from '../net/address.ts';
import type { NetContext } from '../net/context.ts';

/** How long a connection may take to be greeted, in milliseconds; after that it is tried again. */
const PATIENCE_MS = 10_000;

/** What became of a message: `receipt`, its recipient acknowledged it; `bounce`, it expired. `tried`: it may have been sent to a receiver. */
export interface News {
  readonly kind: 'receipt' | 'bounce';
  readonly tried: boolean;
}

/** Collects news of messages from a throwaway mailbox. */
export class Waiter {
  /** The name of the mailbox, for `notify=`. */
  readonly name: string = THROWAWAY + randomBytes(12).toString('hex');
  readonly #relay: Address;
  readonly #options: CollectOptions & { readonly context: NetContext };
  readonly #leave = new AbortController();
  readonly #news = new Map<string, News>();
  readonly #wanted = new Map<string, (news: News) => void>();
  #running: Promise<unknown> | undefined;

  constructor(relay: Address, options: CollectOptions & { readonly context: NetContext }) {
    this.#relay = relay;
    this.#options = options;
  }

  /** Waits for news of a message. @param ms how long @returns undefined if no news comes in time */
  wait(id: string, ms: number): Promise<News | undefined> {
    this.#running ??= this.#collect();
    const here = this.#news.get(id);
    if (here !== undefined) return Promise.resolve(here);
    return new Promise((resolve) => {
      const timer = this.#options.context.clock.after(ms, () => resolve(undefined));
      this.#stopped = () => {
        timer.cancel();
        resolve(undefined);
      };
      this.#wanted.set(id, (news) => {
        timer.cancel();
        resolve(news);
      });
    });
  }

  /** Leaves the relay. The `wait` that is under way gets undefined. */
  async stop(): Promise<void> {
    this.#stopped();
    if (this.#running === undefined) return;
    this.#leave.abort();
    await this.#running;
  }

  #stopped: () => void = () => {};

  #collect(): Promise<unknown> {
    return collectBatches(this.#relay, {
      ...this.#options,
      as: this.name,
      follow: true,
      timeoutMs: PATIENCE_MS,
      signal: this.#leave.signal,
      handle: async ([notice]) => {
        if (notice?.kind === undefined) return;
        const { kind, id, tried } = notice;
        const news: News = { kind, tried: tried !== 'no' };
        this.#news.set(id, news);
        this.#wanted.get(id)?.(news);
      },
    });
  }
}
