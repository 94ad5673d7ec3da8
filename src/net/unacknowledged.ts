// How many bytes of a connection has the other kernel not acknowledged? Node does not know. Linux shows it in a table (/proc/net/tcp,
// Documentation/networking/proc_net_tcp.rst): `tx_queue` is what was written minus what was acknowledged. Other systems do not show it.
// "The other kernel" is that of the next hop: a proxy acknowledges for itself.

import { closeSync, openSync, readSync } from 'node:fs';
import { isIPv6, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { addressBytes } from './address.ts';
import { parseRow } from './proc-net-tcp.ts';

/** One end of a connection: an address and a port. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** The length of a row of the IPv4 table, in bytes. The kernel looks for the next row only if the reader has room for it. */
const ROW = 150;
/** After this many rows it no longer pays to read them one by one. */
const ONE_BY_ONE = 256;

/**
 * How many bytes this kernel has accepted for a connection that the kernel at its other end has not acknowledged. Undefined if that
 * cannot be seen: not on Linux, or the connection is gone. The call blocks, and the kernel needs milliseconds to walk the whole table even
 * if it has few rows, so reading stops at the row that is wanted.
 */
export function unacknowledged({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
}: Socket): number | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const local = { address: localAddress, port: localPort };
  const remote = { address: remoteAddress, port: remotePort };
  // Rows that come and go while the table is read in pieces can hide this one: if it is not found, look once more.
  return look(local, remote) ?? look(local, remote);
}

/** How far the bytes of a connection have come. */
export interface Progress {
  /** How many have been handed to the socket. */
  readonly written: number;
  /** How many of them the kernel at the other end has acknowledged; undefined if that cannot be seen. */
  readonly acknowledged: number | undefined;
}

/** How far the bytes of a connection have come. The call blocks, as `unacknowledged` does. */
export function progressOf(socket: Socket): Progress {
  const written = socket.bytesWritten;
  const open = unacknowledged(socket);
  return { written, acknowledged: open === undefined ? undefined : written - socket.writableLength - open };
}

function look(local: End, remote: End): number | undefined {
  // The tables of this process's own network namespace. An IPv6 socket that carries IPv4 is in the IPv6 table.
  let file: number;
  try {
    file = openSync(isIPv6(local.address) ? '/proc/self/net/tcp6' : '/proc/self/net/tcp', 'r');
  } catch {
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(ONE_BY_ONE * ROW);
    let rest = '';
    for (let rows = 0; ; rows += 1) {
      const size = readSync(file, buffer, 0, rows < ONE_BY_ONE ? ROW : buffer.length, null);
      if (size === 0) return undefined;
      const text = rest + buffer.toString('latin1', 0, size);
      const end = text.lastIndexOf('\n') + 1;
      const found = findUnacknowledged(text.slice(0, end), local, remote);
      if (found !== undefined) return found;
      rest = text.slice(end);
    }
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/**
 * Finds a connection in the text of /proc/net/tcp or tcp6.
 * @param order the byte order of this computer, because the table prints addresses as 32-bit words
 * @returns the connection's unacknowledged bytes; undefined if it is not in the table, or the table is not a real one
 */
export function findUnacknowledged(
  table: string,
  local: End,
  remote: End,
  order: 'BE' | 'LE' = endianness(),
): number | undefined {
  for (const line of table.split('\n')) {
    const row = parseRow(line);
    if (!isEnd(row.local, local, order) || !isEnd(row.remote, remote, order)) continue;
    // A system that imitates Linux's table (gVisor, for one) writes zeros for the timeout, and for the queue, too.
    return row.timeout > 0 && row.unacknowledged >= 0 ? row.unacknowledged : undefined;
  }
  return undefined;
}

/** Is this how the table prints this end? On a little-endian computer `0100007F:1005` is 127.0.0.1:4101. */
function isEnd(text: string, { address, port }: End, order: 'BE' | 'LE'): boolean {
  const [words = '', hexPort = ''] = text.split(':');
  if (Number.parseInt(hexPort, 16) !== port) return false;
  return bytesOf(words, order) === addressBytes(address);
}

/** The bytes of a printed address in network order, in hex. An IPv4 address that is written as IPv6 becomes IPv4. */
function bytesOf(words: string, order: 'BE' | 'LE'): string {
  const bytes = words.replace(/.{8}/g, (word) =>
    order === 'BE' ? word : (word.match(/../g) ?? []).reverse().join(''),
  );
  return bytes.toLowerCase().replace(/^0{20}f{4}/, '');
}
