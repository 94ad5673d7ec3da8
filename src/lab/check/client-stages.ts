// What the stages of both kinds of clients share: the check plays the server that they call.

import { type Attempt, type Listener, START_MS } from './attempt.ts';
import type { Frame } from './frames.ts';
import { matches, type Wire } from './wire.ts';

/** How long a server that the check plays waits for the next frame of a client: longer than any stage lasts. */
const LONG_MS = 60_000;

/** A server that the check plays. */
export interface PlayedServer {
  readonly listener: Listener;
  /** Every connection that has come. */
  readonly wires: readonly Wire[];
  /** All frames that have come, over all connections, in the order in which they came. */
  readonly frames: readonly Frame[];
}

/** What a played server does. */
export interface Part {
  /** What it says as soon as a client connects; undefined: nothing. */
  readonly ready?: string | undefined;
  /** In place of `ready`, if it is more than a line. */
  readonly greet?: ((wire: Wire) => Promise<void> | void) | undefined;
  /** Takes a frame other than BYE, PING and PONG. */
  readonly take?: ((found: Frame, wire: Wire) => Promise<void> | void) | undefined;
}

/** Plays a server until the attempt ends: it greets, hands over what comes, and answers BYE and FIN. */
export async function play(attempt: Attempt, part: Part): Promise<PlayedServer> {
  const listener = await attempt.listen();
  const wires: Wire[] = [];
  const frames: Frame[] = [];
  const serve = async (wire: Wire): Promise<void> => {
    if (part.greet !== undefined) await part.greet(wire);
    else if (part.ready !== undefined) wire.send(part.ready);
    for (;;) {
      const found = await wire.next(LONG_MS);
      if (typeof found !== 'object') {
        if (found === 'FIN') wire.finish();
        return;
      }
      frames.push(found);
      attempt.changed();
      if (found.verb === 'BYE') {
        wire.send('BYE\n');
        wire.finish();
      } else if (found.verb !== 'PONG') await part.take?.(found, wire);
    }
  };
  const accept = async (): Promise<void> => {
    for (;;) {
      const wire = await listener.accept(LONG_MS);
      if (wire === undefined) return;
      wires.push(wire);
      attempt.changed();
      attempt.background(serve(wire));
    }
  };
  attempt.background(accept());
  return { listener, wires, frames };
}

/** Waits for a frame of this pattern to come on any connection. @throws Failed if it does not come, or the program ends before it */
export async function mustSay(
  attempt: Attempt,
  { frames, wires }: PlayedServer,
  pattern: string,
  why: string,
): Promise<Frame> {
  const found = await attempt.until(
    () =>
      frames.find((one) => matches(one, pattern)) ??
      (attempt.program.exit === undefined ? undefined : 'ended'),
    wires.length === 0 ? START_MS : attempt.deadlineMs,
  );
  if (typeof found === 'object') return found;
  const last = wires.at(-1);
  if (last !== undefined) throw last.failed(pattern, why);
  throw attempt.notConnected();
}
