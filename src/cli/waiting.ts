// `async send --wait`: a throwaway mailbox in which the relay puts the receipt or bounce, so that nobody's mail is touched.

import { randomBytes, randomUUID } from 'node:crypto';
import { Receiver, type ReceiverOptions } from '../async/receiver.ts';
import { THROWAWAY } from '../async/state.ts';

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
  readonly #receiver: Receiver;
  readonly #context: ReceiverOptions['context'];
  readonly #news = new Map<string, News>();
  readonly #wanted = new Map<string, (news: News) => void>();
  #running: Promise<unknown> | undefined;

  constructor(link: Pick<ReceiverOptions, 'host' | 'port' | 'heartbeat' | 'context' | 'random'>) {
    this.#context = link.context;
    this.#receiver = new Receiver({
      ...link,
      as: this.name,
      session: randomUUID(),
      follow: true,
      patienceMs: PATIENCE_MS,
      handle: async ([notice]) => {
        if (notice?.kind === undefined) return;
        const { kind, id, tried } = notice;
        const news: News = { kind, tried: tried !== 'no' };
        this.#news.set(id, news);
        this.#wanted.get(id)?.(news);
      },
    });
  }

  /** Waits for news of a message. @param ms how long @returns undefined if no news comes in time */
  wait(id: string, ms: number): Promise<News | undefined> {
    this.#running ??= this.#receiver.run();
    const here = this.#news.get(id);
    if (here !== undefined) return Promise.resolve(here);
    return new Promise((resolve) => {
      const timer = this.#context.clock.after(ms, () => resolve(undefined));
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
    this.#receiver.stop();
    await this.#running;
  }

  #stopped: () => void = () => {};
}
