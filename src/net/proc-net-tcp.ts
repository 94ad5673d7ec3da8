// What this computer's kernel says about a connect that it is still trying, and about the process that listens on a port: on Linux, in /proc.
// On other systems there is no answer. It is only shown to a person; nothing else depends on it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How often the kernel is configured to retry a connect (tcp_syn_retries); undefined if the system does not say. */
export function synRetries(): number | undefined {
  return asked(() => Number(readFileSync('/proc/sys/net/ipv4/tcp_syn_retries', 'utf8')));
}

/**
 * The earliest time at which Linux gives a connect up, in seconds. It is the sum of the waits after each SYN: 1 s, then twice as long each
 * time, at most 120 s. (Newer kernels send more SYNs within this time, so do not derive a number of SYNs from it.)
 */
export function patienceSeconds(retries: number): number {
  let seconds = 0;
  for (let tried = 0; tried <= retries; tried += 1) seconds += Math.min(2 ** tried, 120);
  return seconds;
}

/**
 * How many SYNs have been sent for the connect of this process that has been tried most often; undefined if no connect is under way, or
 * the system does not say.
 * @param proc this process's folder in /proc
 */
export function sentSyns(proc = '/proc/self'): number | undefined {
  return asked(() => {
    const own = ownSockets(proc);
    return 1 + Math.max(...['tcp', 'tcp6'].flatMap((name) => retransmitted(tableOf(proc, name), own)));
  });
}

// Empty if there is no such file: tcp6 is missing where IPv6 is switched off.
const tableOf = (proc: string, name: string): string =>
  attempt(() => readFileSync(`${proc}/net/${name}`, 'utf8')) ?? '';

function asked(read: () => number): number | undefined {
  try {
    const number = read();
    return Number.isInteger(number) ? number : undefined;
  } catch {
    // Not Linux, or a Linux that hides its /proc.
    return undefined;
  }
}

/**
 * How often the kernel has retransmitted the SYN of each connect that is under way.
 * @param table the text of /proc/net/tcp or tcp6
 * @param inodes the sockets to look for
 */
export function retransmitted(table: string, inodes: ReadonlySet<string>): number[] {
  return table.split('\n').flatMap((line) => {
    const { state, retransmits, inode } = parseRow(line);
    return state === SYN_SENT && inodes.has(inode) ? [retransmits] : [];
  });
}

/** The states of a connection, as the table prints them (Linux, include/net/tcp_states.h). */
export const SYN_SENT = '02';
export const TIME_WAIT = '06';
const LISTEN = '0A';

/** A row of the kernel's table of connections. */
export interface Row {
  /** An end as the table prints it: `0100007F:1005` is 127.0.0.1:4101 where the low byte comes first. */
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  /** Bytes written and not acknowledged by the other kernel; NaN if the table does not say. */
  readonly unacknowledged: number;
  /** How often what was sent last has been sent again. */
  readonly retransmits: number;
  /** The uid of the socket's owner. */
  readonly uid: number;
  readonly inode: string;
  /** The retransmission timeout. Linux always has one for a connection that is open. */
  readonly timeout: number;
}

/** Reads one line of /proc/net/tcp or tcp6 (Linux, Documentation/networking/proc_net_tcp.rst). The heading has NaN for its numbers. */
export function parseRow(line: string): Row {
  const [, local = '', remote = '', state = '', queues = '', , again = '', uid, , inode = '', , , timeout] =
    line.trim().split(/\s+/);
  const [, unacknowledged = ''] = /^([0-9A-F]{8}):/.exec(queues) ?? [];
  return {
    ...{ local, remote, state, inode },
    uid: Number(uid),
    unacknowledged: Number.parseInt(unacknowledged, 16),
    retransmits: Number.parseInt(again, 16),
    timeout: Number(timeout),
  };
}

function ownSockets(proc: string): Set<string> {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`${proc}/fd`)) {
    const inode = inodeOf(proc, fd);
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

function inodeOf(proc: string, fd: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${proc}/fd/${fd}`))?.[1];
  } catch {
    // It was the handle of the directory itself, or has been closed in the meantime.
    return undefined;
  }
}

/** The owner of a listening socket. */
export interface Holder {
  readonly uid: number;
  /** Undefined if the process cannot be seen: it belongs to another user, or runs outside this container. */
  readonly pid?: number;
  /** Its command, in words. */
  readonly command?: readonly string[];
  /** Was it stopped, as Ctrl-Z does? */
  readonly stopped?: boolean;
}

/** The row of the listening socket of a port here; undefined if there is none, or the system does not say. @param proc the folder /proc */
export function listenerOn(port: number, proc = '/proc'): Row | undefined {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6']
    .flatMap((name) => tableOf(`${proc}/self`, name).split('\n').map(parseRow))
    .find(({ local, state }) => state === LISTEN && local.endsWith(end));
}

/** How long to search for a process, in milliseconds: a computer may have very many. */
const SEARCH_MS = 300;

/** The owner of the listening socket of a port here; undefined if there is none, or the system does not say. @param proc the folder /proc */
export function holderOf(port: number, proc = '/proc'): Holder | undefined {
  const row = listenerOn(port, proc);
  if (row === undefined) return undefined;
  const { uid, inode } = row;
  const began = performance.now();
  for (const pid of attempt(() => readdirSync(proc)) ?? []) {
    if (performance.now() - began > SEARCH_MS) break;
    if (!/^\d+$/.test(pid) || attempt(() => ownSockets(`${proc}/${pid}`))?.has(inode) !== true) continue;
    const command = attempt(() => readFileSync(`${proc}/${pid}/cmdline`, 'utf8')) ?? '';
    // The state comes after the name, which may itself contain a parenthesis.
    const stopped = /\) [Tt] [^)]*$/.test(attempt(() => readFileSync(`${proc}/${pid}/stat`, 'utf8')) ?? '');
    return { uid, pid: Number(pid), command: command.split('\0').filter(Boolean), stopped };
  }
  return { uid };
}

// Undefined if it cannot be read: this system has no such file, it belongs to another user, or the process has ended.
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
