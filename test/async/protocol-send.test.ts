// What the relay answers to SEND, typed as bytes. The log is in memory, and the test decides when something is durable. What every server
// answers is tested in test/exchange; expiry and restarts in mailboxes.test.ts.

import { describe, expect, test } from 'vitest';
import { WINDOW } from '../../src/async/relay.ts';
import { IN_HAND_LIMIT } from '../../src/async/sends.ts';
import type { RawClient } from '../harness.ts';
import { aRefusal, nothingCame, startTheRelay, turns, until } from '../servers.ts';
import { send } from './house.ts';
import { ALICE, BOB, message, stored } from './talk.ts';

describe('STORED', () => {
  test('comes when the message and the commits before it are durable, not before', async () => {
    const { greeted, log } = await startTheRelay();
    log.held = true;
    const alice = await greeted(ALICE);
    alice.type(send('1', 'bob', 'one') + send('2', 'bob', 'two') + send('3', 'carol', 'three'));
    await until(() => log.pending === 3);
    await nothingCame(alice);
    log.release();
    expect(await alice.next()).toEqual(['STORED id=1 seq=1 present=never', undefined]);
    expect(await alice.next()).toEqual(['STORED id=2 seq=2 present=never', undefined]);
    expect(await alice.next()).toEqual(['STORED id=3 seq=1 present=never', undefined]);
  });

  test('comes when its own commit is durable, not when an earlier one is', async () => {
    const { greeted, log } = await startTheRelay();
    log.held = true;
    const [alice, carol] = [await greeted(ALICE), await greeted('HELLO version=1 as=carol')];
    for (const [index, sender] of [alice, carol].entries()) {
      sender.type(send('1', 'bob', 'x'));
      await until(() => log.pending === index + 1);
    }
    // The entries of the relay's start, and alice's.
    log.log.sync(log.undurable - 1);
    expect(await alice.next()).toEqual(['STORED id=1 seq=1 present=never', undefined]);
    await nothingCame(carol);
    log.release();
    expect(await carol.next()).toEqual(['STORED id=1 seq=2 present=never', undefined]);
  });

  test('says whether somebody collects from the mailbox, or ever did', async () => {
    const { greeted } = await startTheRelay();
    const alice = await greeted(ALICE);
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=1\n');
    await nothingCame(bob);
    alice.type(send('1', 'bob', 'x'));
    expect(await alice.next()).toEqual(['STORED id=1 seq=1 present=yes', undefined]);
    bob.type('BYE\n');
    await bob.end();
    alice.type(send('2', 'bob', 'x'));
    expect(await alice.next()).toEqual(['STORED id=2 seq=2 present=no', undefined]);
  });
});

describe('a repeat', () => {
  test('is recognised by its id, from any session of the sender, before anything else can refuse it', async () => {
    const { greeted, log } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'x');
    log.room = 'no';
    alice.type(send('id-x', 'bob', 'x'));
    expect(await alice.next()).toEqual(['STORED id=id-x seq=1 present=never dup=yes', undefined]);
    const again = await greeted('HELLO version=1 as=alice session=other');
    again.type(send('id-x', 'bob', 'x', 'ttl=60'));
    expect(await again.next()).toEqual(['STORED id=id-x seq=1 present=never dup=yes', undefined]);
    // The same id from another sender is another message.
    log.room = 'yes';
    const carol = await greeted('HELLO version=1 as=carol');
    carol.type(send('id-x', 'bob', 'x'));
    expect(await carol.next()).toEqual(['STORED id=id-x seq=2 present=never', undefined]);
  });

  test.each(['the disk is full', 'too much is remembered', 'there is room'])(
    'is logged for its session only if there is room: %s',
    async (how) => {
      const { greeted, log } = await startTheRelay({ limits: how.startsWith('too') ? { ids: 2 } : {} });
      await stored(await greeted(ALICE), 'x');
      if (how.startsWith('the')) log.room = how === 'there is room' ? 'yes' : 'no';
      const again = await greeted('HELLO version=1 as=alice session=other try=1');
      again.type(send('id-x', 'bob', 'x'));
      expect(await again.next()).toEqual(['STORED id=id-x seq=1 present=never dup=yes', undefined]);
      const noted = log.lines.filter((line) => line.startsWith('REPEAT ')).length;
      expect(noted).toBe(how === 'there is room' ? 1 : 0);
    },
  );

  test('of an id that its session holds costs one entry a minute', async () => {
    const { greeted, log, clock } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'x');
    for (const noted of [0, 1, 2]) {
      for (let i = 0; i < 3; i++) await stored(alice, 'x');
      expect(log.lines.filter((line) => line.startsWith('REPEAT '))).toHaveLength(noted);
      clock.advance(60_001);
    }
  });

  test('waits for the first copy to be durable', async () => {
    const { greeted, log } = await startTheRelay();
    log.held = true;
    const alice = await greeted(ALICE);
    alice.type(send('1', 'bob', 'x'));
    await until(() => log.pending === 1);
    const again = await greeted('HELLO version=1 as=alice session=a try=2');
    again.type(send('1', 'bob', 'x'));
    await nothingCame(again);
    log.release();
    expect(await again.next()).toEqual(['STORED id=1 seq=1 present=never dup=yes', undefined]);
  });

  test.each([
    ['another text', send('id-x', 'bob', 'y')],
    ['a longer text', send('id-x', 'bob', 'xx')],
    ['another recipient', send('id-x', 'carol', 'x')],
    ['no recipient', 'SEND id=id-x size=1\nx\n'],
    ['a body that is too large', 'SEND id=id-x to=bob size=1048577\n'],
  ])('that is not a repeat, but %s: id_reused', async (_what, bytes) => {
    const { greeted } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'x');
    alice.type(bytes);
    expect(await alice.next()).toEqual(aRefusal('id-x', 'id_reused'));
    // The same in one read with the first copy, which is not durable yet then.
    const again = await greeted('HELLO version=1 as=alice session=b try=1');
    again.type(`${send('id-z', 'bob', 'x')}${bytes.replace('id-x', 'id-z')}`);
    expect(await again.next()).toEqual(aRefusal('id-z', 'id_reused'));
    expect((await again.next())[0]).toMatch(/^STORED id=id-z seq=2 /);
  });
});

test('a repeat right after a new message that lets the relay forget its session is not refused', async () => {
  const { greeted, clock } = await startTheRelay();
  const old = await greeted('HELLO version=1 as=alice session=old try=1');
  old.type(send('1', 'bob', 'x'));
  expect(await old.next()).toEqual(['STORED id=1 seq=1 present=never', undefined]);
  clock.advance(12 * 60_000);
  const alice = await greeted('HELLO version=1 as=alice session=new try=1');
  alice.type(send('2', 'bob', 'y') + send('1', 'bob', 'x'));
  expect((await alice.next())[0]).toMatch(/^STORED id=2 seq=2 /);
  expect((await alice.next())[0]).toMatch(/^STORED id=1 seq=(3|1 .* dup=yes)/);
});

describe('REFUSED', () => {
  test.each([
    ['SEND id=1 size=1\nx\n', 'bad_value'],
    ['SEND id=1 to=bob ttl=0 size=1\nx\n', 'bad_value'],
    ['SEND id=1 to=Bob size=1\nx\n', 'bad_value'],
    ['SEND id=1 to=bob\n', 'bad_value'],
    ['SEND id=1 to=relay size=1\nx\n', 'wrong_name'],
    ['SEND id=1 to=bob notify=relay size=1\nx\n', 'wrong_name'],
    [`SEND id=1 to=bob size=1048577\n${'x'.repeat(1048577)}\n`, 'too_large'],
  ])('%j', async (bytes, code) => {
    const { greeted } = await startTheRelay();
    const alice = await greeted(ALICE);
    alice.type(bytes);
    expect(await alice.next()).toEqual(aRefusal('1', code));
    // The connection goes on, and the id is still free.
    alice.type(send('1', 'bob', 'x'));
    expect(await alice.next()).toEqual(['STORED id=1 seq=1 present=never', undefined]);
  });

  test('disk_full while there is no room; receivers still collect and acknowledge; then SENDs are accepted again', async () => {
    const { greeted, log } = await startTheRelay();
    const alice = await greeted(ALICE);
    await stored(alice, 'x');
    log.room = 'no';
    alice.type(send('2', 'bob', 'y'));
    expect(await alice.next()).toEqual(aRefusal('2', 'disk_full'));
    const bob = await greeted(BOB);
    bob.type('RECEIVE window=1 drain=yes\n');
    expect(await message(bob)).toBe('1 1 x');
    bob.type('ACK seq=1\n');
    expect(await bob.next()).toEqual(['EMPTY', undefined]);
    log.room = 'yes';
    alice.type(send('2', 'bob', 'y'));
    expect(await alice.next()).toEqual(['STORED id=2 seq=2 present=yes', undefined]);
  });

  test('too_many for a name beyond the limit; existing names still work', async () => {
    // One address gets half of the limit.
    const { greeted } = await startTheRelay({ limits: { names: 4 } });
    const alice = await greeted(ALICE);
    alice.type(send('first', 'n0', ''));
    expect(await alice.next()).toEqual(['STORED id=first seq=1 present=never', undefined]);
    alice.type(send('two', 'one-more', '', 'notify=and-another'));
    expect(await alice.next()).toEqual(aRefusal('two', 'too_many'));
    alice.type(send('one', 'one-more', '', 'notify=one-more'));
    expect(await alice.next()).toEqual(['STORED id=one seq=1 present=never', undefined]);
    alice.type(send('new', 'and-another', ''));
    expect(await alice.next()).toEqual(aRefusal('new', 'too_many'));
    alice.type(send('new-notify', 'n0', '', 'notify=and-another'));
    expect(await alice.next()).toEqual(aRefusal('new-notify', 'too_many'));
    alice.type(send('old', 'n0', '', 'notify=one-more'));
    expect(await alice.next()).toEqual(['STORED id=old seq=2 present=never', undefined]);
  });

  test('not too_many for a name that has a mailbox and waits for a notice: it counts once', async () => {
    const { greeted } = await startTheRelay({ limits: { names: 6 } });
    const alice = await greeted(ALICE);
    // In one write and so in one entry: two mailboxes and one more name, half of the limit.
    alice.type(
      send('1', 'n1', '', 'notify=n1') + send('2', 'n2', '', 'notify=n1') + send('3', 'n1', '', 'notify=n3'),
    );
    for (const id of [1, 2, 3]) expect((await alice.next())[0]).toMatch(`STORED id=${id} `);
    alice.type('STATUS after=z\n');
    expect((await alice.next())[0]).toMatch(/^END .* names=3\/6 /);
  });

  test.each([
    ['ids', { ids: 4 }],
    ['sessions', { sessions: 4 }],
  ])(
    'busy when too many %s are to be remembered, until some may be forgotten; a repeat does not count',
    async (_what, limits) => {
      const { greeted, clock } = await startTheRelay({ limits });
      for (const name of ['one', 'two']) {
        const client = await greeted(`HELLO version=1 as=${name} session=s try=1`);
        client.type(send('1', 'bob', 'x'));
        expect((await client.next())[0]).toMatch(/^STORED id=1 /);
      }
      const three = await greeted('HELLO version=1 as=three session=s try=1');
      three.type(send('1', 'bob', 'x'));
      expect(await three.next()).toEqual(aRefusal('1', 'busy'));
      const one = await greeted('HELLO version=1 as=one session=other try=1');
      one.type(send('1', 'bob', 'x'));
      expect(await one.next()).toEqual(['STORED id=1 seq=1 present=never dup=yes', undefined]);
      clock.advance(10 * 60_000);
      three.type(send('1', 'bob', 'x'));
      expect(await three.next()).toEqual(aRefusal('1', 'busy'));
      clock.advance(61_000);
      three.type(send('1', 'bob', 'x'));
      expect(await three.next()).toEqual(['STORED id=1 seq=3 present=never', undefined]);
    },
  );
});

test('while room is being made, nothing is read and nothing is refused; then it goes on by itself', async () => {
  const { greeted, log } = await startTheRelay();
  log.room = 'soon';
  const alice = await greeted(ALICE);
  alice.type(`${send('1', 'bob', 'x')}PING\n`);
  await turns(20);
  expect(alice.frames).toHaveLength(1);
  log.room = 'yes';
  const answers = [(await alice.next())[0], (await alice.next())[0]].sort();
  expect(answers).toEqual(['PONG', 'STORED id=1 seq=1 present=never']);
});

test('SENDs beyond the window are not read yet', async () => {
  const { greeted, log, events } = await startTheRelay();
  log.held = true;
  const alice = await greeted(ALICE);
  let bytes = '';
  for (let i = 1; i <= WINDOW + 2; i += 1) bytes += send(`${i}`, 'bob', '');
  alice.type(`${bytes}PING\n`);
  await until(() => log.pending === WINDOW);
  await turns(20);
  expect(log.pending).toBe(WINDOW);
  expect(events.filter((event) => event.event === 'received' && event.verb === 'SEND')).toHaveLength(
    WINDOW + 1,
  );
  expect(alice.frames).toHaveLength(1);
  log.release();
  const rest = new Set<string>();
  for (let i = 1; i <= WINDOW + 3; i += 1) rest.add((await alice.next())[0].split(' present')[0] ?? '');
  expect(rest).toContain('PONG');
  expect(rest).toContain(`STORED id=${WINDOW + 2} seq=${WINDOW + 2}`);
});

test('bodies beyond 4 MiB on one connection are not read until the first are durable', async () => {
  const { greeted, log } = await startTheRelay();
  log.held = true;
  const alice = await greeted(ALICE);
  const body = 'b'.repeat(1024 * 1024);
  for (let i = 1; i <= 6; i += 1) alice.type(send(`${i}`, 'bob', body));
  await until(() => log.pending === 4);
  await turns(50);
  expect(log.pending).toBe(4);
  log.release();
  for (let i = 1; i <= 6; i += 1)
    expect(await alice.next()).toEqual([`STORED id=${i} seq=${i} present=never`, undefined]);
});

test('a FIN is answered after everything before it: all SENDs, even beyond the window', async () => {
  const { greeted, log } = await startTheRelay();
  log.held = true;
  const alice = await greeted(ALICE);
  const count = WINDOW + 40;
  let bytes = '';
  for (let i = 1; i <= count; i += 1) bytes += send(`${i}`, 'bob', 'x');
  alice.type(bytes);
  alice.socket.end();
  await until(() => log.pending === WINDOW);
  await turns(20);
  log.release();
  await alice.end();
  expect(alice.frames.filter(({ verb }) => verb === 'STORED')).toHaveLength(count);
  expect(alice.finished).toBe(true);
});

test('SENDs beyond 64 MiB over all connections are not read until the first are durable', async () => {
  const { greeted, log } = await startTheRelay();
  log.held = true;
  const body = 'b'.repeat(1024 * 1024);
  const most = IN_HAND_LIMIT / body.length;
  const clients: RawClient[] = [];
  for (let i = 0; i < 18; i += 1) {
    const client = await greeted(`HELLO version=1 as=sender-${i}`);
    clients.push(client);
    for (let k = 1; k <= 4; k += 1) client.type(send(`${k}`, 'bob', body));
  }
  await until(() => log.pending === most);
  await turns(50);
  expect(log.pending).toBe(most);
  log.release();
  for (const client of clients)
    for (let k = 1; k <= 4; k += 1) expect((await client.next())[0]).toMatch(`STORED id=${k} `);
});
