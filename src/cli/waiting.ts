// `async send --wait`: a throwaway mailbox into which the relay puts the receipt or bounce, so that nobody's mail is touched.

import { randomBytes, randomUUID } from 'node:crypto';
import { Receiver, type ReceiverOptions } from '../async/receiver.ts';
import { THROWAWAY } from '../async/state.ts';

/** A call for the news must be greeted within this time, in milliseconds; else it is made again. */
const PATIENCE_MS = 10_000;

/** What became of a message: acknowledged by its recipient, or expired; `tried`: it may have been written to a receiver before. */
export interface News {
  readonly kind: 'receipt' | 'bounce';
  readonly tried: boolean;
}

/** Collects from a throwaway mailbox. */
export class Waiter {
  /** The mailbox that `notify=` names. */
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

  /** Waits for news of a message; undefined if none comes in time. @param ms how long */
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

  /** Leaves; whoever waits gets no news. */
  async stop(): Promise<void> {
    this.#stopped();
    if (this.#running === undefined) return;
    this.#receiver.stop();
    await this.#running;
  }

  #stopped: () => void = () => {};
}
