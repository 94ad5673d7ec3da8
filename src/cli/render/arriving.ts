// What a receiver says about a large message that arrives slowly: a bar on a terminal, and a sentence if the rest never comes. It
// counts the bytes that this program has read, which a sender cannot know.

import type { Event } from '../../core/event.ts';
import { Progress, say } from './output.ts';

/** Narrates bodies that are not complete yet. */
export class Arriving {
  /** By connection: the bytes that are here, the size of the body, and its bar. */
  readonly #bodies = new Map<number, { have: number; readonly size: number; readonly bar: Progress }>();

  /** Takes every event. To be called before anything else is said about it. */
  saw(event: Event): void {
    if (event.event === 'arriving') {
      const { conn, have, size } = event;
      const body = this.#bodies.get(conn) ?? { have, size, bar: new Progress(size) };
      body.have = have;
      this.#bodies.set(conn, body);
      body.bar.show(have, 'bytes are here');
      return;
    }
    // Something else may be said now, and must begin on an empty line. A bar that goes on is redrawn later.
    for (const { bar } of this.#bodies.values()) bar.end();
    if (event.event !== 'received' && event.event !== 'closed') return;
    const body = this.#bodies.get(event.conn);
    this.#bodies.delete(event.conn);
    if (event.event === 'closed' && body !== undefined)
      say(`  only ${body.have} of ${body.size} bytes came: half a message has no effect`);
  }
}
