// The load driver, driver/: compiled once, and run.

import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peers.ts';

/** How many senders there are, how many messages each has under way, and how large these are, in bytes. */
export interface Shape {
  readonly senders: number;
  readonly outstanding: number;
  readonly size: number;
  /** To how many mailboxes they send in turn; undefined: each sender has one, mail0, mail1, … */
  readonly mailboxes?: number;
  /** How many messages in a row go to the same of these; one unless given. */
  readonly burst?: number;
}

/** How much of one processor the driver itself needed: at 1 it is what limits a rate. */
interface Driven {
  readonly cpu: number;
}

/** How long something took, in microseconds. */
export interface Times extends Driven {
  readonly p50: number;
  readonly p99: number;
}

/** What was measured of senders alone: how long an answer took, too. */
export interface Load extends Times {
  /** All answers that came, those of the warm-up included. */
  readonly all: number;
  /** Answers a second. */
  readonly rate: number;
}

/** What was measured of a collector. */
export interface Collected extends Driven {
  /** Messages a second that were collected and acknowledged. */
  readonly rate: number;
}

/** Where a load goes: the driver, and who listens on 127.0.0.1. */
export interface Target {
  readonly load: string;
  readonly protocol: Peer['protocol'];
  readonly port: number;
}

/** Compiles the driver. @returns where it lies. @throws Error with what the compiler says */
export function compileLoad(scratch: string): string {
  const program = path.join(scratch, 'load');
  const folder = fileURLToPath(new URL('driver/', import.meta.url));
  const sources = readdirSync(folder).filter((name) => name.endsWith('.c'));
  const files = sources.map((name) => path.join(folder, name));
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, ...files, '-lm'], {
    stdio: 'pipe',
  });
  return program;
}

/** Runs senders alone, for `seconds` after the warm-up. */
export function runLoad(
  load: string,
  protocol: Peer['protocol'],
  port: number,
  shape: Shape,
  seconds: number,
): Promise<Load> {
  return run({ load, protocol, port }, 'store', ...storing(shape, seconds));
}

/** Sends exactly `count` messages to a relay of detour, without a warm-up. @throws Error if one was not stored */
export async function fill(load: string, port: number, shape: Shape, count: number): Promise<Load> {
  const filled = await run<Load>({ load, protocol: 'detour', port }, 'fill', ...storing(shape, count));
  if (filled.all !== count) throw new Error(`${count} were sent, but ${filled.all} answered`);
  return filled;
}

const storing = ({ senders, outstanding, size, mailboxes, burst = 1 }: Shape, most: number): number[] => [
  ...[senders, outstanding, size, most],
  ...(mailboxes === undefined ? [] : [mailboxes, burst]),
];

/** Fills one mailbox with `count` messages, and then lets one collector empty it. */
export function runDrain(target: Target, size: number, count: number): Promise<Collected> {
  return run(target, 'drain', size, count);
}

/** Sends `rate` messages a second to a collector that waits for them, for `seconds` after the warm-up. @returns how long they took */
export function runLive(target: Target, size: number, rate: number, seconds: number): Promise<Times> {
  return run(target, 'live', size, rate, seconds);
}

/** Writes and syncs a file at the same rate. @returns how long that took */
export function runDisk(
  load: string,
  file: string,
  size: number,
  rate: number,
  seconds: number,
): Promise<Times> {
  return runWords(load, ['disk', file, size, rate, seconds]);
}

/** Runs senders to `mailboxes` mailboxes in turn, and collectors at the same time, for `seconds` after the warm-up. */
export function runBusy(
  target: Target,
  { senders, outstanding, size }: Shape,
  mailboxes: number,
  collectors: number,
  seconds: number,
): Promise<Collected> {
  return run(target, 'busy', senders, outstanding, size, mailboxes, collectors, seconds);
}

function run<T>({ load, protocol, port }: Target, kind: string, ...words: number[]): Promise<T> {
  return runWords(load, [protocol, '127.0.0.1', port, kind, ...words]);
}

function runWords<T>(load: string, words: readonly (string | number)[]): Promise<T> {
  return new Promise((resolve, reject) =>
    execFile(load, words.map(String), (error, stdout, stderr) =>
      error === null ? resolve(JSON.parse(stdout) as T) : reject(new Error(stderr || error.message)),
    ),
  );
}
