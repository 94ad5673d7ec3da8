// Reads and checks what a person typed: names, addresses, durations, numbers. Each mistake gets one sentence that says what to do.

import { homedir } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { DetourError } from '../core/error.ts';
import { LEAST_DISK_BYTES } from '../library/arguments.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { isName, isToken } from '../wire/verbs.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 365 * 86_400_000;

/** Reads a duration such as `8s`, `500ms`, `1m`, `1h`, `7d`. @returns milliseconds, at most a year @throws InvalidArgumentError */
export function duration(text: string): number {
  const [, number = '', unit = ''] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (number === '' || !(ms <= LONGEST_MS)) {
    const meant = meantDuration(text);
    throw new InvalidArgumentError(
      `"${text}" is not a valid duration (at most a year): write 500ms, 8s, 1m or 1h.${meant === undefined ? '' : ` Did you mean ${meant}?`}`,
    );
  }
  return ms;
}

// What was probably meant: no unit, another spelling of it, a space before it, or a decimal comma, as in `1,5 Sec`.
function meantDuration(text: string): string | undefined {
  const [, number = '', unit = 's'] =
    /^([0-9]+(?:[.,][0-9]+)?) ?(?:(ms|[smhd])(?:ecs?|econds?|ins?|inutes?|rs?|ours?|ays?)?)?$/i.exec(text) ??
    [];
  const meant = number.replace(',', '.');
  const ms = Number(meant) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  return ms > 0 && ms <= LONGEST_MS ? meant + unit.toLowerCase() : undefined;
}

/** Reads a duration of at least a millisecond. @returns milliseconds @throws InvalidArgumentError */
export function deadline(text: string): number {
  const ms = duration(text);
  if (ms < 1)
    throw new InvalidArgumentError('it must be at least 1ms, or nothing could ever arrive in time.');
  return ms;
}

/** Reads a `ttl`: whole seconds, from one second to a year. @returns seconds @throws InvalidArgumentError */
export function ttl(text: string): number {
  const ms = duration(text);
  if (ms < 1000 || ms % 1000 !== 0)
    throw new InvalidArgumentError('it must be a number of whole seconds: 1s or more.');
  return ms / 1000;
}

/** Reads a heartbeat: whole seconds, from one second to an hour. @returns seconds @throws InvalidArgumentError */
export function heartbeat(text: string): number {
  const ms = duration(text);
  if (ms >= 1000 && ms <= 3_600_000 && ms % 1000 === 0) return ms / 1000;
  throw new InvalidArgumentError('it must be a number of whole seconds: 1s to 1h.');
}

/** Reads a clock's offset in whole nanoseconds. @throws InvalidArgumentError */
export function offset(text: string): bigint {
  if (/^-?[0-9]{1,20}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError(`"${text}" is not a number of nanoseconds.`);
}

/** Writes milliseconds as a person would: `8 s`, `1.5 s`, `250 ms`. */
export function writeDuration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 120) return `${Number(s.toFixed(1))} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`;
}

/** Reads a NAME of the protocol. The error suggests the nearest valid one. @throws InvalidArgumentError */
export function name(text: string): string {
  if (isName(text)) return text;
  if (/[.:]/.test(text)) {
    throw new InvalidArgumentError(
      `"${text}" looks like an address, but a name is needed here, such as bob. In async mode you send to a name, in sync mode to an address.`,
    );
  }
  const nearest = text
    .toLowerCase()
    .normalize('NFD')
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32);
  const suggestion = isName(nearest) ? ` Try ${nearest}.` : '';
  throw new InvalidArgumentError(
    `"${text}" is not a name: use 1 to 32 of a-z, 0-9, _ and -, beginning with a letter.${suggestion}`,
  );
}

/** Reads a message id (a TOKEN of the protocol). @throws InvalidArgumentError */
export function id(text: string): string {
  if (isToken(text)) return text;
  throw new InvalidArgumentError(`"${text}" is not an id: use 1 to 64 of A-Z, a-z, 0-9 and . _ : -`);
}

/** Reads a port, from 0 (any free port) to 65535. @throws InvalidArgumentError */
export function port(text: string): number {
  const value = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 65_535) return value;
  const [, digits] = /:([0-9]{1,5})$/.exec(text) ?? [];
  const help = digits === undefined ? '' : ` Did you mean ${digits}?`;
  throw new InvalidArgumentError(
    `"${text}" is not a port: use a number from 0 (any free one) to 65535.${help}`,
  );
}

/** Reads a count from 1 to 999,999,999. @throws InvalidArgumentError */
export function count(text: string): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new InvalidArgumentError(`"${text}" is not a count: use a number from 1 to 999999999.`);
}

const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1_000_000,
  kib: 1024,
  mib: 1024 * 1024,
  gb: 1_000_000_000,
  gib: 1024 ** 3,
  tb: 1_000_000_000_000,
};

/** Reads an amount of disk such as `2GB`. @returns bytes, at least 8 MB @throws InvalidArgumentError */
export function amount(text: string): number {
  const [, number = '', unit = ''] = /^([0-9]{1,9}(?:\.[0-9]{1,9})?)([A-Za-z]+)$/.exec(text) ?? [];
  const bytes = /B$/.test(unit) ? Math.round(Number(number) * (BYTES[unit.toLowerCase()] ?? Number.NaN)) : 0;
  if (bytes >= LEAST_DISK_BYTES) return bytes;
  throw new InvalidArgumentError(`"${text}" is not a valid amount: write 500MB or 2GB, at least 8MB.`);
}

/** Reads a speed such as `64kB/s`. @returns bytes per second, at least 1; Infinity for `off` @throws InvalidArgumentError */
export function rate(text: string): number {
  if (text === 'off') return Number.POSITIVE_INFINITY;
  const [, number = '', unit = ''] = /^([0-9]{1,9}(?:\.[0-9]{1,9})?)([A-Za-z]+)\/s$/.exec(text) ?? [];
  // Bytes are written with a capital B, because elsewhere a small b means bits.
  const bytes = /B$/.test(unit) ? Math.round(Number(number) * (BYTES[unit.toLowerCase()] ?? Number.NaN)) : 0;
  if (bytes >= 1) return bytes;
  throw new InvalidArgumentError(`"${text}" is not a speed: write 500B/s, 64kB/s, 1MB/s (bytes), or off.`);
}

/** Reads an address to listen on, without a port: a name, an IPv4 or an IPv6 address. @throws InvalidArgumentError */
export function host(text: string): string {
  const [, six, plain] =
    /^(?:\[?([0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*(?:%[\w.-]+)?)\]?|([\w.-]+))$/.exec(text) ?? [];
  const found = six ?? plain;
  // The system would take 4101 for the address 0.0.16.5.
  if (found !== undefined && !/^[1-9][0-9]*$/.test(found)) return found;
  throw new InvalidArgumentError(
    `"${text}" is not an address to listen on: write 127.0.0.1, 0.0.0.0 or ::1. The port is a flag of its own: --port, or --listen for a link.`,
  );
}

/**
 * Reads the path of a file or folder. A `~` at its beginning stands for the home folder: most shells replace it, but not in `--log=~/x`,
 * and on Windows never. `./~` is a file of that name.
 * @throws InvalidArgumentError
 */
export function path(text: string): string {
  if (/^~(?:$|[/\\])/.test(text)) return homedir() + text.slice(1);
  if (text !== '') return text;
  throw new InvalidArgumentError('it is empty; for the current folder write a dot.');
}

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, or a host alone.
 * @param fallback the port if none is given
 * @throws InvalidArgumentError
 */
export function address(fallback: number): (text: string) => Address {
  return (text) => {
    try {
      return parseAddress(text, fallback);
    } catch (error) {
      throw error instanceof DetourError ? new InvalidArgumentError(error.message) : error;
    }
  };
}
