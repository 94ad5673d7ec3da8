// What the relay answers to BYE and STATUS, typed as bytes, and what it does when its log fails.

import { describe, expect, test } from 'vitest';
import { STATUS_PAGE } from '../../src/async/status.ts';
import { RawClient } from '../harness.ts';
import { startTheRelay, turns, until } from '../servers.ts';
import { heard, send } from './house.ts';
import { ALICE, BOB, field, message, stored } from './talk.ts';

describe('BYE', () => {
  test('is answered when all earlier ACKs are durable', async () => {
    const { greeted, log } = await startTheRelay();
    await stored(await greeted(ALICE), 'a');
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=8\n');
    await message(bob);
    log.held = true;
    bob.type('ACK seq=1\nBYE\n');
    await until(() => log.undurable > 0);
    await turns(20);
    expect(bob.frames.at(-1)?.verb).toBe('MESSAGE');
    log.release();
    expect(await bob.next()).toEqual(['BYE', undefined]);
    await bob.end();
    expect(log.lines.at(-1)).toBe('ACK to=bob seq=1');
  });

  test('ends collecting immediately: what is not acknowledged waits for the next receiver', async () => {
    const { greeted, log } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'a');
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=1\n');
    await message(bob);
    log.held = true;
    bob.type(`${send('1', 'carol', 'x')}BYE\nACK seq=1\n`);
    await until(() => log.pending > 0);
    await turns();
    log.release();
    expect((await bob.next())[0]).toMatch(/^STORED id=1 /);
    expect(await bob.next()).toEqual(['BYE', undefined]);
    const next = await greeted('HELLO version=1 as=bob');
    next.type('RECEIVE window=1\n');
    expect(await message(next)).toBe('1 2 a');
  });
});

describe('STATUS', () => {
  test('is answered before HELLO and after it: the mailboxes with mail or a collector, by name', async () => {
    const { greeted, port } = await startTheRelay();
    const alice = await greeted(ALICE);
    alice.type('STATUS\n');
    expect(await heard(alice)).toBe('END');
    const carol = await greeted('HELLO version=1 as=carol');
    carol.type('RECEIVE window=1\nSTATUS\n');
    expect(await carol.next()).toEqual([
      'MAILBOX name=carol held=0 bytes=0 oldest=0 connected=yes',
      undefined,
    ]);
    expect(await heard(carol)).toBe('END');
    alice.type(send('1', 'zoe', 'xx') + send('2', 'bob', 'x') + send('3', 'bob', 'yyy'));
    for (let i = 0; i < 3; i += 1) await alice.next();
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=1\n');
    await message(bob);
    const stranger = await RawClient.connect(port);
    await stranger.next();
    stranger.type('STATUS\nSTATUS after=bob\nSTATUS after=zoe\n');
    expect(await heard(stranger, 'name', 'held', 'bytes', 'connected')).toBe(
      'MAILBOX name=bob held=2 bytes=4 connected=yes',
    );
    expect(await heard(stranger, 'name', 'held')).toBe('MAILBOX name=carol held=0');
    const [line] = await stranger.next();
    expect(line).toMatch(/^MAILBOX name=zoe held=1 bytes=2 oldest=\d{13} connected=no$/);
    expect(await heard(stranger)).toBe('END');
    expect(await heard(stranger, 'name')).toBe('MAILBOX name=carol');
    expect(await heard(stranger, 'name')).toBe('MAILBOX name=zoe');
    expect(await heard(stranger)).toBe('END');
    expect(await heard(stranger)).toBe('END');
  });

  test('ends with what is used and the limits', async () => {
    const { greeted } = await startTheRelay({ limits: { messages: 40, names: 30, ids: 20, sessions: 10 } });
    const alice = await greeted(ALICE);
    alice.type(send('1', 'bob', 'x') + send('2', 'bob', 'x', 'notify=dave') + send('3', 'carol', 'x'));
    for (let i = 0; i < 3; i += 1) await alice.next();
    alice.type('STATUS after=z\n');
    const end = expect.stringMatching(
      /^END messages=3\/40 names=3\/30 ids=3\/20 sessions=1\/10 disk=\d+\/\d+$/,
    );
    expect(await alice.next()).toEqual([end, undefined]);
  });

  test('comes in pages', async () => {
    const { greeted } = await startTheRelay();
    const alice = await greeted(ALICE);
    const names = Array.from({ length: STATUS_PAGE + 3 }, (_, i) => `n${String(i).padStart(4, '0')}`);
    for (let i = 0; i < names.length; i += 1) {
      alice.type(send(`${i}`, names[i] ?? '', ''));
      if (i % 100 === 99) for (let k = 0; k < 100; k += 1) await alice.next();
    }
    for (let k = 0; k < names.length % 100; k += 1) await alice.next();
    const found: string[] = [];
    for (let after: string | undefined; ; after = found.at(-1)) {
      alice.type(after === undefined ? 'STATUS\n' : `STATUS after=${after}\n`);
      let count = 0;
      for (let [line] = await alice.next(); !line.startsWith('END'); [line] = await alice.next()) {
        found.push(field(line, 'name') ?? '');
        count += 1;
      }
      expect(count).toBeLessThanOrEqual(STATUS_PAGE);
      if (count < STATUS_PAGE) break;
    }
    expect(found).toEqual(names);
  });
});

test('when the log fails, all connections are closed immediately and nothing more is promised', async () => {
  const { greeted, log, failures } = await startTheRelay();
  log.held = true;
  const alice = await greeted(ALICE);
  alice.type(send('1', 'bob', 'x'));
  await until(() => log.pending > 0);
  log.log.fail(new Error('EIO'));
  await alice.end();
  log.release();
  await turns();
  expect(alice.frames.map(({ verb }) => verb)).toEqual(['READY']);
  expect(failures.map(String)).toEqual(['Error: EIO']);
});

test('STATUS between a SEND and BYE is answered between STORED and BYE', async () => {
  const { greeted } = await startTheRelay();
  const alice = await greeted('HELLO version=1 as=alice');
  alice.type('SEND id=1 to=bob size=1\nx\nSTATUS\nBYE\n');
  const verbs: string[] = [];
  for (let i = 0; i < 4; i++) verbs.push((await alice.next())[0].split(' ')[0] ?? '');
  expect(verbs).toEqual(['STORED', 'MAILBOX', 'END', 'BYE']);
});
