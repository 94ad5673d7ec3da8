// Who keeps count of what is held, beside the state: shares (admission.ts), and what is live in each segment (retention.ts).

import type { Lsn } from './log/log.ts';

/** Is told what comes to be held, and what goes. It sees the state change, and never changes it. */
export interface Account {
  /** Of one mailbox, in one entry: how many messages, and the size of their bodies together in bytes. */
  added(to: string, lsn: Lsn, messages: number, bytes: number): void;
  removed(to: string, lsn: Lsn, messages: number, bytes: number): void;
  forgotten(name: string): void;
}

/** Adds up what is added or removed one after the other in one mailbox and one entry. */
export class Sum {
  #to = '';
  #lsn: Lsn = 0;
  #messages = 0;
  #bytes = 0;

  /** @param what which method of each account is called */
  constructor(
    private readonly accounts: readonly Account[],
    private readonly what: 'added' | 'removed',
  ) {}

  /** Adds a message. @param size of its body, in bytes */
  add(to: string, lsn: Lsn, size: number): void {
    if (to !== this.#to || lsn !== this.#lsn) {
      this.tell();
      this.#to = to;
      this.#lsn = lsn;
    }
    this.#messages += 1;
    this.#bytes += size;
  }

  /** Tells what has not been told. */
  tell(): void {
    if (this.#messages > 0)
      for (const account of this.accounts)
        account[this.what](this.#to, this.#lsn, this.#messages, this.#bytes);
    this.#messages = 0;
    this.#bytes = 0;
  }
}
