// The server that a checked client calls, as the check plays it.

import { type Attempt, START_MS } from './attempt.ts';
import type { Frame } from './frames.ts';
import type { Failed } from './outcome.ts';
import { matches, type Wire } from './wire.ts';

/** How long a server that the check plays waits for the next frame of a client: longer than any stage lasts. */
const LONG_MS = 60_000;

/** What a client may say before READY has come. */
const BEFORE_READY: readonly string[] = ['HELLO', 'PING', 'PONG'];

/** A server that the check plays. */
export interface PlayedServer {
  /** Every connection that has come. */
  readonly wires: readonly Wire[];
  /** All frames that have come, over all connections, in the order in which they came. */
  readonly frames: readonly Frame[];
  /** The failure of a client that has not said this on its last connection, or has not connected at all. */
  failed(expected: string, why: string): Failed;
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
  const wires: Wire[] = [];
  const frames: Frame[] = [];
  await attempt.listen(async (wire) => {
    wires.push(wire);
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
  });
  const failed = (expected: string, why: string): Failed =>
    wires.at(-1)?.failed(expected, why) ?? attempt.notConnected();
  return { wires, frames, failed };
}

/** Says READY 400 ms after the connection. @param early gets the verbs that came before it and must not */
export const lateReady =
  (attempt: Attempt, ready: string, early: string[]): Part['greet'] =>
  async (wire) => {
    await attempt.pass(400);
    early.push(...wire.frames.map(({ verb }) => verb).filter((verb) => !BEFORE_READY.includes(verb)));
    wire.send(ready);
  };

/** Waits for a frame of this pattern to come on any connection. @throws Failed if it does not come, or the program ends before it */
export async function mustSay(
  attempt: Attempt,
  { frames, wires, failed }: PlayedServer,
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
  throw failed(pattern, why);
}
