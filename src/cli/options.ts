// Options that several commands share, so that they look the same everywhere, including --help.

import { Option } from 'commander';
import { HEARTBEAT_S } from '../exchange/heartbeat.ts';
import type { Deadline } from '../exchange/pending.ts';
import { address, deadline, heartbeat } from './input.ts';

/** An option that takes an address; by default this computer. @param port the port if none is given */
export function addressOption(flags: string, description: string, port: number): Option {
  return new Option(flags, description)
    .argParser(address(port))
    .default({ host: '127.0.0.1', port }, `127.0.0.1:${port}`);
}

/** `--timeout`, by default 10 s. @param description what it is a deadline for */
export function timeoutOption(description: string): Option {
  return new Option('--timeout <time>', description).argParser(deadline).default(10_000, '10s');
}

/** `--patient`: the kernel, not detour, decides when connecting has failed. */
export function patientOption(): Option {
  return new Option('--patient', 'connect for as long as the kernel tries; --timeout counts from then');
}

/** The deadline that --timeout and --patient ask for. */
export function deadlineOf(flags: {
  readonly timeout: number;
  readonly patient?: true | undefined;
}): Deadline {
  return { timeoutMs: flags.timeout, patient: flags.patient };
}

/** `--heartbeat`, by default `HEARTBEAT_S`. */
export function heartbeatOption(): Option {
  return new Option('--heartbeat <time>', 'PING after this much silence; after three times that, give up')
    .argParser(heartbeat)
    .default(HEARTBEAT_S, `${HEARTBEAT_S}s`);
}
