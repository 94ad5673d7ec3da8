// Every fault over real sockets. Where time matters, the test turns the clock; that nothing passes is seen by what the link holds.

import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../../src/core/event.ts';
import { receive, send } from '../../../src/index.ts';
import { MAX_PROXIED } from '../../../src/lab/faults/link.ts';
import { MAX_HELD, SEGMENT_GAP_MS } from '../../../src/lab/faults/pipe.ts';
import { peer } from '../../harness.ts';
import { until } from '../../servers.ts';
import { bench } from './bench.ts';

const faults = (events: readonly Event[]): string[] =>
  events.flatMap((event) => (event.event === 'fault' ? [event.fault] : []));

test('without faults: bytes pass both ways, FIN passes in one direction alone, and the end is reported with its bytes', async () => {
  const { pair, events } = await bench();
  const { alice, bob } = await pair();
  const aliceIs = `127.0.0.1:${alice.socket.localPort}`;
  const bobSees = `127.0.0.1:${bob.socket.remotePort}`;
  alice.send('question');
  await until(() => bob.text === 'question');
  alice.socket.end();
  await until(() => bob.fin);
  expect(alice.fin).toBe(false);
  bob.send('answer');
  await until(() => alice.text === 'answer');
  bob.socket.end();
  await until(() => alice.fin && events.some(({ event }) => event === 'unlinked'));
  expect([alice.error, bob.error]).toEqual([undefined, undefined]);
  expect(events.at(-1)).toEqual({ event: 'unlinked', line: 1, how: 'fin', up: 8, down: 6 });
  // With these two events, a log of the link shows which connections belong together: what each end knows about its socket.
  expect(events.find(({ event }) => event === 'reached')).toMatchObject({ line: 1, local: bobSees });
  expect(events.find(({ event }) => event === 'linked')).toMatchObject({ line: 1, from: aliceIs });
});

test('cut: what came before passes, nothing after it, not even FIN; heal lets it through in order', async () => {
  const { pair, type, link, events } = await bench();
  const { alice, bob } = await pair();
  alice.send('before ');
  await until(() => bob.text === 'before ');
  await type('cut');
  alice.send('after ');
  await until(() => link.counts().held === 6);
  alice.send('again');
  alice.socket.end();
  bob.send('back');
  await until(() => link.counts().held === 15);
  expect([bob.text, bob.fin, alice.text]).toEqual(['before ', false, '']);
  await type('heal');
  await until(() => bob.fin && alice.text === 'back');
  expect(bob.text).toBe('before after again');
  expect(events.filter(({ event }) => event === 'fault')).toEqual([
    { event: 'fault', fault: 'cut', up: 7, down: 0 },
    { event: 'fault', fault: 'heal', up: 7, down: 0 },
  ]);
});

test('cut: no RST passes either; heal lets it through', async () => {
  const { pair, type, link } = await bench();
  const { alice, bob } = await pair();
  await type('cut');
  alice.send('last words');
  await until(() => link.counts().held === 10);
  alice.socket.resetAndDestroy();
  bob.send('to nobody');
  await until(() => link.counts().held === 19);
  expect([bob.error, bob.fin, link.counts().connections]).toEqual([undefined, false, 1]);
  await type('heal');
  // An RST after bytes that are not yet read may look like an end to him (`detour explain rst_behind_data`).
  await until(() => bob.error !== undefined || bob.fin);
  expect(bob.text).toBe('last words');
  await until(() => link.counts().connections === 0);
});

test('cut: an RST alone is held too, and comes as one when healed', async () => {
  const { pair, type, link } = await bench();
  const { alice, bob } = await pair();
  await type('cut');
  alice.socket.resetAndDestroy();
  bob.send('to nobody');
  await until(() => link.counts().held === 9);
  expect([bob.error, bob.fin, link.counts().connections]).toEqual([undefined, false, 1]);
  await type('heal');
  await until(() => bob.error !== undefined);
  expect(bob.error).toBe('ECONNRESET read');
});

test('cut: the kernel accepts a new connection, which gets through when healed', async () => {
  const { call, type, link, served } = await bench();
  await type('cut');
  const alice = call();
  alice.send('hello');
  await until(() => link.counts().held === 5);
  expect(served).toHaveLength(0);
  await type('heal');
  await until(() => served[0]?.text === 'hello');
});

test('cut: for a client that came and left meanwhile, nothing connects to the target', async () => {
  const { call, type, link, served } = await bench();
  await type('cut');
  const alice = call();
  await until(() => link.counts().connections === 1);
  alice.socket.resetAndDestroy();
  await type('cut');
  const second = call();
  await until(() => link.counts().connections === 2);
  second.socket.destroy();
  await type('reset');
  await until(() => link.counts().connections === 0);
  await type('heal');
  expect(served).toHaveLength(0);
});

test('cut: a connection that came meanwhile ends when the link stops', async () => {
  const { call, type, link, events } = await bench();
  await type('cut');
  call();
  await until(() => link.counts().connections === 1);
  link.close();
  await until(() => events.some(({ event }) => event === 'unlinked'));
  expect(events.at(-1)).toEqual({ event: 'unlinked', line: 1, how: 'stopped', up: 0, down: 0 });
});

test('reset: both sides read ECONNRESET, and a new connection gets through', async () => {
  const { pair, type, link } = await bench();
  const { alice, bob } = await pair();
  await type('reset');
  await until(() => alice.error !== undefined && bob.error !== undefined);
  expect([alice.error, bob.error]).toEqual(['ECONNRESET read', 'ECONNRESET read']);
  await until(() => link.counts().connections === 0);
  const second = await pair();
  second.alice.send('x');
  await until(() => second.bob.text === 'x');
});

test('reset does not wait for a side that does not read', async () => {
  const { pair, type, link } = await bench();
  const { alice, bob } = await pair();
  bob.socket.pause();
  alice.send(Buffer.alloc(16 * 1024 * 1024));
  await until(() => link.counts().held >= MAX_HELD / 2);
  await type('reset');
  await until(() => alice.error !== undefined);
  await until(() => link.counts().connections === 0);
  bob.socket.resume();
  // After a lot that he has not read, the RST may look like an end to him.
  await until(() => bob.error !== undefined || bob.fin);
  expect(bob.size).toBeLessThan(16 * 1024 * 1024);
});

test('close: FIN to both, after what is held', async () => {
  const { pair, type, link } = await bench();
  const { alice, bob } = await pair();
  await type('stall up');
  alice.send('held');
  await until(() => link.counts().held === 4);
  await type('close');
  await until(() => alice.fin);
  expect([bob.text, bob.fin]).toEqual(['', false]);
  await type('heal');
  await until(() => bob.fin);
  expect(bob.text).toBe('held');
  alice.socket.end();
  bob.socket.end();
  await until(() => link.counts().connections === 0);
  expect([alice.error, bob.error]).toEqual([undefined, undefined]);
});

test('refuse: ECONNREFUSED, open connections stay; accept and heal listen again', async () => {
  const { pair, type, call } = await bench();
  const { alice, bob } = await pair();
  for (const mend of ['accept', 'heal']) {
    await type('refuse');
    const late = call();
    await until(() => late.error !== undefined);
    expect(late.error).toBe('ECONNREFUSED connect');
    alice.send(mend);
    await until(() => bob.text.endsWith(mend));
    await type(mend);
    await pair();
  }
});

test('full: a new connection hangs, open connections go on; heal and accept let it in, refuse refuses it', {
  tags: ['slow'],
}, async () => {
  const { pair, type, call, link, events } = await bench(undefined, 'real');
  const { alice, bob } = await pair();
  for (const mend of ['heal', 'accept']) {
    await type('full');
    await type('full');
    expect(link.conditions()).toMatchObject({ listening: true, full: true });
    // A system that refuses instead has reported that.
    const refuses = events.some(({ event }) => event === 'notice');
    const late = call();
    let connected = false;
    late.socket.once('connect', () => {
      connected = true;
    });
    alice.send(mend);
    await until(() => bob.text.endsWith(mend));
    // On loopback a connect takes one turn of the loop, and a whole exchange has passed.
    expect(connected).toBe(false);
    await type(mend);
    expect(link.conditions()).toMatchObject({ listening: true, full: false });
    if (refuses) await until(() => late.error !== undefined);
    else await until(() => connected);
    await pair();
  }
  await type('full');
  await type('refuse');
  const refused = call();
  await until(() => refused.error !== undefined);
  expect(refused.error).toBe('ECONNREFUSED connect');
  expect(link.conditions()).toMatchObject({ listening: false, full: false });
  expect(link.counts().connections).toBeGreaterThanOrEqual(3);
});

test('full says so if another program has taken the port, and is not reported as a fault that happened', {
  tags: ['slow'],
}, async () => {
  const { type, link, events } = await bench(undefined, 'real');
  await type('refuse');
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(link.port, '127.0.0.1', resolve));
  onTestFinished(() => void thief.close());
  for (const command of ['full', 'accept']) await expect(type(command)).rejects.toThrow(/EADDRINUSE/);
  expect(link.conditions()).toMatchObject({ listening: false, full: false });
  expect(faults(events)).toEqual(['refuse']);
});

test('heal says so if another program has taken the port, and mends the rest', {
  tags: ['slow'],
}, async () => {
  const { pair, type, link, events } = await bench();
  const { alice, bob } = await pair();
  await type('refuse');
  await type('cut');
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(link.port, '127.0.0.1', resolve));
  onTestFinished(() => void thief.close());
  await expect(type('heal')).rejects.toThrow(/EADDRINUSE/);
  alice.send('x');
  await until(() => bob.text === 'x');
  expect(link.conditions()).toMatchObject({ listening: false, cut: false });
  await expect(type('heal')).rejects.toThrow(/EADDRINUSE/);
  // The second time there is nothing else to mend.
  expect(faults(events)).toEqual(['refuse', 'cut', 'heal']);
});

test('stall: nothing passes in one direction, the other goes on', async () => {
  const { pair, type, link } = await bench();
  const { alice, bob } = await pair();
  await type('stall down');
  bob.send('answer');
  await until(() => link.counts().held === 6);
  alice.send('question');
  await until(() => bob.text === 'question');
  expect(alice.text).toBe('');
  await type('heal');
  await until(() => alice.text === 'answer');
});

test('limit: exactly this many bytes, then it is cut; healing lets the rest through', async () => {
  const { pair, type, link, events } = await bench();
  const { alice, bob } = await pair();
  await type('limit 1000');
  const all = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251));
  alice.send(all);
  await until(() => link.counts().held === 4000);
  await until(() => bob.size >= 1000);
  expect(bob.size).toBe(1000);
  expect(events.at(-1)).toEqual({ event: 'fault', fault: 'cut', value: 'limit', up: 1000, down: 0 });
  await type('heal');
  await until(() => bob.size >= 5000);
  expect(bob.got.equals(all)).toBe(true);
});

test('limit: if it is used up while the link starts to listen again, it stays used up', async () => {
  const { pair, type, clock, link } = await bench();
  const { alice, bob } = await pair();
  await type('limit 5');
  let full = false;
  const filled = type('full').then(() => {
    full = true;
  });
  alice.send('12345678');
  await until(() => bob.size >= 5);
  // This clock decides that a connection hangs.
  await until(() => {
    clock.advance(1000);
    return full;
  });
  await filled;
  expect(link.conditions()).toMatchObject({ cut: true, left: Number.POSITIVE_INFINITY, full: true });
  expect(bob.text).toBe('12345');
});

test('latency: not a millisecond early, and then everything together', async () => {
  const { pair, type, clock, link } = await bench();
  const { alice, bob } = await pair();
  await type('latency 200ms');
  alice.send('late');
  await until(() => link.counts().held === 4);
  clock.advance(199.9);
  expect(link.counts().held).toBe(4);
  clock.advance(0.1);
  expect(link.counts().held).toBe(0);
  await until(() => bob.text === 'late');
});

test('jitter: a random delay, never out of order', async () => {
  const { pair, type, clock, link } = await bench();
  const { alice, bob } = await pair();
  await type('jitter 100ms');
  let sent = '';
  for (let index = 0; index < 20; index += 1) {
    const text = `${index},`;
    alice.send(text);
    sent += text;
    await until(() => link.counts().held + link.counts().up === sent.length);
  }
  expect(link.counts().held).toBe(sent.length);
  clock.advance(50);
  expect(link.counts().held).toBeGreaterThan(0);
  clock.advance(50);
  expect(link.counts().held).toBe(0);
  await until(() => bob.text === sent);
});

test('rate: this many bytes per second; the time of a cut is not made up for', async () => {
  const { pair, type, clock, link } = await bench();
  const { alice, bob } = await pair();
  await type('rate 10kB/s');
  alice.send(Buffer.alloc(30_000));
  await until(() => link.counts().held === 30_000);
  clock.advance(1000);
  expect(link.counts().up).toBe(10_000);
  await type('cut');
  clock.advance(60_000);
  await type('heal');
  expect(link.counts().up).toBe(10_000);
  clock.advance(1000);
  expect(link.counts().up).toBe(20_000);
  await type('rate off');
  expect(link.counts().up).toBe(30_000);
  await until(() => bob.size === 30_000);
});

test('slice: segments of this size, each read alone; FIN after them; off joins nothing and cuts nothing', async () => {
  const { pair, type, clock, link } = await bench();
  const { alice, bob } = await pair();
  const reads: string[] = [];
  bob.socket.on('data', (bytes) => reads.push(bytes.toString('latin1')));
  await type('slice 3');
  alice.send('abcdefgh');
  alice.socket.end();
  for (const [held, read] of [
    [5, ['abc']],
    [2, ['abc', 'def']],
    [0, ['abc', 'def', 'gh']],
  ] as const) {
    await until(() => link.counts().held === held && reads.length === read.length);
    expect(reads).toEqual(read);
    expect(bob.fin).toBe(false);
    clock.advance(SEGMENT_GAP_MS - 0.1);
    expect(link.counts().held).toBe(held);
    clock.advance(0.1);
  }
  await until(() => bob.fin);
  await type('slice off');
  bob.send('a whole answer');
  await until(() => alice.text === 'a whole answer');
});

test('slice: a long message comes in larger segments, in seconds', async () => {
  const { pair, type, clock, link } = await bench();
  const { alice, bob } = await pair();
  await type('slice 1');
  alice.send(Buffer.alloc(60_000));
  await until(() => link.counts().held + link.counts().up === 60_000);
  for (let ms = 0; ms < 5000; ms += SEGMENT_GAP_MS) clock.advance(SEGMENT_GAP_MS);
  expect(link.counts()).toMatchObject({ up: 60_000, held: 0 });
  await until(() => bob.size === 60_000);
});

test('slice breaks a program that takes one read for one frame, and none of ours', async () => {
  // It answers every SEND, as long as each read begins with a frame and ends with one.
  const naive = await peer((socket) => {
    socket.write('READY version=1 role=receiver as=bob max=1000 window=1\n');
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().trimEnd().split('\n')) {
        const [, id] = /^SEND id=(\S+) size=\d+/.exec(line) ?? [];
        if (id !== undefined) socket.write(`RECEIVED id=${id}\n`);
        else if (!/^(HELLO|BYE|hello$)/.test(line)) socket.end();
      }
    });
  });
  const ours = await receive({ port: 0, handle: async () => {} });
  onTestFinished(() => ours.close());
  for (const [to, verdict] of [
    [naive, 'UNKNOWN'],
    [`127.0.0.1:${ours.port}`, 'DELIVERED'],
  ] as const) {
    const { link, type } = await bench(Number(to.replace(/.*:/, '')), 'real');
    expect((await send(`127.0.0.1:${link.port}`, 'hello')).verdict).toBe('DELIVERED');
    await type('slice 3');
    expect((await send(`127.0.0.1:${link.port}`, 'hello')).verdict, to).toBe(verdict);
  }
});

test('with a chance, faults hold only for the connections that are drawn: cut, limit, reset', async () => {
  const luck = [true, false, true];
  const { pair, type, link, events } = await bench(undefined, 'fake', () => luck.shift() ?? false);
  const [one, two, three] = [await pair(), await pair(), await pair()];
  const linked = events.filter(({ event }) => event === 'linked');
  expect(linked.map((event) => 'faulty' in event && event.faulty)).toEqual(['yes', 'no', 'yes']);
  await type('limit 4');
  two.alice.send('healthy');
  await until(() => two.bob.text === 'healthy');
  expect(link.conditions()).toMatchObject({ cut: false, left: 4 });
  one.alice.send('faulty');
  await until(() => link.counts().held === 2);
  await until(() => one.bob.text === 'faul');
  two.alice.send(' still');
  await until(() => two.bob.text === 'healthy still');
  await type('reset');
  await until(() => one.alice.error !== undefined && three.alice.error !== undefined);
  two.bob.send('and open');
  await until(() => two.alice.text === 'and open');
});

test('nobody listens at the target: the connection is accepted, then reset', async () => {
  const { call, events } = await bench(1);
  const alice = call();
  await until(() => alice.error !== undefined);
  expect(alice.error).toBe('ECONNRESET read');
  await until(() => events.some(({ event }) => event === 'unlinked'));
  expect(events.at(-1)).toMatchObject({ event: 'unlinked', how: 'ECONNREFUSED' });
});

test('more connections than the limit: the extra one is reset', async () => {
  const { call, type, link, events } = await bench();
  await type('cut');
  const taps = Array.from({ length: MAX_PROXIED + 1 }, () => call());
  await until(() => taps.some(({ error }) => error !== undefined));
  await until(() => link.counts().connections === MAX_PROXIED);
  expect(taps.filter(({ error }) => error !== undefined)).toHaveLength(1);
  expect(events.filter(({ event }) => event === 'notice')).toHaveLength(1);
});

test('a reset of one side becomes a reset of the other', async () => {
  const { pair, link } = await bench();
  const { alice, bob } = await pair();
  bob.socket.resetAndDestroy();
  await until(() => alice.error !== undefined);
  expect(alice.error).toBe('ECONNRESET read');
  await until(() => link.counts().connections === 0);
});

test.each(['a reader that does not read', 'stall up', 'cut'])(
  '%s: the link holds no more than its limit, the writer has to wait, and nothing is lost',
  async (what) => {
    const { pair, type, link } = await bench();
    const { alice, bob } = await pair();
    if (what.startsWith('a reader')) bob.socket.pause();
    else await type(what);
    const all = Buffer.alloc(16 * 1024 * 1024);
    for (let at = 0; at < all.length; at += 4) all.writeUInt32LE(at, at);
    alice.send(all);
    await until(() => link.counts().held >= MAX_HELD / 2);
    // The kernels fill up; then nothing moves any more.
    let before = -1;
    for (let still = 0; still < 200; still += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (alice.socket.bytesWritten - alice.socket.writableLength !== before) still = 0;
      before = alice.socket.bytesWritten - alice.socket.writableLength;
      expect(link.counts().held).toBeLessThan(MAX_HELD + 65_536 + 1);
    }
    expect(alice.socket.writableLength).toBeGreaterThan(0);
    expect(bob.size).toBe(0);
    bob.socket.resume();
    await type('heal');
    await until(() => bob.size === all.length);
    expect(bob.got.equals(all)).toBe(true);
  },
  60_000,
);

test('latency: megabytes are on their way at the same time, so that it delays and does not limit', async () => {
  const { pair, type, link, clock } = await bench();
  const { alice, bob } = await pair();
  await type('latency 50ms');
  const all = Buffer.alloc(3_000_000, 'x');
  alice.send(all);
  await until(() => link.counts().held === all.length);
  expect(bob.size).toBe(0);
  clock.advance(50);
  await until(() => bob.size === all.length);
  expect(link.counts().held).toBe(0);
});

test('after close, a command that is still waiting does not listen again', async () => {
  const { link, type } = await bench();
  const commands = ['refuse', 'accept', 'refuse', 'heal'].map((line) => type(line));
  link.close();
  await Promise.all([...commands, type('accept')]);
  const taken = createServer();
  onTestFinished(() => void taken.close());
  await new Promise<void>((resolve, reject) => {
    taken.once('error', reject);
    taken.listen(link.port, '127.0.0.1', resolve);
  });
});
