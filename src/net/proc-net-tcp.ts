// What the kernel of this computer says about a connect that it is still trying, where it says anything: on Linux, in /proc.
// For telling a person while he waits. Nothing is concluded from it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How often the kernel is set to try a connect again (tcp_syn_retries); undefined if the system does not say. */
export function synRetries(): number | undefined {
  return asked(() => Number(readFileSync('/proc/sys/net/ipv4/tcp_syn_retries', 'utf8')));
}

/**
 * After how many seconds at the earliest Linux gives a connect up: as long as so many tries would take that begin after 1 s and
 * wait twice as long each, at most 120 s. (Newer kernels try more often within this time, so it is not a number of SYNs.)
 */
export function patienceSeconds(retries: number): number {
  let seconds = 0;
  for (let tried = 0; tried <= retries; tried += 1) seconds += Math.min(2 ** tried, 120);
  return seconds;
}

/**
 * The SYNs sent so far of this process's connect that has been tried longest; undefined if there is none, or the system does not say.
 * @param proc where the system tells of this process
 */
export function sentSyns(proc = '/proc/self'): number | undefined {
  return asked(() => {
    const own = ownSockets(proc);
    return 1 + Math.max(...['tcp', 'tcp6'].flatMap((name) => retransmitted(tableOf(proc, name), own)));
  });
}

// Where IPv6 is switched off, its table is not there.
function tableOf(proc: string, name: string): string {
  try {
    return readFileSync(`${proc}/net/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function asked(read: () => number): number | undefined {
  try {
    const number = read();
    return Number.isInteger(number) ? number : undefined;
  } catch {
    // No Linux, or one that hides its /proc.
    return undefined;
  }
}

/**
 * How often the SYN of each connect in a table of the kernel's has been sent again.
 * @param table the text of /proc/net/tcp or tcp6
 * @param inodes the sockets that count
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
  readonly inode: string;
  /** The retransmission timeout. Linux always has one for a connection that is open. */
  readonly timeout: number;
}

/** Reads one line of /proc/net/tcp or tcp6 (Linux, Documentation/networking/proc_net_tcp.rst). The heading has NaN for its numbers. */
export function parseRow(line: string): Row {
  const [, local = '', remote = '', state = '', queues = '', , again = '', , , inode = '', , , timeout] = line
    .trim()
    .split(/\s+/);
  const [, unacknowledged = ''] = /^([0-9A-F]{8}):/.exec(queues) ?? [];
  return {
    ...{ local, remote, state, inode },
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
    // It was the directory itself, or has been closed meanwhile.
    return undefined;
  }
}
