// Puts the logs of several processes into one order in which every cause comes before its effect, whatever their clocks say.
// Pure: it reads no file. channels.ts finds out which events belong together; diagram.ts draws.
//
// The order within a process never changes. Between processes only this is certain: a frame was sent before it was received,
// and a connect began before it was accepted. Where that leaves a choice, the earlier time comes first. All times of a process may be
// shifted together: if the clocks contradict the frames, each process is moved to the middle of what its frames allow.

import type { Recorded } from '../core/event.ts';
import { matchChannels, splitProcesses } from './channels.ts';
import { type Finding, findingsIn } from './findings.ts';
import type { Channel, Placed, Process } from './model.ts';

/** The result of merging several logs. */
export interface Merged {
  readonly processes: readonly Process[];
  readonly channels: readonly Channel[];
  /** All events, each after its causes unless a finding says `impossible`. `at` never goes back. */
  readonly events: readonly Placed[];
  readonly findings: readonly Finding[];
  /** How many milliseconds the clock of each process was moved, by `index`. All are 0 if the clocks agree with the frames. */
  readonly shifts: readonly number[];
}

/** Merges logs. Each may contain several processes, one after the other or mixed. */
export function merge(logs: readonly (readonly Recorded[])[]): Merged {
  const runs = logs.flatMap(splitProcesses);
  const base = earliest(runs);
  const lines = runs.map((run, index) => {
    const process: Process = { index, actor: run[0]?.actor ?? '', pid: run[0]?.pid ?? 0 };
    return run.map(
      (recorded): Placed => ({ recorded, process, at: Number(toNs(recorded.time) - base) / 1e6 }),
    );
  });
  const processes = lines.flatMap(([first]) => (first === undefined ? [] : [first.process]));
  const channels = matchChannels(lines.flat());
  const shifts = estimateShifts(lines, channels);
  for (const line of lines) for (const placed of line) placed.at += shifts[placed.process.index] ?? 0;
  const impossible: Finding[] = [];
  const events = weave(lines, causesOf(channels), impossible);
  const zero = events[0]?.at ?? 0;
  for (const placed of events) placed.at -= zero;
  return { processes, channels, events, findings: [...impossible, ...findingsIn(channels)], shifts };
}

function earliest(runs: readonly (readonly Recorded[])[]): bigint {
  let base: bigint | undefined;
  for (const run of runs) {
    for (const { time } of run) {
      const ns = toNs(time);
      if (base === undefined || ns < base) base = ns;
    }
  }
  return base ?? 0n;
}

/** Nanoseconds since 1970 UTC, from a time that `formatTime` wrote or any ISO 8601 UTC time with up to nine decimals. */
export function toNs(time: string): bigint {
  const [seconds = '', decimals = ''] = time.slice(0, -1).split('.');
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(decimals.padEnd(9, '0'));
}

/** The events that must come before an event, besides earlier ones of its own process. */
type Causes = ReadonlyMap<Placed, readonly Placed[]>;

function causesOf(channels: readonly Channel[]): Causes {
  const causes = new Map<Placed, Placed[]>();
  const add = (effect: Placed, cause: Placed): void => {
    const known = causes.get(effect);
    if (known === undefined) causes.set(effect, [cause]);
    else known.push(cause);
  };
  for (const { client, server, hops } of channels) {
    // The client connects, through links if there are any, and the server accepts.
    let before = client?.events.find(({ recorded }) => recorded.event === 'connecting');
    const accepted = server?.events.find(({ recorded }) => recorded.event === 'accepted');
    for (const next of [...hops.map(({ events: [linked] }) => linked), accepted]) {
      if (next === undefined) continue;
      if (before !== undefined) add(next, before);
      before = next;
    }
    if (client === undefined || server === undefined) continue;
    for (const placed of [...client.events, ...server.events]) {
      if (placed.recorded.event === 'received' && placed.peer !== undefined) add(placed, placed.peer);
    }
  }
  return causes;
}

// For two processes: the limits, in milliseconds, for moving the second clock relative to the first, as their frames allow.
interface Window {
  low: number;
  high: number;
}

/**
 * How far each clock must be moved, in milliseconds. All are 0 if no frame seems to arrive before it was sent. Otherwise, from the first
 * process on, each is moved to the middle of what the frames allow. (NTP does the same: it assumes that both directions take equally long.)
 */
function estimateShifts(lines: readonly (readonly Placed[])[], channels: readonly Channel[]): number[] {
  const windows = new Map<number, Map<number, Window>>();
  const windowOf = (from: number, to: number): Window => {
    let row = windows.get(from);
    if (row === undefined) {
      row = new Map();
      windows.set(from, row);
    }
    let window = row.get(to);
    if (window === undefined) {
      window = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
      row.set(to, window);
    }
    return window;
  };
  let agreed = true;
  for (const [effect, causes] of causesOf(channels)) {
    for (const cause of causes) {
      const early = cause.at - effect.at;
      if (early > 0) agreed = false;
      const forth = windowOf(cause.process.index, effect.process.index);
      forth.low = Math.max(forth.low, early);
      const back = windowOf(effect.process.index, cause.process.index);
      back.high = Math.min(back.high, -early);
    }
  }
  const shifts = lines.map(() => 0);
  if (agreed) return shifts;
  const done = new Set<number>();
  for (const start of lines.keys()) {
    if (done.has(start)) continue;
    done.add(start);
    const queue = [start];
    for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
      for (const [to, window] of windows.get(from) ?? []) {
        if (done.has(to)) continue;
        done.add(to);
        shifts[to] = (shifts[from] ?? 0) + middle(window);
        queue.push(to);
      }
    }
  }
  return shifts;
}

function middle({ low, high }: Window): number {
  if (low <= 0 && high >= 0) return 0;
  if (low === Number.NEGATIVE_INFINITY) return high;
  return high === Number.POSITIVE_INFINITY ? low : (low + high) / 2;
}

// Repeatedly takes the earliest event whose causes have all been taken. `at` is raised where it would go back.
function weave(lines: readonly (readonly Placed[])[], causes: Causes, impossible: Finding[]): Placed[] {
  const woven: Placed[] = [];
  const taken = new Set<Placed>();
  const next = lines.map(() => 0);
  let clock = Number.NEGATIVE_INFINITY;
  for (;;) {
    let best: Placed | undefined;
    let stuck: Placed | undefined;
    for (const [index, line] of lines.entries()) {
      const head = line[next[index] ?? 0];
      if (head === undefined) continue;
      if (causes.get(head)?.every((cause) => taken.has(cause)) ?? true) {
        if (best === undefined || head.at < best.at) best = head;
      } else if (stuck === undefined || head.at < stuck.at) stuck = head;
    }
    const chosen = best ?? stuck;
    if (chosen === undefined) return woven;
    if (best === undefined) impossible.push({ kind: 'impossible', placed: chosen });
    clock = Math.max(clock, chosen.at);
    chosen.at = clock;
    taken.add(chosen);
    woven.push(chosen);
    next[chosen.process.index] = (next[chosen.process.index] ?? 0) + 1;
  }
}
