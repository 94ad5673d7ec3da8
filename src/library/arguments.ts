// Checks the names, addresses, bodies and times that a program passes to the library, before anything is sent. The command line checks
// what a person typed separately (cli/input.ts), because a person needs a different sentence.

import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../core/clock.ts';
import { DetourError } from '../core/error.ts';
import { HEARTBEAT_S } from '../exchange/heartbeat.ts';
import type { Deadline } from '../exchange/pending.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { type NetContext, netContext } from '../net/context.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { isName, isToken } from '../wire/verbs.ts';

/** The body of a message: bytes, or text, which is sent as UTF-8. At most 1 MiB (PROTOCOL.md, "Limits"). */
export type Body = Uint8Array | string;

/** Where a server listens: `'host:port'`, `'[IPv6]:port'`, a host alone (then the default port is used), or `{ host, port }`. */
export type Endpoint = string | Address;

/** The default port of a receiver. */
export const RECEIVER_PORT = 4101;
/** The default port of a relay. */
export const RELAY_PORT = 4100;
/** The address that a server listens on by default: only this computer can reach it. */
export const LOOPBACK = '127.0.0.1';
/** How long a wait may take by default, in milliseconds. */
export const TIMEOUT_MS = 10_000;

/** The least disk space that a relay's journal needs, in bytes: one segment, and the reserve. */
export const LEAST_DISK_BYTES = 8_000_000;

/** The longest wait that a program may ask for: a year, in milliseconds. */
const LONGEST_MS = 365 * 86_400_000;
/** The longest time to live that the protocol allows: a year, in seconds. */
const LONGEST_TTL_S = LONGEST_MS / 1000;

/** The options of every function of the library that connects to a server. */
export interface ConnectOptions {
  /** This program's name: `as` of HELLO. Default: `alice` for a sender, `bob` for a receiver. */
  readonly as?: string | undefined;
  /** Send PING after this many seconds of silence; after three times as long, the peer counts as gone. 1 to 3600; default: 10. */
  readonly heartbeatSeconds?: number | undefined;
  /** Events, clock and connection numbers. The command line passes it; a program does not need to. May change in any 0.x. */
  readonly context?: NetContext | undefined;
  /** Gives numbers from 0 to below 1, for the pauses before it connects again. Tests pass it. May change in any 0.x. */
  readonly random?: (() => number) | undefined;
}

/** How long to wait: options of every function that waits for one result. */
export interface WaitOptions {
  /** The longest that everything together may take, in milliseconds: connecting, READY and the answer. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** An error for arguments that are not valid: code `usage`. */
export const usage = (message: string, hint = ''): DetourError => new DetourError('usage', message, hint);

/** @param what the argument, for the error @throws DetourError `usage` */
export function checkName(name: string, what: string): string {
  if (typeof name === 'string' && isName(name)) return name;
  throw usage(`${what} "${name}" is not a name: 1 to 32 of a-z, 0-9, _ and -, a letter first.`);
}

/** @throws DetourError `usage` */
export function checkId(id: string): string {
  if (typeof id === 'string' && isToken(id)) return id;
  throw usage(`"${id}" is not an id: 1 to 64 of A-Z, a-z, 0-9 and . _ : -`);
}

/** @param least the lowest port: 0, which lets the system choose, or 1 @throws DetourError `usage` */
export function checkPort(port: number, least: 0 | 1): number {
  if (Number.isInteger(port) && port >= least && port <= 65_535) return port;
  throw usage(`${port} is not a port: a whole number from ${least} to 65535.`);
}

/** @throws DetourError `usage` */
export function checkHost(host: string): string {
  if (
    typeof host === 'string' &&
    /^[^\s:[\]]+$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*(%[\w.-]+)?$/.test(host)
  )
    return host;
  throw usage(`"${host}" is not a host: a name or an IP address, without the port.`);
}

/** @param what the argument, for the error @throws DetourError `usage` */
export function checkMs(ms: number, what: string): number {
  if (typeof ms === 'number' && ms >= 1 && ms <= LONGEST_MS) return ms;
  throw usage(`${what} is ${ms}: it must be a number of milliseconds from 1 to ${LONGEST_MS}, a year.`);
}

/** @param what the argument, for the error @throws DetourError `usage` */
function checkSeconds(seconds: number, what: string, most: number): number {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= most) return seconds;
  throw usage(`${what} is ${seconds}: it must be a whole number of seconds from 1 to ${most}.`);
}

/** A time to live in seconds, if there is one. @throws DetourError `usage` */
export const checkTtl = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : checkSeconds(seconds, 'ttlSeconds', LONGEST_TTL_S);

/** A copy of the body as bytes, so that the message does not change if the caller changes the original. @throws DetourError `usage` */
export function bodyOf(body: Body): Buffer {
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw usage('The body of a message is a string or a Uint8Array.');
  const bytes = Buffer.from(body);
  if (bytes.length <= MAX_BODY) return bytes;
  throw usage(`A message may have ${MAX_BODY} bytes; this one has ${bytes.length}.`, 'Send it in parts.');
}

/** @param defaultPort the port if none is given @throws DetourError `usage` */
export function addressOf(place: Endpoint, defaultPort: number): Address {
  if (typeof place === 'string') return parseAddress(place, defaultPort);
  if (typeof place !== 'object' || place === null)
    throw usage(`${String(place)} is not an address: write 'host:port' or { host, port }.`);
  return { host: checkHost(place.host), port: checkPort(place.port, 1) };
}

/** The context that was given, or one that reports to nobody. */
export const contextOf = (context: NetContext | undefined): NetContext =>
  context ?? netContext(undefined, systemClock, false);

/** What a client connection needs: the server's address, the client's name, and its options. @throws DetourError `usage` */
export function callerOf(address: Address, options: ConnectOptions, defaultName: string) {
  const { as = defaultName, heartbeatSeconds = HEARTBEAT_S, context, random = Math.random } = options;
  return {
    ...address,
    as: checkName(as, 'as'),
    session: randomUUID(),
    heartbeat: checkSeconds(heartbeatSeconds, 'heartbeatSeconds', 3600),
    context: contextOf(context),
    random,
  };
}

/** @throws DetourError `usage` */
export function deadlineOf(options: WaitOptions & Pick<Deadline, 'patient'>): Deadline {
  const { timeoutMs = TIMEOUT_MS, signal, patient } = options;
  return { timeoutMs: checkMs(timeoutMs, 'timeoutMs'), signal, patient };
}

/** The error when a signal ends a wait. */
export const interrupted = (): DetourError =>
  new DetourError('interrupted', 'The wait was interrupted by its signal.');

/** Makes ids for messages: a random prefix, the same for the whole series, then a number. */
export function idSeries(): () => string {
  // 40 random bits tell apart two processes with the same name, for as long as a relay remembers ids.
  const prefix = Array.from(randomBytes(8), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('');
  let last = 0;
  return () => {
    last += 1;
    return `${prefix}-${last}`;
  };
}
