// One address can be written in many ways, and that must not be a way around a limit per address. And the addresses that this computer has.

import { describe, expect, test } from 'vitest';
import { addressBytes, addressKey, formatAddress, ownAddresses } from '../../src/net/address.ts';

test('an IPv6 address is written in brackets before a port', () => {
  expect(formatAddress('127.0.0.1', 4101)).toBe('127.0.0.1:4101');
  expect(formatAddress('bob.local', 1)).toBe('bob.local:1');
  expect(formatAddress('::1', 4101)).toBe('[::1]:4101');
});

describe('the bytes of an address', () => {
  test.each([
    ['0.0.0.0', '00000000'],
    ['192.0.2.255', 'c00002ff'],
    ['::ffff:192.0.2.255', 'c00002ff'],
    ['::FFFF:192.0.2.255', 'c00002ff'],
    ['::ffff:c000:2ff', 'c00002ff'],
    ['0:0:0:0:0:ffff:192.0.2.255', 'c00002ff'],
    ['0000:0000:0000:0000:0000:ffff:c000:02ff', 'c00002ff'],
    ['::ffff:192.0.2.255%eth0', 'c00002ff'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['1::', `0001${'0'.repeat(28)}`],
    ['2001:DB8::a:0:1', '20010db8000000000000000a00000001'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['2001:db8:1:2:3:4:192.0.2.1', '20010db80001000200030004c0000201'],
    // Seven groups, and a double colon that stands for one.
    ['2001:db8::2:3:4:5:6', '20010db8000000020003000400050006'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['fe80::1%12', 'fe800000000000000000000000000001'],
    // Only ::ffff:0:0/96 is IPv4 in another notation.
    ['::192.0.2.255', `${'0'.repeat(24)}c00002ff`],
    ['::fffe:192.0.2.255', `${'0'.repeat(20)}fffec00002ff`],
    ['64:ff9b::192.0.2.255', `0064ff9b${'0'.repeat(16)}c00002ff`],
  ])('%s', (address, bytes) => {
    expect(addressBytes(address)).toBe(bytes);
  });

  test.each([
    '',
    '%eth0',
    'bob',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    ':::',
    '1::2::3',
    '::g',
    '[::1]',
    '::1:80x',
  ])('%j is not an address', (text) => {
    expect(addressBytes(text)).toBeUndefined();
  });
});

describe('what a limit counts by', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
    ['2001:0DB8:0000:0001:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
    ['2001:db8::1:0:0:0:5', '2001:db8:0:1::/64'],
    ['2001:db8:0:2::5', '2001:db8:0:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['fe80::2%wlan0', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
    ['not an address', 'unknown'],
  ])('%s counts for %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

test('a server is reached from elsewhere by the addresses that it listens on, but not by loopback', () => {
  const common = { netmask: '', mac: '', cidr: null };
  const v4 = (address: string, internal = false) =>
    ({ ...common, address, family: 'IPv4', internal }) as const;
  const v6 = (address: string) =>
    ({ ...common, address, family: 'IPv6', internal: false, scopeid: 0 }) as const;
  const interfaces = {
    lo: [v4('127.0.0.1', true)],
    eth0: [v4('192.0.2.7'), v6('2001:db8::7'), v6('fe80::7')],
    wlan0: [v4('198.51.100.7')],
  };
  const of = (host: string): string[] =>
    ownAddresses(host, interfaces).map(({ address, card }) => `${address} ${card}`);
  expect(of('0.0.0.0')).toEqual(['192.0.2.7 eth0', '198.51.100.7 wlan0']);
  expect(of('::')).toEqual(['192.0.2.7 eth0', '2001:db8::7 eth0', '198.51.100.7 wlan0']);
  expect(of('198.51.100.7')).toEqual(['198.51.100.7 wlan0']);
  expect(of('127.0.0.1')).toEqual([]);
});
