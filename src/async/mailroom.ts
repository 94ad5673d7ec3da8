// All that the relay remembers: the mailboxes and the remembered ids. It comes back from the store at the start, and answers the
// store when old files are about to go. Pure bookkeeping: no socket, no disk, the time is an argument.

import { type Held, Mailbox, type Tally } from './mailbox.ts';
import { Memory } from './session.ts';
import type { Keeper, MailboxState, Recovered, Ref } from './store/store.ts';

/** Mailboxes at the most. About 500 bytes each: 50 MB. PROTOCOL.md, "Limits". */
export const MAX_MAILBOXES = 100_000;

/**
 * Messages held at the most, over all mailboxes: about 750 bytes of memory each, beside their bodies on the disk: 750 MB. What a relay
 * took it must be able to load again. A notice may be one more, for it takes the place of a message. PROTOCOL.md, "Limits".
 */
export const MOST_HELD = 1_000_000;

/** Names that begin so are throwaway: an empty one is forgotten, its numbering with it. */
export const THROWAWAY = 'w-';

/** A mailbox with mail, for people. */
export interface Waiting {
  readonly name: string;
  readonly held: number;
  readonly bytes: number;
  /** When the longest-held message was stored, epoch milliseconds. */
  readonly oldest: number;
  readonly connected: boolean;
}

/** The mailboxes and the remembered ids. */
export class Mailroom implements Keeper {
  readonly memory: Memory;
  readonly #boxes = new Map<string, Mailbox>();
  readonly #tally: Tally = { held: 0 };
  readonly #mostHeld: number;

  /** @param remember ids to remember for each session @param mostHeld messages to hold at the most */
  constructor(remember: number, mostHeld: number) {
    this.memory = new Memory(remember);
    this.#mostHeld = mostHeld;
  }

  /** May no more messages be taken? */
  get full(): boolean {
    return this.#tally.held >= this.#mostHeld;
  }

  /**
   * Takes over what the store brought back.
   * @param now monotonic milliseconds
   * @param wall epoch milliseconds. What is of an earlier life is as old as the wall clock says, never younger than nothing.
   */
  recover({ mailboxes, remembered }: Recovered, now: number, wall: number): void {
    const born = (at: number): number => now - Math.max(0, wall - at);
    // They come in the order in which they were said: none is older than the one before it, whatever the wall clock said.
    let last = Number.NEGATIVE_INFINITY;
    for (const id of remembered) {
      last = Math.max(last, born(id.at));
      this.memory.remember(id.session, id, last);
    }
    for (const [name, state] of mailboxes) {
      const held = state.messages.map(
        (message): Held => ({
          ...message,
          born: born(message.at),
          attempts: message.seq <= state.tried ? 1 : 0,
        }),
      );
      this.box(name).recover(state, held);
      for (const { notify } of held) if (notify !== undefined) this.box(notify).promised += 1;
    }
  }

  /** The mailbox of this name, made if need be. */
  box(name: string): Mailbox {
    let box = this.#boxes.get(name);
    if (box === undefined) {
      box = new Mailbox(name, this.#tally);
      this.#boxes.set(name, box);
    }
    return box;
  }

  /** The mailbox of this name, if there is one. */
  find(name: string): Mailbox | undefined {
    return this.#boxes.get(name);
  }

  /** All mailboxes. */
  all(): Iterable<Mailbox> {
    return this.#boxes.values();
  }

  /** Is there room for mailboxes of these names? */
  hasRoom(names: readonly (string | undefined)[]): boolean {
    const fresh = new Set(names.filter((name) => name !== undefined && !this.#boxes.has(name)));
    return this.#boxes.size + fresh.size <= MAX_MAILBOXES;
  }

  /**
   * Drops a mailbox that has nothing to remember: one that never held anything, or a throwaway one that is empty.
   * @returns whether the store must forget it too
   */
  tidy(box: Mailbox): boolean {
    if (!box.idle || this.#boxes.get(box.name) !== box) return false;
    const throwaway = box.name.startsWith(THROWAWAY);
    if (box.next > 1 && !throwaway) return false;
    // That somebody was here is remembered for `present=`, unless names pile up.
    if (box.known && !throwaway && this.#boxes.size <= MAX_MAILBOXES / 2) return false;
    this.#boxes.delete(box.name);
    return box.next > 1;
  }

  /** The mailboxes with mail, by name, beginning after a name. @param most how many */
  waiting(after: string | undefined, most: number): Waiting[] {
    let first: Mailbox[] = [];
    let end: string | undefined;
    for (const box of this.#boxes.values()) {
      if (box.count === 0 || (after !== undefined && box.name <= after)) continue;
      if (end !== undefined && box.name > end) continue;
      first.push(box);
      // Now and then what is too far back is let go of: sorting all names for each page would hold everybody up.
      if (first.length < 2 * most) continue;
      first = first.sort(byName).slice(0, most);
      end = first.at(-1)?.name;
    }
    return first
      .sort(byName)
      .slice(0, most)
      .map((box) => ({
        name: box.name,
        held: box.count,
        bytes: box.bytes,
        oldest: box.oldest?.at ?? 0,
        connected: box.attached,
      }));
  }

  holds(to: string, seq: number): boolean {
    return this.#boxes.get(to)?.holds(seq) ?? false;
  }

  remembers(from: string, id: string, to: string, seq: number): boolean {
    const known = this.memory.find(from, id);
    return known !== undefined && known.to === to && known.seq === seq;
  }

  mailbox(to: string): MailboxState | undefined {
    const box = this.#boxes.get(to);
    if (box === undefined || box.next === 1) return undefined;
    return { next: box.next, watermark: box.watermark, tried: box.tried, open: box.open !== 'no' };
  }

  moved(to: string, seq: number, ref: Ref): void {
    const held = this.#boxes.get(to)?.get(seq);
    if (held?.ref !== undefined) held.ref = ref;
  }
}

const byName = (a: Mailbox, b: Mailbox): number => (a.name < b.name ? -1 : 1);
