// How many bytes of a connection has the other kernel not acknowledged? Node does not know; on Linux the kernel says so in a table
// (/proc/net/tcp, Documentation/networking/proc_net_tcp.rst): `tx_queue` is what was written less what was acknowledged.
// Elsewhere it cannot be seen. "The other kernel" is that of the next hop: a proxy, too, answers for itself.

import { closeSync, openSync, readSync } from 'node:fs';
import { isIPv6, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { addressBytes } from './address.ts';
import { parseRow } from './proc-net-tcp.ts';

/** An address and a port. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** A row of the table for IPv4 has so many bytes. The kernel goes on to look for the next row only if there is room for it. */
const ROW = 150;
/** After so many rows taking them one by one no longer pays. */
const ONE_BY_ONE = 256;

/**
 * Bytes that this kernel has taken for a connection and that the kernel at its other end has not acknowledged.
 * Undefined if that cannot be seen: not on Linux, or the connection has gone. Until it knows nothing else is done, and going through
 * the whole table takes the kernel milliseconds, also if little stands in it: so the row is the last thing that is read.
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
  // Rows that come and go while the table is read in pieces can hide another: who finds nothing looks once more.
  return look(local, remote) ?? look(local, remote);
}

function look(local: End, remote: End): number | undefined {
  // The tables of this process's own network namespace. A socket of the kind IPv6 that carries IPv4 stands in the second.
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
 * Finds a connection in the text of such a table.
 * @param order of the bytes in this computer's words: the table prints addresses as words
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

/** Is this what the table prints for an end? */
function isEnd(text: string, { address, port }: End, order: 'BE' | 'LE'): boolean {
  const [words = '', hexPort = ''] = text.split(':');
  if (Number.parseInt(hexPort, 16) !== port) return false;
  return bytesOf(words, order) === addressBytes(address);
}

/** The bytes of a printed address in the order of the network, in hex; IPv4 within IPv6 as IPv4. */
function bytesOf(words: string, order: 'BE' | 'LE'): string {
  const bytes = words.replace(/.{8}/g, (word) =>
    order === 'BE' ? word : (word.match(/../g) ?? []).reverse().join(''),
  );
  return bytes.toLowerCase().replace(/^0{20}f{4}/, '');
}
