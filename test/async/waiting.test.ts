// What a MESSAGE waits for besides its own entry: the OPEN of its mailbox, and the expiry of what was before it. The log is in memory, and the
// test decides when something is durable.

import { expect, test } from 'vitest';
import { nothingCame, restarted, startTheRelay, turns, until } from '../servers.ts';
import { heard, send } from './house.ts';
import { ALICE, BOB, message, stored } from './talk.ts';

test('what was held waits for OPEN', async () => {
  const { greeted, log } = await startTheRelay();
  await stored(await greeted(ALICE), 'a');
  log.held = true;
  const bob = await greeted(BOB);
  bob.type('RECEIVE window=8\n');
  await until(() => log.undurable > 0);
  await turns();
  await nothingCame(bob);
  log.release();
  expect(await message(bob)).toBe('1 1 a');
  expect(log.lines.at(-1)).toBe('OPEN to=bob');
});

test('what comes to an open mailbox waits for its own entry', async () => {
  const { greeted, log } = await startTheRelay();
  const alice = await greeted(ALICE);
  await stored(alice, 'a');
  const bob = await greeted(BOB);
  bob.type('RECEIVE window=8\n');
  expect(await message(bob)).toBe('1 1 a');
  log.held = true;
  alice.type(send('2', 'bob', 'b'));
  await until(() => log.pending > 0);
  await turns();
  await nothingCame(bob);
  log.release();
  expect(await message(bob)).toBe('2 1 b');
});

test('a receiver that takes over a mailbox waits for the OPEN of the previous one', async () => {
  const { greeted, log } = await startTheRelay();
  await stored(await greeted(ALICE), 'a');
  log.held = true;
  const first = await greeted(BOB);
  first.type('RECEIVE window=8\n');
  await until(() => log.undurable > 0);
  const second = await greeted('HELLO version=1 as=bob session=c try=1');
  second.type('RECEIVE window=8\n');
  await turns();
  await nothingCame(second);
  log.release();
  expect(await message(second)).toBe('1 1 a');
});

test.each(['receipt', 'bounce'])(
  'a %s waits for OPEN, too, and counts as tried after a restart',
  async (kind) => {
    const bench = await startTheRelay();
    const { greeted, log, clock } = bench;
    const sender = await greeted(ALICE);
    sender.type(send('1', 'bob', 'x', `ttl=${kind === 'bounce' ? 5 : 500} notify=ann`));
    expect(await heard(sender)).toBe('STORED');
    const ann = await greeted('HELLO version=1 as=ann');
    ann.type('RECEIVE window=8\n');
    await nothingCame(ann);
    if (kind === 'receipt') {
      const bob = await greeted(BOB);
      bob.type('RECEIVE window=8\n');
      expect(await message(bob)).toBe('1 1 x');
      log.held = true;
      bob.type('ACK seq=1\n');
    } else {
      log.held = true;
      clock.advance(5_000);
    }
    for (; log.undurable === 0; await turns()) clock.advance(1_000);
    // The entry that made it is durable, and OPEN is not.
    log.log.sync(1);
    await turns();
    await nothingCame(ann);
    log.release();
    expect(await heard(ann, 'attempt', 'kind')).toContain(`MESSAGE attempt=1 kind=${kind}`);
    expect(log.lines.at(-1)).toBe('OPEN to=ann');
    const next = await restarted(bench);
    const again = await next.greeted('HELLO version=1 as=ann');
    again.type('RECEIVE window=8\n');
    expect(await heard(again, 'attempt', 'kind')).toContain(`MESSAGE attempt=2 kind=${kind}`);
  },
);

test('what comes after an expired message waits until the expiry is durable', async () => {
  const { greeted, log, clock } = await startTheRelay();
  const alice = await greeted(ALICE);
  alice.type(send('1', 'bob', 'a') + send('2', 'bob', 'short', 'ttl=5') + send('3', 'bob', 'c'));
  for (let i = 0; i < 3; i++) expect(await heard(alice)).toBe('STORED');
  const bob = await greeted(BOB);
  bob.type('RECEIVE window=1\n');
  expect(await message(bob)).toBe('1 1 a');
  log.held = true;
  clock.advance(5_000);
  for (; log.undurable === 0; await turns()) clock.advance(1_000);
  bob.type('ACK seq=1\n');
  await turns();
  await nothingCame(bob);
  log.release();
  expect(await message(bob)).toBe('3 1 c');
  expect(log.lines.slice(-2)).toEqual(['EXPIRE to=bob numbers=2', 'ACK to=bob seq=1']);
});
