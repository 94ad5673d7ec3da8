// The load driver, load.c: compiled once, and run.

import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peers.ts';

/** How many senders there are, how many messages each has under way, and how large these are, in bytes. */
export interface Shape {
  readonly senders: number;
  readonly outstanding: number;
  readonly size: number;
  /** To how many mailboxes they send in turn, at detour; undefined: each sender has one, mail0, mail1, … */
  readonly mailboxes?: number;
  /** How many messages in a row go to the same of these; one unless given. */
  readonly burst?: number;
}

/** What was measured. */
export interface Load {
  /** All answers that came, those of the warm-up included. */
  readonly all: number;
  /** Answers a second. */
  readonly rate: number;
  /** How long an answer took, in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** How much of one processor the driver itself needed: at 1 it is what limits the rate. */
  readonly cpu: number;
}

/** Compiles the driver. @returns where it lies. @throws Error with what the compiler says */
export function compileLoad(scratch: string): string {
  const program = path.join(scratch, 'load');
  const source = fileURLToPath(new URL('load.c', import.meta.url));
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-lm'], { stdio: 'pipe' });
  return program;
}

/** Runs it, for so many seconds after its warm-up. */
export function runLoad(
  program: string,
  protocol: Peer['protocol'],
  port: number,
  shape: Shape,
  seconds: number,
): Promise<Load> {
  return drive(program, protocol, port, shape, seconds, 0);
}

/** Sends a relay of detour exactly so many messages; there is no warm-up. @throws Error if one was not stored */
export async function fill(program: string, port: number, shape: Shape, count: number): Promise<Load> {
  const load = await drive(program, 'detour', port, shape, 0, count);
  if (load.all !== count) throw new Error(`${count} were sent, and ${load.all} answered`);
  return load;
}

function drive(
  program: string,
  protocol: Peer['protocol'],
  port: number,
  { senders, outstanding, size, mailboxes = 0, burst = 1 }: Shape,
  seconds: number,
  count: number,
): Promise<Load> {
  const numbers = [port, senders, outstanding, size, seconds, count, mailboxes, burst];
  return new Promise((resolve, reject) =>
    execFile(program, [protocol, '127.0.0.1', ...numbers.map(String)], (error, stdout, stderr) =>
      error === null ? resolve(JSON.parse(stdout) as Load) : reject(new Error(stderr || error.message)),
    ),
  );
}
