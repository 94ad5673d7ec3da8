// What a relay promised outlives the files that it was written in: old segments are removed under it, and it is killed.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { turns } from '../servers.ts';
import { field, heard, Life, SMALL_DISK, send } from './house.ts';

// Sends and collects mail until every file of now is removed.
async function clearAway(life: Life): Promise<void> {
  const old = readdirSync(life.dir).filter((name) => name.endsWith('.wal'));
  const [zoe, dan] = [await life.client('zoe'), await life.client('dan')];
  dan.type('RECEIVE window=1\n');
  for (let n = 0; old.some((name) => existsSync(join(life.dir, name))); n += 1) {
    await life.pass(1000);
    zoe.type(send(`${life.clock.epoch()}-${n}`, 'dan', 'x'.repeat(100_000)));
    expect(await heard(zoe)).toBe('STORED');
    dan.type(`ACK seq=${field((await dan.next())[0], 'seq')}\n`);
    if (n > 1000) throw new Error('nothing is cleared away');
  }
  await turns(50);
}

test('promises outlive the files that they were written in', async () => {
  let life = await Life.start(undefined, SMALL_DISK);
  const alice = await life.client('alice', 'session=s try=1');
  for (const message of [
    send('gone', 'ann', 'x'),
    send('erin', 'erin', 'x', 'ttl=2000 notify=alice'),
    send('held', 'carol', 'precious'),
  ]) {
    alice.type(message);
    expect(await heard(alice, 'seq')).toBe('STORED seq=1');
  }
  const ann = await life.client('ann');
  ann.type('RECEIVE window=1 drain=yes\n');
  await ann.next();
  ann.type('ACK seq=1\n');
  expect(await heard(ann)).toBe('EMPTY');
  const erin = await life.client('erin');
  erin.type('RECEIVE window=1\n');
  await erin.next();
  // Nothing of this is in memory any more.
  life = await life.again(0, SMALL_DISK);
  const sender = await life.client('alice');
  sender.type(send('bob', 'bob', 'x', 'ttl=3000 notify=alice'));
  expect(await heard(sender, 'seq')).toBe('STORED seq=1');
  const bob = await life.client('bob');
  bob.type('RECEIVE window=1\n');
  expect(await heard(bob, 'seq')).toBe('MESSAGE seq=1: x');
  await clearAway(life);
  const carol = await life.client('carol');
  carol.type('RECEIVE window=1\n');
  expect(await heard(carol, 'seq')).toBe('MESSAGE seq=1: precious');
  life = await life.crashed();
  const again = await life.client('alice');
  again.type(send('gone', 'ann', 'x') + send('new', 'ann', 'y'));
  expect(await heard(again, 'seq', 'dup')).toBe('STORED seq=1 dup=yes');
  expect(await heard(again, 'seq')).toBe('STORED seq=2');
  const later = await life.client('ann');
  later.type('RECEIVE window=9\n');
  expect(await heard(later, 'seq', 'attempt')).toBe('MESSAGE seq=2 attempt=1: y');
  life.clock.advance(3_000_000);
  await life.pass(2_000);
  again.type('RECEIVE window=9\n');
  // It was written to erin by the first relay, and to bob by the second.
  for (const id of ['erin', 'bob'])
    expect(await heard(again, 'id', 'kind', 'tried')).toContain(`MESSAGE id=${id} kind=bounce tried=yes`);
});
