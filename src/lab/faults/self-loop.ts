// Would a link call itself? One address can be written in many ways, so the system is asked what a name stands for. It is asked at
// the start: a way round through other computers it does not find (then MAX_PROXIED ends it).

import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Is `to` where a link that is told to listen at `own` would listen? A name that nobody knows is not an address of ours. */
export async function isSelfLoop(own: Address, to: Address): Promise<boolean> {
  if (own.port !== to.port) return false;
  const [ours, theirs] = await Promise.all([addressesOf(own.host), addressesOf(to.host)]);
  return theirs.some((address) => ours.some((one) => listensAt(one, REACHED.get(address) ?? address)));
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  // IPv4 written in the IPv6 way is IPv4.
  return found.map(({ address }) => address.replace(/^::ffff:(?=[\d.]+$)/i, ''));
}

// Who calls "all addresses" calls his own computer.
const REACHED: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

function listensAt(own: string, address: string): boolean {
  if (own === address) return true;
  // On :: a system takes IPv4, too; on 0.0.0.0 it takes nothing else.
  if (own !== '::' && (own !== '0.0.0.0' || address.includes(':'))) return false;
  const ours = Object.values(networkInterfaces()).flatMap((some) => some?.map((one) => one.address) ?? []);
  return address.startsWith('127.') || ours.includes(address);
}
