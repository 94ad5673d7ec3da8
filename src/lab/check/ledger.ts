// What a relay has acknowledged, and what it has delivered: the two are compared when all kills are over.

import type { Frame } from './frames.ts';
import type { Problem } from './outcome.ts';

/** A message that was sent. */
export interface Sent {
  readonly id: string;
  readonly to: string;
  readonly body: string;
  /** The kill before which it was first sent, counted from 1. */
  readonly kill: number;
  /** The highest number that was known in its mailbox before it was sent. */
  readonly above: number;
}

/** How many ids a problem names. */
const NAMED = 4;

/** Every message of a run, what was said of it, and where it came out. */
export class Ledger {
  /** The kill that comes next, counted from 1. */
  kills = 0;
  readonly #sent = new Map<string, Sent>();
  readonly #numbers = new Map<string, number>();
  readonly #highest = new Map<string, number>();
  /** By mailbox and number: which message that is. */
  readonly #delivered = new Map<string, string>();
  readonly #seqOf = new Map<string, number>();
  #problem: Omit<Problem, 'sent'> | undefined;

  /** How many messages were sent. */
  get sent(): number {
    return this.#sent.size;
  }

  /** How many were acknowledged. */
  get acknowledged(): number {
    return this.#numbers.size;
  }

  /** How many were sent and not acknowledged. */
  get open(): number {
    return this.#sent.size - this.#numbers.size;
  }

  /** Notes a new message, before it is sent. */
  add(id: string, to: string, body: string): Sent {
    const sent = { id, to, body, kill: this.kills, above: this.#highest.get(to) ?? 0 };
    this.#sent.set(id, sent);
    return sent;
  }

  /** The relay has said STORED. */
  stored({ id, to, above }: Sent, seq: number): void {
    const before = this.#numbers.get(id);
    if (before !== undefined && before !== seq)
      this.#found(
        `STORED id=${id} seq=${before}, as before`,
        `seq=${seq}`,
        'A repeat is the same message, with the same number.',
      );
    if (!(seq > above))
      this.#found(
        `a number above ${above} for ${id}`,
        `seq=${seq}`,
        'A message that is sent after another was STORED comes after it, and no number is used twice.',
      );
    this.#numbers.set(id, seq);
    this.#highest.set(to, Math.max(this.#highest.get(to) ?? 0, seq));
  }

  /** The relay has delivered a message. */
  received(name: string, found: Frame): void {
    const id = found.fields.get('id') ?? '';
    const seq = Number(found.fields.get('seq'));
    const sent = this.#sent.get(id);
    const key = `${name} ${seq}`;
    const before = this.#delivered.get(key);
    if (sent === undefined || sent.to !== name || sent.body !== found.body?.toString())
      this.#found(
        `the messages that were sent to ${name}`,
        `seq=${seq} id=${id} with another body, or for another name`,
        'Every message is kept as it came.',
      );
    if (before !== undefined && before !== id)
      this.#found(
        `${before} as number ${seq} of ${name}`,
        `${id} as number ${seq}`,
        'A mailbox never uses a number twice.',
      );
    if (before === id && found.fields.get('attempt') === '1')
      this.#found(
        `attempt=2 or more for ${id}`,
        'attempt=1',
        'It was sent before, so the recipient may have seen it.',
      );
    const other = this.#seqOf.get(id);
    if (other !== undefined && other !== seq)
      this.#found(
        `${id} once`,
        `${id} as number ${other}, and as number ${seq}`,
        'A repeat of a SEND is recognised by its id, also after a restart: one message may not become two.',
      );
    const said = this.#numbers.get(id);
    if (said !== undefined && said !== seq)
      this.#found(
        `${id} as number ${said}, as STORED said`,
        `number ${seq}`,
        'The number in STORED is that of the message.',
      );
    this.#delivered.set(key, id);
    this.#seqOf.set(id, seq);
  }

  /** What is wrong, when everything has been collected; undefined if nothing is. */
  problem(): Omit<Problem, 'sent'> | undefined {
    const lost = [...this.#numbers.keys()].filter((id) => !this.#seqOf.has(id));
    if (lost.length === 0) return this.#problem;
    const named = lost.slice(0, NAMED).join(', ');
    const kills = [...new Set(lost.map((id) => this.#sent.get(id)?.kill))].slice(0, NAMED).join(', ');
    return {
      expected: `all ${this.#numbers.size} that were acknowledged`,
      came: `lost: ${lost.length} of ${this.#numbers.size} acknowledged: ids ${named}${lost.length > NAMED ? ', …' : ''} (sent before kill ${kills})`,
      why: 'STORED is a promise that outlives a kill: say it when the message is on the disk, and read all of the disk at the start.',
    };
  }

  // The first one explains the others.
  #found(expected: string, came: string, why: string): void {
    this.#problem ??= { expected, came, why };
  }
}
