// Would a link connect to itself? One address can be written in many ways, so the system resolves both names, once, at the start.
// A loop through other computers is not found; MAX_PROXIED ends that one.

import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Does `to` lead to the address on which a link at `own` would listen? A name that does not resolve leads nowhere: false. */
export async function isSelfLoop(own: Address, to: Address): Promise<boolean> {
  if (own.port !== to.port) return false;
  const [ours, theirs] = await Promise.all([addressesOf(own.host), addressesOf(to.host)]);
  return theirs.some((address) => ours.some((one) => listensAt(one, REACHED.get(address) ?? address)));
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  // An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4 address.
  return found.map(({ address }) => address.replace(/^::ffff:(?=[\d.]+$)/i, ''));
}

// A connection to "all addresses" reaches the local computer.
const REACHED: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

function listensAt(own: string, address: string): boolean {
  if (own === address) return true;
  // A listener on :: takes IPv4, too; one on 0.0.0.0 takes only IPv4.
  if (own !== '::' && (own !== '0.0.0.0' || address.includes(':'))) return false;
  const ours = Object.values(networkInterfaces()).flatMap((some) => some?.map((one) => one.address) ?? []);
  return address.startsWith('127.') || ours.includes(address);
}
