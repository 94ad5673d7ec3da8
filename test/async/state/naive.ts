// The relay's state, written the slow and simple way: lists that are searched from the start each time. The tests compare
// src/async/state.ts with it after every entry. No test is in here.

import type { Entry, EntryMessage } from '../../../src/async/entry.ts';
import type { Place } from '../../../src/async/held.ts';
import type { State } from '../../../src/async/state.ts';
import { Deadlines } from '../../../src/core/deadlines.ts';
import type { Hash } from '../../../src/core/hash.ts';
import type { Kept } from '../../../src/core/id-table.ts';

/** How long a session may be silent before it is forgotten, in milliseconds. */
const SILENCE = 11 * 60_000;
const AFTER_A_LOSS = 1_000_000_000;

/** How much a state keeps. */
export interface Keeps {
  /** Empty mailboxes. */
  readonly empty: number;
  /** Ids of one session. */
  readonly ids: number;
  /** The most links from sessions to ids that are forgotten at a time. */
  readonly links: number;
}

/** The most that a relay's state keeps. */
export const KEEPS: Keeps = { empty: 10_000, ids: 512, links: 2000 };

/** A held message. */
interface Held extends Place {
  readonly seq: number;
  readonly deadline: number | undefined;
}

/** A mailbox. */
export interface Box {
  readonly name: string;
  next: number;
  acknowledged: number;
  tried: number;
  open: boolean;
  held: Held[];
}

interface Session {
  readonly name: string;
  last: number;
  ids: string[];
}

/** Everything that a state says, in a form that can be compared. */
export interface Described {
  readonly at: number;
  readonly t: number;
  readonly down: number;
  readonly marks: { readonly throwaway: number; readonly other: number };
  /** After a loss: the number above which all new numbers will be. */
  readonly floor: number | undefined;
  /** In order of their names. Each held message as number, LSN, index, size, time, notify. */
  readonly mailboxes: readonly (Omit<Box, 'held'> & {
    readonly count: number;
    readonly bytes: number;
    readonly held: readonly (readonly [number, number, number, number, number, boolean])[];
  })[];
  /** The one that has been empty longest first. */
  readonly empty: readonly string[];
  /** The one that has been silent longest first; each id as key, number, proof. */
  readonly sessions: readonly {
    readonly name: string;
    readonly last: number;
    readonly ids: readonly string[];
  }[];
  readonly counts: { readonly messages: number; readonly ids: number; readonly links: number };
  /** The deadlines of held messages, in order. */
  readonly deadlines: readonly string[];
}

const textOf = ({ high, low }: Hash): string => `${high}.${low}`;
const idText = ({ key, seq, proof }: Kept): string => `${textOf(key)} ${seq} ${textOf(proof)}`;
const throwaway = (name: string): boolean => name.startsWith('w-');
const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** Describes the real state. @throws Error if its parts contradict each other */
export function describe(state: State): Described {
  const mailboxes = [...state.mailboxes.values()]
    .sort((a, b) => byText(a.name, b.name))
    .map(({ name, next, acknowledged, tried, open, count, bytes, held }) => {
      const all: Described['mailboxes'][number]['held'][number][] = [];
      held.each(acknowledged, (seq, { lsn, index, size, at, notify }) => {
        all.push([seq, lsn, index, size, at, notify]);
      });
      return { name, next, acknowledged, tried, open, count, bytes, held: all };
    });
  const sessions = Array.from(state.ids.sessions, ({ name, last, ids }) => ({
    name,
    last,
    ids: ids.map((record) => {
      const sent = state.ids.read(record);
      if (state.ids.find(sent.key) !== record) throw new Error(`${textOf(sent.key)} is not found`);
      return idText(sent);
    }),
  }));
  return {
    at: state.at,
    t: state.t,
    down: state.down,
    marks: { throwaway: state.marks.throwaway, other: state.marks.other },
    floor: state.gap ? state.lossFloor : undefined,
    mailboxes,
    empty: Array.from(state.empty, ({ name }) => name),
    sessions,
    counts: { messages: state.count, ids: state.ids.count, links: state.ids.links },
    deadlines: wantedDeadlines(state),
  };
}

/** Emptied after each use. */
const deadlines = new Deadlines();

// In the order in which they would come: a copy is emptied.
function wantedDeadlines(state: State): string[] {
  deadlines.restore(state.deadlines.freeze());
  const wanted: string[] = [];
  let before = 0;
  for (let first = deadlines.first; first !== undefined; first = deadlines.first) {
    const { t, serial, seq } = first;
    if (t < before) throw new Error(`the deadline ${t} comes after ${before}`);
    before = t;
    const box = state.bySerial.get(serial);
    if (box !== undefined && state.place(box, seq) !== undefined) wanted.push(`${t} ${box.name} ${seq}`);
    deadlines.shift();
  }
  return wanted.sort(byText);
}

/** The naive state. It is told the same as a State. */
export class NaiveState {
  at = 0;
  t = 0;
  down = 0;
  boxes = new Map<string, Box>();
  empty: string[] = [];
  marks = { throwaway: 0, other: 0 };
  sessions: Session[] = [];
  records = new Map<string, Kept>();
  /** Was a part lost and not reported yet? */
  gap = false;
  /** Since a part was lost: numbers that no entry has explained, and messages that are known to be gone. */
  #unknown: { readonly to: string; readonly first: number; readonly last: number }[] = [];
  #gone = new Set<string>();
  /** The highest number that any entry has named. */
  #highest = 0;

  constructor(readonly keeps = KEEPS) {}

  /** A part of the log was lost here. */
  lose(): void {
    this.gap = true;
  }

  /** The number of the next message for a name. */
  nextOf(name: string): number {
    return this.boxes.get(name)?.next ?? this.#mark(name) + 1;
  }

  /** The number up to which everything is acknowledged. */
  acknowledgedOf(name: string): number {
    return this.boxes.get(name)?.acknowledged ?? this.#mark(name);
  }

  /** The messages of a mailbox. */
  heldOf(name: string): readonly Held[] {
    return this.boxes.get(name)?.held ?? [];
  }

  #mark(name: string): number {
    return throwaway(name) ? this.marks.throwaway : this.marks.other;
  }

  /** Applies an entry. @throws Error if its numbers are not those that follow */
  apply(entry: Entry, lsn: number): void {
    if (entry.verb === 'EPOCH' && entry.t > this.t) this.down += entry.t - this.t;
    if (entry.verb !== 'OPEN' && entry.verb !== 'MOVE') {
      this.at = entry.at;
      this.t = Math.max(this.t, entry.t);
    }
    switch (entry.verb) {
      case 'SEND': {
        this.#forgetSessions();
        const sent = new Map<string, number>();
        for (const [index, message] of entry.messages.entries()) {
          const before = sent.get(message.to) ?? 0;
          sent.set(message.to, before + 1);
          const seq = (entry.first.get(message.to) ?? Number.NaN) + before;
          this.#add(message, seq, { lsn, index, at: entry.at, t: entry.t });
          this.#remember(`${entry.from} ${entry.session}`, { ...message, seq });
        }
        break;
      }
      case 'REPEAT':
        this.#forgetSessions();
        this.#remember(`${entry.from} ${entry.session}`, entry);
        this.#name(entry.seq);
        break;
      case 'OPEN': {
        const box = this.boxes.get(entry.to);
        if (box !== undefined) box.open = true;
        break;
      }
      case 'ACK': {
        this.#notices(entry, lsn);
        this.#name(entry.seq);
        const box = this.boxes.get(entry.to);
        if (box === undefined) break;
        box.acknowledged = Math.max(box.acknowledged, entry.seq);
        box.next = Math.max(box.next, entry.seq + 1);
        this.#keep(box, ({ seq }) => seq > entry.seq);
        break;
      }
      case 'EXPIRE':
        this.#notices(entry, lsn);
        this.#takeOut(entry.to, entry.numbers);
        break;
      case 'MOVE':
        for (const [index, message] of entry.messages.entries())
          this.#move(message, entry.numbers[index] ?? Number.NaN, { lsn, index, at: entry.at, t: entry.t });
        break;
      case 'EPOCH':
        for (const box of this.boxes.values())
          if (box.open) {
            box.tried = box.next - 1;
            box.open = false;
          }
        break;
      case 'LOST': {
        for (const { to, numbers } of entry.gone) this.#takeOut(to, numbers);
        const above = this.floorOfLoss;
        this.marks = { throwaway: above, other: above };
        for (const box of this.boxes.values()) {
          box.tried = above;
          box.open = false;
          box.next = above + 1;
        }
        this.gap = false;
        for (const name of [...this.empty])
          if (throwaway(name) || this.empty.length > this.keeps.empty) this.#forget(name);
        this.#unknown = [];
        this.#gone.clear();
        this.#notices(entry, lsn);
        break;
      }
      default:
    }
  }

  /** All numbers after a LOST are above it. */
  get floorOfLoss(): number {
    const given = [...this.boxes.values()].map(({ next }) => next - 1);
    return Math.max(this.marks.throwaway, this.marks.other, this.#highest, ...given) + AFTER_A_LOSS;
  }

  #name(seq: number): void {
    this.#highest = Math.max(this.#highest, seq);
  }

  #notices({ messages, at, t }: Entry<'ACK' | 'EXPIRE' | 'LOST'>, lsn: number): void {
    for (const [index, notice] of messages.entries()) this.#add(notice, notice.seq, { lsn, index, at, t });
  }

  #add(message: EntryMessage, seq: number, from: Pick<Place, 'lsn' | 'index' | 'at'> & { t: number }): void {
    const next = this.nextOf(message.to);
    const acceptable = this.gap ? seq >= next : seq === next;
    if (!acceptable) throw new Error(`damage: ${message.to} ${seq}, not ${next}`);
    this.#hold(message, seq, from);
  }

  #hold(message: EntryMessage, seq: number, from: Pick<Place, 'lsn' | 'index' | 'at'> & { t: number }): void {
    const { to, size, ttl, notify } = message;
    const next = this.nextOf(to);
    if (seq > next) this.#unknown.push({ to, first: next, last: seq - 1 });
    const acknowledged = Math.min(seq - 1, this.#mark(to));
    const box = this.boxes.get(to) ?? {
      name: to,
      next: seq,
      acknowledged,
      tried: 0,
      open: false,
      held: [],
    };
    this.boxes.set(to, box);
    const { lsn, index, at, t } = from;
    const deadline = ttl === undefined ? undefined : t + 1000 * ttl;
    box.held.push({ seq, lsn, index, size, at, notify: notify !== undefined, deadline });
    box.held.sort((a, b) => a.seq - b.seq);
    box.next = Math.max(box.next, seq + 1);
    this.empty = this.empty.filter((name) => name !== to);
    this.#name(seq);
  }

  // Takes out messages that are held, and remembers that they are gone.
  #takeOut(name: string, numbers: readonly number[]): void {
    for (const seq of numbers) this.#name(seq);
    const box = this.boxes.get(name);
    if (box === undefined) return;
    for (const seq of numbers) this.#gone.add(`${name} ${seq}`);
    this.#keep(box, ({ seq }) => !numbers.includes(seq));
  }

  #keep(box: Box, stays: (held: Held) => boolean): void {
    if (box.held.length === 0) return;
    box.held = box.held.filter(stays);
    if (box.held.length > 0) return;
    box.open = false;
    this.empty.push(box.name);
    if (this.gap) return;
    if (throwaway(box.name)) this.#forget(box.name);
    else if (this.empty.length > this.keeps.empty) this.#forget(this.empty[0] as string);
  }

  #forget(name: string): void {
    const given = this.nextOf(name) - 1;
    const kind = throwaway(name) ? 'throwaway' : 'other';
    this.marks[kind] = Math.max(this.marks[kind], given);
    this.boxes.delete(name);
    this.empty = this.empty.filter((one) => one !== name);
  }

  #move(message: EntryMessage, seq: number, from: Pick<Place, 'lsn' | 'index' | 'at'> & { t: number }): void {
    this.#name(seq);
    const { to } = message;
    const box = this.boxes.get(to);
    const held = box?.held.find((one) => one.seq === seq);
    if (box !== undefined && held !== undefined) {
      const { lsn, index, at } = from;
      const moved = { ...held, lsn, index, at, size: message.size, notify: message.notify !== undefined };
      box.held[box.held.indexOf(held)] = moved;
      return;
    }
    // What was acknowledged or has expired since it was read is gone. After a loss, what is not known to be gone comes back.
    if (!this.gap || (box !== undefined && seq <= box.acknowledged) || this.#gone.has(`${to} ${seq}`)) return;
    const unknown = this.#unknown.some((one) => one.to === to && one.first <= seq && seq <= one.last);
    if (unknown || seq >= this.nextOf(to)) this.#hold(message, seq, from);
  }

  #forgetSessions(): void {
    let links = 0;
    for (let oldest = this.sessions[0]; oldest !== undefined; oldest = this.sessions[0]) {
      links += oldest.ids.length;
      if (this.t - this.down - oldest.last <= SILENCE || links > this.keeps.links) break;
      this.sessions.shift();
      this.#prune();
    }
  }

  #remember(name: string, { key, seq, proof }: Kept): void {
    const session = this.sessions.find((one) => one.name === name) ?? { name, last: 0, ids: [] };
    this.sessions = [...this.sessions.filter((one) => one !== session), session];
    session.last = this.t - this.down;
    const text = textOf(key);
    this.records.set(text, { key, seq, proof });
    if (session.ids.includes(text)) return;
    session.ids = [...session.ids, text].slice(-this.keeps.ids);
    this.#prune();
  }

  #prune(): void {
    const linked = new Set(this.sessions.flatMap(({ ids }) => ids));
    for (const key of this.records.keys()) if (!linked.has(key)) this.records.delete(key);
  }

  /** Describes the state, in the same form as `describe` does for the real one. */
  describe(): Described {
    const boxes = [...this.boxes.values()].sort((a, b) => byText(a.name, b.name));
    return {
      at: this.at,
      t: this.t,
      down: this.down,
      marks: { ...this.marks },
      floor: this.gap ? this.floorOfLoss : undefined,
      mailboxes: boxes.map(({ name, next, acknowledged, tried, open, held }) => ({
        name,
        next,
        acknowledged,
        tried,
        open,
        count: held.length,
        bytes: held.reduce((sum, { size }) => sum + size, 0),
        held: held.map(
          ({ seq, lsn, index, size, at, notify }) => [seq, lsn, index, size, at, notify] as const,
        ),
      })),
      empty: [...this.empty],
      sessions: this.sessions.map(({ name, last, ids }) => ({
        name,
        last,
        ids: ids.map((id) => idText(this.records.get(id) as Kept)),
      })),
      counts: {
        messages: boxes.reduce((sum, { held }) => sum + held.length, 0),
        ids: this.records.size,
        links: this.sessions.reduce((sum, { ids }) => sum + ids.length, 0),
      },
      deadlines: boxes
        .flatMap(({ name, held }) =>
          held.flatMap(({ seq, deadline }) => (deadline === undefined ? [] : [`${deadline} ${name} ${seq}`])),
        )
        .sort(byText),
    };
  }
}
