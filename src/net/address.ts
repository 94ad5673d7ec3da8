// Addresses as text: read from what a person typed, formatted for people, as bytes, and as the key that a limit per address counts by; and
// the addresses of this computer.

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { DetourError } from '../core/error.ts';
import { isName } from '../wire/verbs.ts';

/** A host, which is a name or an IP address, and a TCP port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, or a host alone.
 * @param defaultPort the port if none is given
 * @throws DetourError `usage`, which suggests what was probably meant
 */
export function parseAddress(text: string, defaultPort: number): Address {
  const parts = partsOf(text);
  const example = `127.0.0.1:${defaultPort}`;
  if (parts === undefined) {
    const meant = meantAddress(text, defaultPort);
    const what = /^[0-9]{1,5}$/.test(text) && meant !== undefined ? 'is a port, not' : 'is not';
    const help = meant === undefined ? `write HOST:PORT, such as ${example}.` : `did you mean ${meant}?`;
    throw new DetourError('usage', `"${text}" ${what} an address: ${help}`);
  }
  const { host, digits } = parts;
  // A name is in lower case, but whoever writes Bob means bob.
  if (digits === undefined && isName(host.toLowerCase()))
    throw new DetourError(
      'usage',
      `"${text}" is a name, but an address is needed here, such as ${example} or ${text}:${defaultPort}. In sync mode you send to an address, in async mode to a name.`,
    );
  const port = digits === undefined ? defaultPort : Number(digits);
  if (!isPort(port)) throw new DetourError('usage', `${digits} is not a port: use a number from 1 to 65535.`);
  return { host, port };
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

/** Host and port as they are written; undefined if it is not an address. */
function partsOf(text: string): { readonly host: string; readonly digits: string | undefined } | undefined {
  const [, six, plain, digits] =
    /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([\p{L}\p{M}\p{N}._-]+))(?::([0-9]{1,5}))?$/u.exec(text) ?? [];
  const host = six ?? plain;
  // The system would take 4101 for the address 0.0.16.5. With a port it may be meant: 127.1:4101 is 127.0.0.1.
  const isNumber =
    digits === undefined && /^(?:[0-9]+|0x[0-9A-Fa-f]+|(?:[0-9]+\.){4,}[0-9]+)$/.test(host ?? '');
  return host === undefined || isNumber ? undefined : { host, digits };
}

// What was probably meant: a port alone, a URL, an IPv6 address without brackets, or another separator than the colon, as in 127.0.0.1,4101.
function meantAddress(text: string, defaultPort: number): string | undefined {
  const bare = text.replace(/^[a-z]+:\/\//i, '').replace(/\/+$/, '');
  const [, before = '', digits = ''] = /^(?:(.*?)[\s.,;:/\uff0c\uff1a]+)?([0-9]{1,5})$/.exec(bare) ?? [];
  const [host, port] =
    isIP(bare) === 6 ? [`[${bare}]`, defaultPort] : [before === '' ? '127.0.0.1' : before, Number(digits)];
  const parts = partsOf(host);
  return parts?.digits === undefined && parts !== undefined && isPort(port) ? `${host}:${port}` : undefined;
}

/** Formats `host:port`, with an IPv6 address in brackets. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The bytes of an address in network order, in hex: 8 digits for IPv4, 32 for IPv6. An IPv4 address that is written as IPv6
 * (`::ffff:192.0.2.1`) gives the 8 digits of the IPv4 address. A zone (`%eth0`) is ignored. Undefined if it is not an address.
 */
export function addressBytes(text: string): string | undefined {
  const address = text.replace(/%.*$/, '');
  switch (isIP(address)) {
    case 4:
      return dottedBytes(address);
    case 6: {
      // The last 32 bits may be written as IPv4.
      const groups = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) =>
        dottedBytes(dotted).replace(/^.{4}/, '$&:'),
      );
      const [head = '', tail] = groups
        .split('::')
        .map((half) => half.split(':').filter(Boolean).map(groupBytes).join(''));
      const bytes = tail === undefined ? head : head + '0'.repeat(32 - head.length - tail.length) + tail;
      return bytes.replace(/^0{20}f{4}/, '');
    }
    default:
      return undefined;
  }
}

const dottedBytes = (dotted: string): string =>
  dotted
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('');

const groupBytes = (group: string): string => group.toLowerCase().padStart(4, '0');

/**
 * The key that a limit per address counts by: the same text for every spelling of an address. An IPv4 address stands for itself. An IPv6
 * address stands for its /64, because a customer or a LAN gets a whole /64, and a single computer may use any address in it.
 * @param address as the socket reports it; all unknown addresses have the same key
 */
export function addressKey(address: string | undefined): string {
  const bytes = address === undefined ? undefined : addressBytes(address);
  if (bytes === undefined) return 'unknown';
  if (bytes.length === 8)
    return (bytes.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.');
  const groups = (bytes.slice(0, 16).match(/.{4}/g) ?? []).map((group) =>
    Number.parseInt(group, 16).toString(16),
  );
  return `${groups.join(':')}::/64`;
}

/** An address of this computer that others may reach. */
export interface OwnAddress {
  readonly address: string;
  /** The network interface that has it: `eth0`. */
  readonly card: string;
}

/**
 * The addresses of this computer that lead to a server, seen from other computers. Empty for a loopback address. IPv6 addresses that
 * need a zone (`fe80:`) are left out, because each computer writes the zone differently. Whether a firewall lets anybody in is not known.
 * @param host the address that the server listens on: one address, `0.0.0.0` for all of IPv4, or `::` for all
 * @param interfaces the network interfaces of this computer; tests pass them
 */
export function ownAddresses(host: string, interfaces = networkInterfaces()): OwnAddress[] {
  const all = Object.entries(interfaces).flatMap(([card, list = []]) =>
    list.filter(({ internal }) => !internal).map(({ address, family }) => ({ address, card, family })),
  );
  const fits = ({ address, family }: (typeof all)[number]): boolean =>
    host === '0.0.0.0' ? family === 'IPv4' : host === '::' ? !address.startsWith('fe80:') : address === host;
  return all.filter(fits).map(({ address, card }) => ({ address, card }));
}
