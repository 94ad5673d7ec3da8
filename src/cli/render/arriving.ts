// What a receiver says of a large message that comes in slowly: a bar on a terminal, and a sentence if the rest never comes. It
// counts what this program has read; a sender cannot count that.

import type { Event } from '../../core/event.ts';
import { Progress, say } from './output.ts';

/** Tells about bodies that are not complete. */
export class Arriving {
  /** By connection: what is here, of how much, and its bar. */
  readonly #bodies = new Map<number, { have: number; readonly size: number; readonly bar: Progress }>();

  /** Sees every event, before anything is said about it. */
  saw(event: Event): void {
    if (event.event === 'arriving') {
      const { conn, have, size } = event;
      const body = this.#bodies.get(conn) ?? { have, size, bar: new Progress(size) };
      body.have = have;
      this.#bodies.set(conn, body);
      body.bar.show(have, 'bytes are here');
      return;
    }
    // Whatever is said now begins on an empty line; a bar that goes on is drawn again.
    for (const { bar } of this.#bodies.values()) bar.end();
    if (event.event !== 'received' && event.event !== 'closed') return;
    const body = this.#bodies.get(event.conn);
    this.#bodies.delete(event.conn);
    if (event.event === 'closed' && body !== undefined)
      say(`  ${body.have} of ${body.size} bytes came, and no more: half a message has no effect`);
  }
}
