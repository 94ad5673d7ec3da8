// Counts of what is held, kept beside the state: shares (admission.ts), and the live bytes of each segment (retention.ts).

import type { Lsn } from './log/log.ts';

/** Is told when messages are added to a mailbox or removed. It sees the state change and never changes it. */
export interface Account {
  /** Messages of one mailbox in the entry of `lsn` are held now: how many, and the size of all their bodies in bytes. */
  added(to: string, lsn: Lsn, messages: number, bytes: number): void;
  /** Messages of one mailbox in the entry of `lsn` are no longer held: how many, and the size of all their bodies in bytes. */
  removed(to: string, lsn: Lsn, messages: number, bytes: number): void;
  /** The mailbox of this name was forgotten. */
  forgotten(name: string): void;
}

/** Adds up consecutive changes in one mailbox and one entry, so that the accounts are told once. */
export class Sum {
  #to = '';
  #lsn: Lsn = 0;
  #messages = 0;
  #bytes = 0;

  /** @param what the method to call on each account */
  constructor(
    private readonly accounts: readonly Account[],
    private readonly what: 'added' | 'removed',
  ) {}

  /** Adds a message. @param size the size of its body, in bytes */
  add(to: string, lsn: Lsn, size: number): void {
    if (to !== this.#to || lsn !== this.#lsn) {
      this.tell();
      this.#to = to;
      this.#lsn = lsn;
    }
    this.#messages += 1;
    this.#bytes += size;
  }

  /** Tells the accounts what they have not been told yet. */
  tell(): void {
    if (this.#messages > 0)
      for (const account of this.accounts)
        account[this.what](this.#to, this.#lsn, this.#messages, this.#bytes);
    this.#messages = 0;
    this.#bytes = 0;
  }
}
