// Receipts and bounces: what the relay itself writes to the mailbox that `notify=` named. PROTOCOL.md, "Expiry and notices".

import { crc32 } from 'node:zlib';
import type { Clock } from '../trace/clock.ts';
import type { Held, Mailbox } from './mailbox.ts';
import type { Mailroom } from './mailroom.ts';
import type { Ref, SendEntry } from './store/store.ts';

/** A notice that nobody collects vanishes after so many seconds: 7 days. */
export const NOTICE_TTL_S = 7 * 24 * 3600;

/** A notice on its way to the disk, in the same commit as what it reports. */
export interface Notice {
  readonly box: Mailbox;
  readonly held: Held;
  readonly entry: SendEntry;
}

/** The entry that makes a message durable. @param crc CRC-32 of the body */
export function entryOf(held: Held, crc: number, body: Buffer): SendEntry {
  const { to, seq, id, from, at, session, ttl, notify, notice, tried } = held;
  return { kind: 'send', to, seq, id, from, at, session, ttl, notify, notice, tried, crc, body };
}

/** Writes the relay's notices. */
export class Notices {
  readonly #from: string;
  readonly #room: Mailroom;
  readonly #clock: Clock;
  readonly #stored: (box: Mailbox, held: Held, ref: Ref | undefined) => void;

  /**
   * @param from the relay's own name
   * @param stored is told of each notice that has become durable
   */
  constructor(
    from: string,
    room: Mailroom,
    clock: Clock,
    stored: (box: Mailbox, held: Held, ref: Ref | undefined) => void,
  ) {
    this.#from = from;
    this.#room = room;
    this.#clock = clock;
    this.#stored = stored;
  }

  /** The receipt of a message that was acknowledged, if somebody wants one. Notices cause none themselves. */
  receipt(held: Held): Notice[] {
    return this.#write(held, 'receipt', `${held.to} acknowledged ${held.id}`, undefined);
  }

  /** The bounce of a message that expired, if somebody wants one. @param tried might it have been written to a receiver? */
  bounce(held: Held, tried: 'yes' | 'no'): Notice[] {
    return this.#write(held, 'bounce', `${held.id} expired before ${held.to} acknowledged it`, tried);
  }

  /** They are durable. @param refs where, in their order */
  durable(notices: readonly Notice[], refs: readonly Ref[]): void {
    notices.forEach(({ box, held }, index) => {
      this.#stored(box, held, refs[index]);
    });
  }

  #write(about: Held, notice: 'receipt' | 'bounce', text: string, tried: 'yes' | 'no' | undefined): Notice[] {
    if (about.notify === undefined) return [];
    const box = this.#room.box(about.notify);
    box.promised -= 1;
    const body = Buffer.from(text);
    const held = box.add({
      id: about.id,
      from: this.#from,
      at: this.#clock.epoch(),
      born: this.#clock.monotonic(),
      size: body.length,
      ttl: NOTICE_TTL_S,
      notice,
      tried,
    });
    return [{ box, held, entry: entryOf(held, crc32(body), body) }];
  }
}
