// What happens to a message in its lifetime: its ttl, the notices about it, its age over restarts and jumps of the clock, a damaged body, a
// full disk. Over the wire and over restarts. PROTOCOL.md, "A mailbox".

import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemFiles } from '../../src/core/files.ts';
import type { RawClient } from '../harness.ts';
import { restarted, startTheRelay, until } from '../servers.ts';
import { field, heard, Life, pong, send } from './house.ts';

const DAY = 24 * 3_600_000;

async function sends(life: Life, ...messages: string[]): Promise<RawClient> {
  const alice = await life.client('alice');
  for (const message of messages) {
    alice.type(message);
    expect(await heard(alice)).toBe('STORED');
  }
  return alice;
}

async function collector(
  life: Life,
  name: string,
  receive = 'RECEIVE window=9 drain=yes',
): Promise<RawClient> {
  const client = await life.client(name);
  client.type(`${receive}\n`);
  return client;
}

describe('a ttl', () => {
  test('ends: the message is skipped, the next one comes, and its number is not given out again', async () => {
    const life = await Life.start();
    const alice = await sends(life, send('1', 'bob', 'short', 'ttl=5'), send('2', 'bob', 'long'));
    await life.pass(6_000);
    const bob = await collector(life, 'bob');
    expect(await heard(bob, 'seq', 'attempt')).toBe('MESSAGE seq=2 attempt=1: long');
    bob.type('ACK seq=2\n');
    expect(await heard(bob)).toBe('EMPTY');
    alice.type(send('3', 'bob', 'next'));
    expect(await heard(alice, 'seq')).toBe('STORED seq=3');
  });

  test('does not end before its time', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'short', 'ttl=5'));
    life.clock.advance(4_999);
    const bob = await collector(life, 'bob');
    expect(await heard(bob, 'seq', 'held')).toBe('MESSAGE seq=1 held=4999: short');
  });

  test('does not end while the message is in flight, but when the connection is gone', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'short', 'ttl=5 notify=alice'));
    const bob = await collector(life, 'bob');
    expect(await heard(bob)).toBe('MESSAGE: short');
    await life.pass(20_000);
    const alice = await collector(life, 'alice', 'RECEIVE window=9');
    await pong(alice);
    bob.type('BYE\n');
    expect(await heard(bob)).toBe('BYE');
    await life.pass(2_000);
    expect(await heard(alice, 'kind', 'tried')).toContain('MESSAGE kind=bounce tried=yes');
  });

  test('that ended in flight does not make the acknowledgement bad', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'short', 'ttl=5 notify=alice'));
    const bob = await collector(life, 'bob');
    await bob.next();
    await life.pass(20_000);
    bob.type('ACK seq=1\n');
    expect(await heard(bob)).toBe('EMPTY');
    const alice = await collector(life, 'alice');
    expect(await heard(alice, 'kind')).toContain('MESSAGE kind=receipt');
  });

  test('ends while the relay is down', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'short', 'ttl=60'), send('2', 'bob', 'long'));
    const next = await life.again(61_000);
    const bob = await collector(next, 'bob');
    expect(await heard(bob, 'seq')).toBe('MESSAGE seq=2: long');
  });
});

describe('a bounce says', () => {
  const expired = async (life: Life): Promise<string> => {
    await life.pass(61_000);
    const alice = await collector(life, 'alice', 'RECEIVE window=9');
    return heard(alice, 'id', 'from', 'kind', 'tried');
  };
  const message = send('1', 'bob', 'short', 'ttl=60 notify=alice');
  const TRIED = 'MESSAGE id=1 from=relay kind=bounce tried=yes: 1 expired before bob acknowledged it';
  const NOT_TRIED = 'MESSAGE id=1 from=relay kind=bounce tried=no: 1 expired before bob acknowledged it';

  test('tried=no if nobody ever collected', async () => {
    const life = await Life.start();
    await sends(life, message);
    expect(await expired(life)).toBe(NOT_TRIED);
  });

  test('tried=no after restarts and crashes in which nobody collected', async () => {
    let life = await Life.start();
    await sends(life, message);
    life = await life.again();
    life = await life.crashed();
    expect(await expired(life)).toBe(NOT_TRIED);
  });

  test('tried=no if bob was there before and after, and it was never sent to him', async () => {
    const life = await Life.start();
    await sends(life, send('0', 'bob', 'first'));
    const bob = await collector(life, 'bob');
    await bob.next();
    bob.type('ACK seq=1\nBYE\n');
    expect(await heard(bob)).toBe('BYE');
    await sends(life, message);
    expect(await expired(life)).toBe(NOT_TRIED);
  });

  test('tried=yes if it was written to a receiver', async () => {
    const life = await Life.start();
    await sends(life, message);
    const bob = await collector(life, 'bob');
    await bob.next();
    bob.socket.destroy();
    await life.client('dave');
    expect(await expired(life)).toBe(TRIED);
  });

  test('tried=yes after a restart if it was written before', async () => {
    const life = await Life.start();
    await sends(life, message);
    const bob = await collector(life, 'bob');
    await bob.next();
    expect(await expired(await life.again())).toBe(TRIED);
  });

  test('tried=yes after a crash if it may have been written', async () => {
    const life = await Life.start();
    await sends(life, send('0', 'bob', 'first'));
    const bob = await collector(life, 'bob', 'RECEIVE window=1');
    await bob.next();
    // It waits behind a full window, but the crash forgets that.
    await sends(life, message);
    expect(await expired(await life.crashed())).toBe(TRIED);
  });

  test('tried=yes after another restart, too', async () => {
    const life = await Life.start();
    await sends(life, message);
    const bob = await collector(life, 'bob');
    await bob.next();
    const next = await life.crashed();
    expect(await expired(await next.crashed())).toBe(TRIED);
  });

  test('tried=no for a message that came after the restart, if bob collected only before', async () => {
    const life = await Life.start();
    await sends(life, send('0', 'bob', 'first'));
    const bob = await collector(life, 'bob', 'RECEIVE window=1');
    await bob.next();
    const next = await life.crashed();
    await sends(next, message);
    expect(await expired(next)).toBe(NOT_TRIED);
  });
});

describe('a notice', () => {
  test('is durable together with what it reports: a crash after an acknowledgement loses neither', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'hello', 'notify=alice'));
    const bob = await collector(life, 'bob');
    await bob.next();
    bob.type('ACK seq=1\n');
    expect(await heard(bob)).toBe('EMPTY');
    const next = await life.crashed();
    const again = await collector(next, 'bob');
    expect(await heard(again)).toBe('EMPTY');
    const alice = await collector(next, 'alice');
    expect(await heard(alice, 'id', 'from', 'kind')).toBe(
      'MESSAGE id=1 from=relay kind=receipt: bob acknowledged 1',
    );
  });

  test('comes once for each message that an acknowledgement covers, if the message asked for one', async () => {
    const life = await Life.start();
    await sends(
      life,
      send('1', 'bob', 'x', 'notify=alice'),
      send('2', 'bob', 'x'),
      send('3', 'bob', 'x', 'notify=carol'),
      send('4', 'bob', 'x', 'notify=alice'),
    );
    const bob = await collector(life, 'bob');
    for (let i = 0; i < 4; i++) await bob.next();
    bob.type('ACK seq=4\nACK seq=4\nACK seq=2\n');
    expect(await heard(bob)).toBe('EMPTY');
    const waiting = life.relay.waiting().map(({ name, held }) => `${name} ${held}`);
    expect(waiting).toEqual(['alice 2', 'carol 1']);
  });

  test('causes no further notice, and disappears after seven days', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'x', 'notify=alice'));
    const bob = await collector(life, 'bob');
    await bob.next();
    bob.type('ACK seq=1\n');
    expect(await heard(bob)).toBe('EMPTY');
    let next = await life.again(7 * DAY - 60_000);
    expect(next.relay.waiting()).toMatchObject([{ name: 'alice', held: 1 }]);
    next = await next.again(61_000);
    const alice = await collector(next, 'alice');
    expect(await heard(alice)).toBe('EMPTY');
  });
});

describe('age', () => {
  const age = async (life: Life): Promise<number> => {
    const bob = await collector(life, 'bob');
    return Number(field((await bob.next())[0], 'held'));
  };

  test('counts on over a restart by the wall clock', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'x'));
    await life.pass(2_000);
    expect(await age(await life.again(3_000))).toBe(5_000);
  });

  test('does not jump if the clock is set forward, somebody collects at that moment, and the relay restarts', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'x', 'ttl=60'));
    life.clock.set(DAY);
    const bob = await collector(life, 'bob');
    expect(await heard(bob, 'seq')).toBe('MESSAGE seq=1: x');
    // The relay checks the clock every second.
    await life.pass(2_000);
    // STATUS is answered when everything that was logged is durable.
    bob.type('STATUS after=z\n');
    expect(await heard(bob)).toBe('END');
    expect(await age(await life.crashed(3_000))).toBe(5_000);
  });

  test.each([
    ['a day forward', DAY],
    ['a day back', -DAY],
  ])(
    'counts the time that passes when the clock is set %s, and a restart changes nothing',
    async (_, moved) => {
      const life = await Life.start();
      await sends(life, send('1', 'bob', 'x', 'ttl=60 notify=alice'), send('2', 'carol', 'x'));
      life.clock.set(moved);
      await life.pass(30_000);
      const alice = await sends(life, send('3', 'carol', 'y'));
      await life.pass(29_000);
      // When it is answered, everything that was logged is durable.
      alice.type('STATUS after=z\n');
      expect(await heard(alice)).toBe('END');
      const next = await life.crashed();
      const carol = await collector(next, 'carol');
      // The time that is shown is what the wall clock said.
      const [began, ended] = [life.clock.start, life.clock.epoch()];
      expect(await heard(carol, 'at', 'held')).toBe(`MESSAGE at=${began} held=59000: x`);
      expect(await heard(carol, 'at', 'held')).toBe(`MESSAGE at=${ended - 29_000} held=29000: y`);
      expect(next.relay.waiting()).toMatchObject([{ name: 'bob', held: 1 }, { name: 'carol' }]);
      await next.pass(2_000);
      expect(await heard(await collector(next, 'alice', 'RECEIVE window=1'), 'kind')).toContain(
        'kind=bounce',
      );
    },
  );

  test('counts from when a message was accepted, not from when it became durable', async () => {
    const first = await startTheRelay();
    first.log.held = true;
    const alice = await first.greeted('HELLO version=1 as=alice');
    alice.type(send('1', 'bob', 'x'));
    await until(() => first.log.pending > 0);
    first.clock.advance(5_000);
    first.log.release();
    expect(await heard(alice)).toBe('STORED');
    for (const restart of [false, true]) {
      const { greeted } = restart ? await restarted(first) : first;
      const bob = await greeted('HELLO version=1 as=bob');
      bob.type('RECEIVE window=1\n');
      expect(await heard(bob, 'at', 'held')).toBe(`MESSAGE at=${first.clock.start} held=5000: x`);
    }
  });

  test('is not negative when the clock was set back, and counts on from there', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'x', 'ttl=60 notify=alice'));
    const next = await life.again(-DAY);
    next.clock.advance(59_000);
    expect(await age(next)).toBe(59_000);
  });

  test('is what the clock says when it was set forward over a restart: a ttl ends, and nothing else is lost', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'x', 'ttl=60'), send('2', 'bob', 'y'));
    const next = await life.again(365 * DAY);
    expect(await age(next)).toBe(365 * DAY);
  });
});

describe('a body that is damaged on the disk', () => {
  test('stops its mailbox and says where it is; nothing is skipped, other mailboxes go on', async () => {
    const life = await Life.start();
    await sends(life, send('1', 'bob', 'first'), send('2', 'bob', 'in the middle'), send('3', 'bob', 'last'));
    await sends(life, send('4', 'carol', 'for carol'));
    const next = await life.again();
    damage(next.dir, 'in the middle');
    const bob = await collector(next, 'bob');
    expect(await heard(bob, 'seq')).toBe('MESSAGE seq=1: first');
    const error = await heard(bob, 'code');
    expect(error).toMatch(/^ERROR code=damaged: .*\.wal.* byte \d+/);
    const again = await collector(next, 'bob');
    expect(await heard(again, 'seq')).toBe('MESSAGE seq=1: first');
    expect(await heard(again, 'code')).toContain('ERROR code=damaged');
    const carol = await collector(next, 'carol');
    expect(await heard(carol)).toBe('MESSAGE: for carol');
    const later = await sends(next, send('5', 'bob', 'behind it'));
    await pong(later);
    expect(next.relay.waiting()).toContainEqual(expect.objectContaining({ name: 'bob', held: 4 }));
  });
});

describe('a full disk', () => {
  test('refuses new messages but lets mail be collected; refused messages can be sent when there is room', async () => {
    let full = false;
    const files = { ...systemFiles, free: async () => (full ? 0 : Number.POSITIVE_INFINITY) };
    const life = await Life.start(undefined, { files, largest: 1536 * 1024 });
    const alice = await life.client('alice');
    alice.type(send('0', 'carol', 'x'));
    expect(await heard(alice)).toBe('STORED');
    full = true;
    const body = 'x'.repeat(50_000);
    let taken = 0;
    let answer = '';
    for (let n = 1; n < 200; n++) {
      alice.type(send(`${n}`, 'bob', body));
      answer = await heard(alice, 'code');
      if (!answer.startsWith('STORED')) break;
      taken += 1;
    }
    expect(answer).toContain('REFUSED code=disk_full');
    expect(life.events.filter(({ event }) => event === 'disk_full')).toHaveLength(1);
    alice.type(send('1', 'bob', body));
    expect(await heard(alice, 'seq', 'dup')).toBe('STORED seq=1 dup=yes');
    const bob = await collector(life, 'bob');
    for (let seq = 1; seq <= taken; seq++) {
      expect(field((await bob.next())[0], 'seq')).toBe(`${seq}`);
      bob.type(`ACK seq=${seq}\n`);
    }
    expect(await heard(bob)).toBe('EMPTY');
    full = false;
    for (let i = 0; i < 5000 && !answer.startsWith('STORED'); i++) {
      life.clock.advance(1000);
      alice.type(send('again', 'bob', 'x'));
      answer = await heard(alice, 'code');
    }
    expect(answer).toBe('STORED');
    expect(life.events.filter(({ event }) => event === 'disk_room')).toHaveLength(1);
  });
});

// Flips a bit of this text in whichever file of the journal it is.
function damage(dir: string, text: string): void {
  for (const name of readdirSync(dir)) {
    if (name === 'lock') continue;
    const file = join(dir, name);
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) {
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const fd = openSync(file, 'r+');
      writeSync(fd, bytes, at, 1, at);
      closeSync(fd);
    }
  }
}
