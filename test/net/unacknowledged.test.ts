// What the other kernel has not acknowledged: the table as Linux prints it, and the real one, with a reader that does not read.

import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Connection } from '../../src/net/connection.ts';
import { netContext } from '../../src/net/context.ts';
import { connect } from '../../src/net/dial.ts';
import { findUnacknowledged } from '../../src/net/unacknowledged.ts';
import { until } from '../servers.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (local: string, remote: string, tx: string, rto = '20'): string =>
  `   1: ${local} ${remote} 01 ${tx}:00000000 00:00000000 00000000  1000        0 9876 1 00000000f75f128b ${rto} 4 30 10 -1`;
const table = (...rows: string[]): string => [HEAD, ...rows, ''].join('\n');

const LOOPBACK = { address: '127.0.0.1', port: 4101 };
const CALLER = { address: '127.0.0.1', port: 50_000 };

test('finds the row of a connection by both its ends', () => {
  const text = table(
    row('0100007F:1005', '0100007F:C350', '00000007'),
    row('0100007F:C351', '0100007F:1005', '00000008'),
    row('0100007F:C350', '0100007F:1005', '0000ABCD'),
  );
  expect(findUnacknowledged(text, CALLER, LOOPBACK, 'LE')).toBe(0xabcd);
  expect(findUnacknowledged(text, LOOPBACK, CALLER, 'LE')).toBe(7);
  expect(findUnacknowledged(text, { ...CALLER, port: 50_002 }, LOOPBACK, 'LE')).toBeUndefined();
  expect(findUnacknowledged(text, CALLER, { ...LOOPBACK, address: '127.0.0.2' }, 'LE')).toBeUndefined();
  expect(findUnacknowledged('', CALLER, LOOPBACK, 'LE')).toBeUndefined();
});

test('the byte order is that of the computer', () => {
  const text = table(row('7F000001:C350', '7F000001:1005', '00000001'));
  expect(findUnacknowledged(text, CALLER, LOOPBACK, 'BE')).toBe(1);
  expect(findUnacknowledged(text, CALLER, LOOPBACK, 'LE')).toBeUndefined();
});

test.each([
  ['::1', '00000000000000000000000001000000'],
  ['fe80::12:3456%eth0', '000080FE000000000000000056341200'],
  ['2001:db8:1:2:3:4:5:6', 'B80D0120020001000400030006000500'],
  ['::ffff:127.0.0.1', '0000000000000000FFFF00000100007F'],
])('IPv6: %s', (address, words) => {
  const text = table(row(`${words}:C350`, `${words}:1005`, '00000005'));
  expect(findUnacknowledged(text, { address, port: 50_000 }, { address, port: 4101 }, 'LE')).toBe(5);
});

test('a table without a retransmission timeout is an imitation, so its zeros are ignored', () => {
  const text = table(row('0100007F:C350', '0100007F:1005', '00000000', '0'));
  expect(findUnacknowledged(text, CALLER, LOOPBACK, 'LE')).toBeUndefined();
});

test.runIf(process.platform === 'linux').each(['127.0.0.1', '::1'])(
  'on %s: nothing while the other kernel takes the data, something when it is full, nothing again after it was read',
  async (host) => {
    let served: Socket | undefined;
    const server = createServer((socket) => {
      served = socket.pause();
      onTestFinished(() => void socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    let connected: Connection | undefined;
    const dial = connect(
      { host, port: address.port },
      netContext(() => {}, systemClock, false),
      {
        connected: (made) => {
          connected = made;
        },
        message: () => {},
        unacceptable: () => {},
        oversize: () => {},
        fault: () => {},
        closed: () => {},
      },
    );
    onTestFinished(() => dial.destroy());
    await until(() => connected !== undefined && served !== undefined);
    const connection = connected as unknown as Connection;
    expect(connection.unacknowledged).toBe(0);
    let handed = 0;
    const body = Buffer.alloc(1024 * 1024, 'x');
    connection.send({ verb: 'SEND', id: '1', body: Buffer.from('hi') }, () => {
      handed += 1;
    });
    await until(() => handed === 1);
    await until(() => connection.unacknowledged === 0);
    // More than both kernels hold.
    for (let id = 2; id <= 17; id += 1)
      connection.send({ verb: 'SEND', id: String(id), body }, () => {
        handed += 1;
      });
    await until(() => (connection.unacknowledged ?? 0) > 0 && handed > 1);
    expect(handed).toBeLessThan(17);
    served?.resume();
    await until(() => handed === 17 && connection.unacknowledged === 0);
    connection.destroy();
    await until(() => connection.unacknowledged === undefined);
  },
);
