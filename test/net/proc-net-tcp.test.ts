// What the kernel says about a connect that it is trying, read from a table as Linux writes it.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patienceSeconds, retransmitted, sentSyns } from '../../src/net/proc-net-tcp.ts';
import { tempDir } from '../harness.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 581 1 0000 100 0 0 10 0
   1: 0109090A:DE7C 0909090A:1005 02 00000001:00000000 01:00000050 0000000A     0        0 1969896 2 0000000000000000 100
   2: 0109090A:DE7E 0909090A:1005 02 00000001:00000000 01:00000050 00000003     0        0 1969897 2 0000000000000000 100
   3: 0109090A:DE80 0909090A:1005 01 00000001:00000000 01:00000050 00000005     0        0 1969898 2 0000000000000000 100
`;

test('only connects in progress count, and only those of this process', () => {
  expect(retransmitted(TABLE, new Set(['1969896', '1969898']))).toEqual([10]);
  expect(retransmitted(TABLE, new Set(['1969896', '1969897']))).toEqual([10, 3]);
  expect(retransmitted(TABLE, new Set())).toEqual([]);
  expect(retransmitted('', new Set(['1969896']))).toEqual([]);
});

test('how long Linux tries: 3, 7 and 127 s were measured for 1, 2 and 6 retries', () => {
  expect([1, 2, 6, 7].map(patienceSeconds)).toEqual([3, 7, 127, 247]);
});

// Only POSIX systems can make a link to something that is not a file.
test.runIf(process.platform !== 'win32')(
  'without IPv6 there is no table for it, but IPv4 is still counted',
  () => {
    const proc = tempDir();
    for (const dir of ['fd', 'net']) mkdirSync(join(proc, dir));
    symlinkSync('socket:[1969897]', join(proc, 'fd', '20'));
    expect(sentSyns(proc)).toBeUndefined();
    writeFileSync(join(proc, 'net', 'tcp'), TABLE);
    expect(sentSyns(proc)).toBe(4);
    writeFileSync(join(proc, 'net', 'tcp6'), TABLE.replace('00000003', '00000008'));
    expect(sentSyns(proc)).toBe(9);
  },
);
