// Receipts and bounces: what the relay itself writes to the mailbox that `notify=` named, in the same entry as what it reports.
// PROTOCOL.md, "Expiry and notices".

import type { NetContext } from '../net/connection.ts';
import type { Admission } from './admission.ts';
import type { Delivery } from './delivery.ts';
import { type Entry, type Notice, noticeFrame } from './entry.ts';
import type { Machine } from './machine.ts';

/** A notice that nobody collects vanishes after so many seconds: 7 days. */
export const NOTICE_TTL_S = 7 * 24 * 3600;

/** What an entry takes in the log at the most beside its notices, and each notice, in bytes. */
const LINE = 1024;
const NOTICE = 512;

/** A notice that is to be written. */
export interface Draft {
  /** Of the message that it is about. */
  readonly id: string;
  readonly to: string;
  readonly kind: 'receipt' | 'bounce';
  readonly tried?: 'yes' | 'no';
  /** One sentence. */
  readonly text: string;
}

/** An entry without its notices. */
type Ending = Omit<Entry<'ACK'>, 'messages'> | Omit<Entry<'EXPIRE'>, 'messages'>;

/** Writes the relay's notices. */
export class Notices {
  constructor(
    private readonly context: NetContext,
    private readonly machine: Machine,
    private readonly delivery: Delivery,
    private readonly admission: Admission,
  ) {}

  /** Appends an entry that ends messages, and tells those who want to know. @returns false if there is no room: it must be tried again */
  append(ending: Ending, drafts: readonly Draft[]): boolean {
    if (!this.machine.fits(LINE + NOTICE * drafts.length)) return false;
    const next = new Map<string, number>();
    const numbered = drafts.map((draft) => {
      const { id, to, kind, tried, text } = draft;
      const seq = next.get(to) ?? this.machine.state.nextOf(to);
      next.set(to, seq + 1);
      const notice: Notice = { id, to, seq, ttl: NOTICE_TTL_S, kind, tried, size: Buffer.byteLength(text) };
      return { notice, frame: noticeFrame(notice, text) };
    });
    const messages = numbered.map(({ notice }) => notice);
    this.machine.append(
      { ...ending, messages } as Entry,
      numbered.map(({ frame }) => frame),
    );
    for (const { to } of drafts) {
      this.admission.told(to);
      this.delivery.arrived(to);
    }
    if (drafts.length > 0)
      this.machine.whenDurable(() => {
        for (const notice of messages) this.#tell(notice);
      });
    return true;
  }

  #tell({ id, to, seq, size, kind = 'receipt' }: Notice): void {
    const held = this.machine.state.mailboxes.get(to)?.count ?? 0;
    const present = this.delivery.presence(to);
    this.context.emit?.({ event: 'stored', id, from: this.machine.name, to, seq, size, held, present, kind });
  }
}
