// What happens to messages with time: a `ttl` ends. When to look is expiry.ts, whether it may expire now is mailbox.ts; here the
// decision becomes durable. Nothing behind an expired message is sent before that.

import type { NetContext } from '../net/connection.ts';
import type { Timer } from '../trace/clock.ts';
import type { Commits } from './commits.ts';
import { Expiry } from './expiry.ts';
import type { Held, Mailbox } from './mailbox.ts';
import type { Notices } from './notices.ts';

/** How often the relay looks at what is due. Milliseconds. */
const TURN_MS = 1000;
/** Messages looked at in one turn, so that a million that end together do not stall the event loop; the rest follows */
const PER_TURN = 2000;
/** after so many milliseconds. */
const NEXT_TURN_MS = 10;

/** Lets messages expire. */
export class Ageing {
  readonly #context: NetContext;
  readonly #commits: Commits;
  readonly #notices: Notices;
  readonly #changed: (box: Mailbox) => void;
  readonly #turned: (now: number) => void;
  readonly #expiry = new Expiry<{ box: Mailbox; seq: number }>(({ box, seq }) => box.holds(seq));
  #timer: Timer | undefined;

  /**
   * @param changed called when the expiry of a message is durable: what is behind it may go out
   * @param turned called at each look, with the monotonic time: for what else grows old
   */
  constructor(
    context: NetContext,
    commits: Commits,
    notices: Notices,
    changed: (box: Mailbox) => void,
    turned: (now: number) => void,
  ) {
    this.#context = context;
    this.#commits = commits;
    this.#notices = notices;
    this.#changed = changed;
    this.#turned = turned;
  }

  /** Watches over a message, if it has a `ttl`. */
  watch(box: Mailbox, { seq, ttl, born }: Held): void {
    if (ttl !== undefined) this.#expiry.put(born + ttl * 1000, { box, seq });
  }

  /** Begins to look. */
  start(): void {
    const now = this.#context.clock.monotonic();
    const more = this.#turn(now);
    this.#turned(now);
    this.#timer = this.#context.clock.after(more ? NEXT_TURN_MS : TURN_MS, () => this.start());
  }

  /** Stops looking. */
  stop(): void {
    this.#timer?.cancel();
  }

  // True if more is due than one turn may look at.
  #turn(now: number): boolean {
    const due = this.#expiry.due(now, PER_TURN);
    for (const { box, seq } of due) {
      if (!box.holds(seq)) continue;
      if (box.expirable(seq, now)) this.#expire(box, seq);
      // In flight on a live connection, or not durable yet: looked at again.
      else this.#expiry.put(now + TURN_MS, { box, seq });
    }
    return due.length === PER_TURN;
  }

  #expire(box: Mailbox, seq: number): void {
    const held = box.get(seq);
    if (held === undefined) return;
    const tried = box.triedOf(held);
    box.expire(seq);
    const bounce = this.#notices.bounce(held, tried);
    this.#commits.append(
      [{ kind: 'expire', to: box.name, seq }, ...bounce.map(({ entry }) => entry)],
      (refs) => {
        box.expired(seq);
        this.#context.emit({ event: 'expired', to: box.name, seq, id: held.id, from: held.from, tried });
        this.#notices.durable(bounce, refs);
        this.#changed(box);
      },
    );
  }
}
