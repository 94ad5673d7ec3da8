// What the two routes of a run have in common: when the fault strikes, and how bytes are held until then.

import type { Emit } from '../../src/core/event.ts';
import { MAX_HELD } from '../../src/lab/faults/pipe.ts';
import type { Random } from '../lib/random.ts';
import type { Network } from './network.ts';
import type { Handled, Said } from './oracle.ts';
import type { Parts } from './parts.ts';
import type { FaultName, Phase, Schedule } from './plan.ts';

/** What a world needs. */
export interface Setting {
  readonly parts: Parts;
  readonly schedule: Schedule;
  readonly random: Random;
  /** The message that the schedule is about. */
  readonly subject: string;
  /** The subject has reached this phase. The fault strikes if the schedule names the phase. Returns before anything else can happen. */
  reach(phase: Phase): void;
  /** Is the phase still to be reached? Nothing more is held once the fault has struck or the sender has concluded. */
  pending(): boolean;
  /** Where an actor reports its events. */
  emitOf(actor: string): Emit;
}

/** The programs of one run, and the network between them. */
export interface World {
  readonly network: Network;
  readonly handled: readonly Handled[];
  readonly said: readonly Said[];
  /** Sends one message in advance, so that the connections are open. */
  warm(): Promise<void>;
  /** Sends the subject, held where the schedule wants it. Resolves when its sender has a verdict, or when there is no sender any more. */
  send(body: Buffer): Promise<void>;
  /** Applies a fault that is not the network's. What can be done synchronously is done when this returns. */
  strike(fault: FaultName): void;
  /** Mends everything: frozen programs go on, killed ones start again, full disks have room. @param all also what came back broken */
  mend(all: boolean): Promise<void>;
  /** After everything was mended: waits until nothing is under way, and collects what is held. */
  settle(): Promise<void>;
  /** Closes everything that is left. */
  close(): Promise<void>;
}

/** Holds the frame where the phase wants it, and calls `reach` when it is there. Call it before the frame is written. */
export function holdFrame(
  { schedule, random, reach }: Setting,
  network: Network,
  direction: 'up' | 'down',
  bytes: number,
): void {
  if (schedule.phase === 'partly') network.hold(random.whole(1, bytes - 1));
  else if (schedule.phase === 'out') holdAll(network, direction, bytes, () => reach('out'));
}

/** Holds the answer, or lets part of it pass, if the schedule is about the answer. Call it before the answer is written. */
export function holdAnswer(
  { schedule, random, reach, pending }: Setting,
  network: Network,
  direction: 'up' | 'down',
  bytes: number,
): void {
  if (schedule.phase !== 'reply' || !pending()) return;
  if (random.next() < 0.5) network.hold(random.whole(1, bytes - 1));
  else holdAll(network, direction, bytes, () => reach('reply'));
}

/** How long a frame may take to arrive at the link, in milliseconds. */
const PATIENCE_MS = 10_000;

function holdAll(network: Network, direction: 'up' | 'down', bytes: number, held: () => void): void {
  network.hold(direction);
  const until = performance.now() + PATIENCE_MS;
  const look = (): void => {
    // A pipe holds no more than MAX_HELD, and somewhat less in several chunks; the rest waits in the kernel.
    if (network.link.counts().held >= Math.min(bytes, MAX_HELD / 2)) held();
    else if (performance.now() < until) setTimeout(look, 1);
  };
  look();
}

/** Never resolves: a program that was killed does nothing more, not even fail. */
export const never = (): Promise<never> => new Promise(() => {});

/** Waits. @param ms milliseconds */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
