// The library on the detour, over real sockets: when messages are acknowledged, what stays at the relay when a loop is left, that a journal
// has only one relay, and what a program sees when its relay fails.

import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type CollectOptions, collect } from '../../src/library/collect.ts';
import { deposit, openDepositor } from '../../src/library/deposit.ts';
import { memoryLog, type Relay, type RelayStore, startRelay } from '../../src/library/relay.ts';
import { status } from '../../src/library/status.ts';
import { RawClient, runCli, start, tempDir } from '../harness.ts';

async function relayOn(store: RelayStore): Promise<Relay> {
  const relay = await startRelay({ port: 0, ...store });
  onTestFinished(() => relay.close().catch(() => {}));
  return relay;
}

const inMemory = (): Promise<Relay> => relayOn({ log: memoryLog() });
const at = ({ host, port }: Relay) => ({ host, port });

/** Collects everything that is there. @returns what it was */
async function mail(relay: Relay, options: CollectOptions = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const { number, attempt, body } of collect(at(relay), options))
    all.push(`${number} ${body}${attempt > 1 ? ` attempt ${attempt}` : ''}`);
  return all;
}

test('what is deposited is stored, and collected once', async () => {
  const relay = await inMemory();
  const sent = await deposit(`127.0.0.1:${relay.port}`, 'carol', 'hello', { as: 'dave' });
  expect(sent).toMatchObject({
    verdict: 'STORED',
    code: 'ok',
    number: 1,
    present: 'never',
    duplicate: false,
  });
  expect(relay.waiting()).toMatchObject([{ name: 'carol', held: 1, bytes: 5 }]);
  expect(await status(at(relay))).toMatchObject({
    mailboxes: [{ name: 'carol', held: 1, bytes: 5, connected: false }],
    usage: { messages: { used: 1, limit: 20_000_000 }, names: { used: 1 } },
  });
  for await (const message of collect(at(relay), { as: 'carol' }))
    expect(message).toMatchObject({
      number: 1,
      id: sent.id,
      from: 'dave',
      attempt: 1,
      kind: 'message',
      tried: false,
    });
  expect(await mail(relay, { as: 'carol' })).toEqual([]);
  expect(relay.waiting()).toEqual([]);
});

test('a message is acknowledged when the next one is asked for, or with done()', async () => {
  const relay = await inMemory();
  await using alice = openDepositor(at(relay));
  await Promise.all(['a', 'b', 'c'].map((body) => alice.deposit('bob', body)));
  const bob = collect(at(relay));
  const loop = bob[Symbol.asyncIterator]();
  await loop.next();
  // STATUS counts what is not acknowledged.
  expect(relay.waiting()).toMatchObject([{ held: 3 }]);
  const { value: second } = await loop.next();
  second.done();
  await bob.close();
  expect(relay.waiting()).toMatchObject([{ held: 1 }]);
  expect(await loop.next()).toEqual({ done: true, value: undefined });
});

test.each(['break', 'throw'])(
  'after %s the message in hand comes again, and what was done before does not',
  async (how) => {
    const relay = await inMemory();
    await using alice = openDepositor(at(relay));
    for (const body of ['a', 'b', 'c']) await alice.deposit('bob', body);
    const loop = async (): Promise<void> => {
      for await (const { number } of collect(at(relay))) {
        if (number === 1) continue;
        if (how === 'break') break;
        throw new Error('the program failed');
      }
    };
    if (how === 'throw') await expect(loop()).rejects.toThrow('the program failed');
    else await loop();
    const [second, third] = await mail(relay);
    expect(second).toBe('2 b attempt 2');
    expect(third).toMatch(/^3 c/);
  },
);

test('the signal lets the loop finish its message, and hands out no other', async () => {
  const relay = await inMemory();
  await using alice = openDepositor(at(relay));
  for (const body of ['a', 'b', 'c']) await alice.deposit('bob', body);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const { number } of collect(at(relay), { follow: true, signal: stop.signal })) {
    seen.push(number);
    stop.abort();
  }
  expect(seen).toEqual([1]);
  expect(relay.waiting()).toMatchObject([{ held: 2 }]);
  expect(await mail(relay, { signal: AbortSignal.abort() })).toEqual([]);
});

test('a loop over a relay that is not there throws', async () => {
  const relay = await inMemory();
  await relay.close();
  await expect(mail(relay)).rejects.toMatchObject({
    name: 'DetourError',
    code: 'ECONNREFUSED',
    message: expect.stringContaining(`127.0.0.1:${relay.port} refused the connection`),
  });
});

test('who follows waits for what comes later, until its limit', async () => {
  const relay = await inMemory();
  const collected = mail(relay, { follow: true, limit: 2 });
  await deposit(at(relay), 'bob', 'one');
  await deposit(at(relay), 'bob', 'two');
  expect(await collected).toEqual(['1 one', '2 two']);
});

test('a newer receiver takes the mailbox over, and the loop of the older one throws', async () => {
  const relay = await inMemory();
  const older = collect(at(relay), { follow: true })[Symbol.asyncIterator]();
  await deposit(at(relay), 'bob', 'one');
  await older.next();
  expect(await mail(relay)).toEqual(['1 one attempt 2']);
  await expect(older.next()).rejects.toMatchObject({ name: 'DetourError', code: 'replaced' });
  expect(await older.next()).toEqual({ done: true, value: undefined });
});

test('a repeat under the same id is one message; nobody there is UNKNOWN for a repeat, and certain for a first try', async () => {
  const relay = await inMemory();
  const first = await deposit(at(relay), 'bob', 'hello');
  expect(await deposit(at(relay), 'bob', 'hello', { id: first.id })).toMatchObject({
    verdict: 'STORED',
    number: 1,
    duplicate: true,
  });
  expect(await mail(relay)).toEqual(['1 hello']);
  await relay.close();
  expect(await deposit(at(relay), 'bob', 'hello', { id: 'x', timeoutMs: 500 })).toMatchObject({
    verdict: 'UNKNOWN',
    code: 'ECONNREFUSED',
  });
  expect(await deposit(at(relay), 'bob', 'hello', { id: 'x', earlier: false })).toMatchObject({
    verdict: 'NOT_DELIVERED',
    code: 'ECONNREFUSED',
    explanation: { wire: expect.stringContaining('ECONNREFUSED') },
  });
});

test('a receipt comes to the mailbox that notify names', async () => {
  const relay = await inMemory();
  const { id } = await deposit(at(relay), 'bob', 'hello', { notify: 'w-alice', ttlSeconds: 60 });
  await mail(relay);
  for await (const message of collect(at(relay), { as: 'w-alice' }))
    expect(message).toMatchObject({ kind: 'receipt', id, from: 'relay' });
});

test('a relay on the log of an earlier one has what that one held', async () => {
  const log = memoryLog();
  const first = await relayOn({ log });
  await deposit(at(first), 'bob', 'hello');
  await first.close();
  const second = await relayOn({ log });
  expect(await mail(second)).toEqual(['1 hello']);
});

test("a journal outlives its relay, and is one relay's at a time", async () => {
  const journal = join(tempDir(), 'journal');
  const first = await relayOn({ journal });
  await deposit(at(first), 'bob', 'hello');
  await expect(startRelay({ port: 0, journal })).rejects.toMatchObject({
    name: 'DetourError',
    code: 'locked',
  });
  const command = await runCli(['async', 'relay', '--port', '0', '--journal', journal]);
  expect(command).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('another relay is using the journal'),
  });
  await first.close();
  await first.close();
  const second = await relayOn({ journal });
  expect(await mail(second)).toEqual(['1 hello']);
});

test('a log that fails is told to onFailure, and to whoever closes the relay', async () => {
  const log = memoryLog();
  const failures: string[] = [];
  const first = await startRelay({
    port: 0,
    log,
    onFailure: ({ code, message }) => failures.push(`${code} ${message}`),
  });
  const client = await RawClient.connect(first.port);
  const second = await relayOn({ log });
  await client.end();
  expect(failures).toEqual(['EIO another owner has taken the log']);
  await expect(first.close()).rejects.toMatchObject({
    name: 'DetourError',
    message: 'another owner has taken the log',
  });
  await second.close();
});

test('without onFailure, a log that fails ends the process', async () => {
  const log = memoryLog();
  const thrown: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const caught = new Promise<void>((resolve) => {
    process.once('uncaughtException', (error) => {
      thrown.push(error);
      resolve();
    });
  });
  try {
    await startRelay({ port: 0, log });
    await relayOn({ log });
    await caught;
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  expect(thrown).toMatchObject([{ name: 'DetourError' }]);
});

test('a relay process is killed: a loop without follow throws, one with follow goes on with the next relay', {
  tags: ['slow'],
}, async () => {
  const journal = join(tempDir(), 'journal');
  const relay = start(['async', 'relay', '--port', '0', '--journal', journal]);
  const { port } = await relay.until('listening');
  const place = `127.0.0.1:${port}`;
  const alice = openDepositor(place);
  for (const body of ['a', 'b']) await alice.deposit('bob', body);
  const drain = collect(place)[Symbol.asyncIterator]();
  await drain.next();
  await relay.kill();
  await expect(drain.next()).rejects.toMatchObject({
    name: 'DetourError',
    code: expect.stringMatching(/^(fin|ECONNRESET)$/),
  });
  await expect(status(place)).rejects.toMatchObject({ name: 'DetourError', code: 'ECONNREFUSED' });
  const follow = collect(place, { follow: true })[Symbol.asyncIterator]();
  const next = follow.next();
  const again = start(['async', 'relay', '--port', String(port), '--journal', journal]);
  await again.until('listening');
  expect((await next).value).toMatchObject({ number: 1, attempt: 2 });
  await follow.return?.();
  await alice.close();
});

test('an aborted deposit has a verdict, an aborted status or start rejects', async () => {
  const relay = await inMemory();
  const signal = AbortSignal.abort();
  expect(await deposit(at(relay), 'bob', 'x', { signal })).toMatchObject({
    verdict: 'NOT_DELIVERED',
    code: 'interrupted',
  });
  expect(await deposit(at(relay), 'bob', 'x', { signal, id: 'i' })).toMatchObject({
    verdict: 'UNKNOWN',
    code: 'interrupted',
  });
  await expect(status(at(relay), { signal })).rejects.toMatchObject({ code: 'interrupted' });
  await expect(startRelay({ port: 0, log: memoryLog(), signal })).rejects.toMatchObject({
    code: 'interrupted',
  });
  expect(relay.waiting()).toEqual([]);
});

test('what a program does to its bytes after the call does not change the message', async () => {
  const relay = await inMemory();
  const body = new TextEncoder().encode('hello');
  const sent = deposit(at(relay), 'bob', body);
  body.fill(0);
  expect((await sent).verdict).toBe('STORED');
  expect(await mail(relay)).toEqual(['1 hello']);
});

test('one deposit of several is aborted, and the others are stored', async () => {
  const relay = await inMemory();
  const alice = openDepositor(at(relay));
  const stop = new AbortController();
  const all = [alice.deposit('bob', 'one'), alice.deposit('bob', 'two', { signal: stop.signal })];
  stop.abort();
  expect((await Promise.all(all)).map(({ verdict }) => verdict)).toEqual(['STORED', 'NOT_DELIVERED']);
  await alice.close();
  expect(await mail(relay)).toEqual(['1 one']);
});

test.each([
  ['an address for a name', () => deposit('127.0.0.1:1', '127.0.0.1:4101', 'x')],
  ['half a second to live', () => deposit('127.0.0.1:1', 'bob', 'x', { ttlSeconds: 0.5 })],
  ['a mailbox for news that is none', () => deposit('127.0.0.1:1', 'bob', 'x', { notify: 'W' })],
  ['no messages at all', async () => collect('127.0.0.1:1', { limit: 0 })],
  ['the status of a name', () => status('relay')],
  ['a relay without a log', () => startRelay({ port: 0 } as unknown as RelayStore)],
  ['a relay with two logs', () => startRelay({ journal: 'x', log: memoryLog() } as unknown as RelayStore)],
  ['a relay with too little disk', () => startRelay({ journal: 'x', maxDiskBytes: 1 })],
  ['a relay that holds nothing', () => startRelay({ log: memoryLog(), limits: { messages: 0 } })],
])('%s is DetourError usage', async (_, call) => {
  await expect(call()).rejects.toMatchObject({ name: 'DetourError', code: 'usage' });
});
