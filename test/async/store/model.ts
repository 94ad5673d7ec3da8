// A relay without sockets: the simplest thing that keeps what a relay keeps, in plain maps. The journal must bring back exactly this.
// No test is in here.

import { crc32 } from 'node:zlib';
import type { Journal } from '../../../src/async/store/journal.ts';
import type { Entry, Keeper, MailboxState, Recovered, Ref } from '../../../src/async/store/store.ts';

interface Box {
  next: number;
  watermark: number;
  tried: number;
  open: boolean;
  readonly texts: Map<number, string>;
  readonly refs: Map<number, Ref>;
}

/** What `state` and `recoveredState` come to, to be compared. */
export type State = Readonly<Record<string, unknown>>;

/** Keeps mailboxes and remembered ids, appends what it decides, answers as a Keeper. */
export class Model implements Keeper {
  readonly #boxes = new Map<string, Box>();
  readonly remembered = new Map<string, { to: string; seq: number; size: number }>();
  #waiting: Promise<void>[] = [];
  #count = 0;
  moves = 0;

  #journal: Journal | undefined;

  /** The journal of this life. */
  get journal(): Journal {
    if (this.#journal === undefined) throw new Error('born yet? call reborn');
    return this.#journal;
  }

  #box(name: string): Box {
    const box = this.#boxes.get(name) ?? {
      next: 1,
      watermark: 0,
      tried: 0,
      open: false,
      texts: new Map(),
      refs: new Map(),
    };
    this.#boxes.set(name, box);
    return box;
  }

  #append(entries: readonly Entry[], then: (refs: readonly Ref[]) => void = () => {}): void {
    this.#waiting.push(
      new Promise((resolve) =>
        this.journal.append(entries, (refs) => {
          then(refs);
          resolve();
        }),
      ),
    );
  }

  /** Resolves when everything is durable. */
  async settled(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    await Promise.all(waiting);
  }

  send(to: string, text: string, session?: string): void {
    const box = this.#box(to);
    const seq = box.next++;
    const body = Buffer.from(text);
    const id = `i${this.#count++}`;
    box.texts.set(seq, text);
    if (session !== undefined) this.remembered.set(id, { to, seq, size: body.length });
    const entry = {
      kind: 'send',
      to,
      seq,
      id,
      from: 'alice',
      at: 1_767_225_600_000 + this.#count,
      session,
      crc: crc32(body),
      body,
    } as const;
    this.#append([entry], ([ref]) => {
      if (box.texts.has(seq) && ref !== undefined) box.refs.set(seq, ref);
    });
  }

  ack(to: string, seq: number): void {
    const box = this.#boxes.get(to);
    if (box === undefined || seq <= box.watermark || seq >= box.next) return;
    box.watermark = seq;
    for (const held of [...box.texts.keys()]) if (held <= seq) this.#drop(box, held);
    this.#append([{ kind: 'ack', to, seq }]);
  }

  expire(to: string, seq: number): void {
    const box = this.#boxes.get(to);
    if (box === undefined || !box.texts.has(seq)) return;
    this.#drop(box, seq);
    this.#append([{ kind: 'expire', to, seq }]);
  }

  open(to: string): void {
    const box = this.#boxes.get(to);
    if (box === undefined || box.open) return;
    box.open = true;
    this.#append([{ kind: 'open', to }]);
  }

  /** Only an empty mailbox is forgotten. */
  forget(to: string): void {
    if (this.#boxes.get(to)?.texts.size !== 0) return;
    this.#boxes.delete(to);
    this.#append([{ kind: 'forget', to }]);
  }

  /** The older half of the remembered ids is remembered no more; a journal may bring them back until it has cleared them away. */
  forgetIds(): void {
    const ids = [...this.remembered.keys()];
    for (const id of ids.slice(0, ids.length / 2)) this.remembered.delete(id);
  }

  #drop(box: Box, seq: number): void {
    box.texts.delete(seq);
    box.refs.delete(seq);
  }

  holds(to: string, seq: number): boolean {
    return this.#boxes.get(to)?.texts.has(seq) ?? false;
  }

  remembers(_from: string, id: string, to: string, seq: number): boolean {
    const known = this.remembered.get(id);
    return known !== undefined && known.to === to && known.seq === seq;
  }

  mailbox(to: string): MailboxState | undefined {
    return this.#boxes.get(to);
  }

  moved(to: string, seq: number, ref: Ref): void {
    this.moves += 1;
    this.#boxes.get(to)?.refs.set(seq, ref);
  }

  /** What the journal must bring back in the next life. */
  state(): State {
    return sorted(
      [...this.#boxes].map(([name, { next, watermark, tried, open, texts }]) => [
        name,
        { next, watermark, tried: open ? next - 1 : tried, texts: [...texts].sort(([a], [b]) => a - b) },
      ]),
    );
  }

  /** A life begins, the first or another: on this journal, with what it brought back. */
  reborn(journal: Journal, recovered: Recovered): void {
    this.#journal = journal;
    for (const [name, { tried, messages }] of recovered.mailboxes) {
      const box = this.#box(name);
      box.tried = tried;
      box.open = false;
      box.refs.clear();
      for (const { seq, ref } of messages) box.refs.set(seq, ref);
    }
  }

  /**
   * Reads every held message where it is said to lie.
   * @param only of this mailbox alone
   * @returns those that are not what they should be
   */
  async wrongBodies(only?: string): Promise<string[]> {
    const wrong: string[] = [];
    for (const [name, { texts, refs }] of this.#boxes) {
      if (only !== undefined && name !== only) continue;
      for (const [seq, text] of texts) {
        const ref = refs.get(seq);
        if (ref === undefined) wrong.push(`${name}/${seq} lies nowhere`);
        else if ((await this.journal.read(ref)).toString() !== text) wrong.push(`${name}/${seq}`);
        else if ((this.journal.recent(ref)?.toString() ?? text) !== text)
          wrong.push(`${name}/${seq} in memory`);
      }
    }
    return wrong;
  }
}

/** What a journal brought back, bodies and all, in the form of `Model.state`. */
export async function recoveredState(journal: Journal, recovered: Recovered): Promise<State> {
  const boxes: [string, unknown][] = [];
  for (const [name, { next, watermark, tried, messages }] of recovered.mailboxes) {
    const texts: [number, string][] = [];
    for (const { seq, ref } of messages) texts.push([seq, (await journal.read(ref)).toString()]);
    boxes.push([name, { next, watermark, tried, texts }]);
  }
  return sorted(boxes);
}

function sorted(entries: [string, unknown][]): State {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
