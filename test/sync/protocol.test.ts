// What a synchronous receiver answers to a SEND, typed as bytes. What every server answers is tested in test/exchange.

import { expect, test } from 'vitest';
import { anError, aRefusal, nothingCame, startBob, turns, until } from '../servers.ts';

test('RECEIVED comes when the message is handled, not before', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  client.type('SEND id=1 to=bob size=5\nhello\n');
  const one = await bench.handling();
  expect(one).toMatchObject({ id: '1', from: 'alice', body: Buffer.from('hello') });
  await nothingCame(client);
  one.done();
  expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
});

test('a reply is the body of RECEIVED, with any bytes', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  client.type('SEND id=1 size=0\n\n');
  (await bench.handling()).done('a\nERROR code=x size=0\n');
  expect(await client.next()).toEqual(['RECEIVED id=1 size=22', 'a\nERROR code=x size=0\n']);
});

test('what is sent twice is handled twice: sync remembers nothing', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  for (const text of ['hello', 'hello', 'other']) {
    client.type(`SEND id=same size=5\n${text}\n`);
    const one = await bench.handling();
    expect(one.body.toString()).toBe(text);
    one.done();
    expect(await client.next()).toEqual(['RECEIVED id=same', undefined]);
  }
});

test.each([
  ['SEND id=1 to=carol size=2\nhi\n', 'wrong_name'],
  ['SEND id=1 ttl=60 size=2\nhi\n', 'unsupported'],
  ['SEND id=1 notify=alice size=2\nhi\n', 'unsupported'],
  ['SEND id=1 to=BOB size=2\nhi\n', 'bad_value'],
  ['SEND id=1 ttl=0 size=2\nhi\n', 'bad_value'],
  ['SEND id=1 ttl=31536001 size=2\nhi\n', 'bad_value'],
  ['SEND id=1 notify=. size=2\nhi\n', 'bad_value'],
  ['SEND id=1 to=bob\n', 'bad_value'],
  [`SEND id=1 size=1048577\n${'x'.repeat(1048577)}\n`, 'too_large'],
])('%j is refused, and the connection goes on', async (bytes, code) => {
  const { greeted } = await startBob();
  const client = await greeted();
  client.type(bytes);
  expect(await client.next()).toEqual(aRefusal('1', code));
  client.type('SEND id=2 size=2\nhi\n');
  expect(await client.next()).toEqual(['RECEIVED id=2', undefined]);
});

test('one message at a time: what comes after it is not read until it is answered', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  client.type('SEND id=1 size=1\na\nSEND id=2 to=carol size=1\nb\nSEND id=3 size=1\nc\nPING\n');
  const one = await bench.handling();
  await turns(20);
  // Not even the PING after it is answered, nor the refusal, which needs no handling.
  expect(client.frames).toHaveLength(1);
  one.done();
  expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  expect(await client.next()).toEqual(aRefusal('2', 'wrong_name'));
  expect(await client.next()).toEqual(['PONG', undefined]);
  (await bench.handling()).done();
  expect(await client.next()).toEqual(['RECEIVED id=3', undefined]);
});

test('different senders are served at the same time', async () => {
  const bench = await startBob(true);
  const alice = await bench.greeted();
  alice.type('SEND id=1 size=1\na\n');
  const first = await bench.handling();
  const carol = await bench.greeted('HELLO version=1 as=carol');
  carol.type('SEND id=1 size=1\nc\n');
  const second = await bench.handling();
  expect(second.from).toBe('carol');
  second.done();
  expect(await carol.next()).toEqual(['RECEIVED id=1', undefined]);
  first.done();
  expect(await alice.next()).toEqual(['RECEIVED id=1', undefined]);
});

test('a program that failed while handling says ERROR code=failed, and no RECEIVED', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  client.type('SEND id=1 size=1\na\n');
  (await bench.handling()).failed('the printer burns');
  const [line, body] = await client.next();
  expect([line, body]).toEqual(anError('failed'));
  expect(body).toContain('the printer burns');
  await client.end();
});

test('a server that had stopped reading reads on after its last frame, until the FIN', async () => {
  const bench = await startBob(true);
  const client = await bench.greeted();
  client.type('SEND id=1 size=1\na\nSEND id=2 size=1\nb\n');
  const one = await bench.handling();
  await turns();
  client.type(Buffer.alloc(4 * 1024 * 1024, 'x'));
  await turns();
  one.failed('no');
  expect(await client.next()).toEqual(anError('failed'));
  await client.end();
  expect(client.finished).toBe(true);
  // This clock stands still, so it is the FIN that ends it, not the 2 s after which the server stops waiting for one.
  client.socket.end();
  await until(() => bench.events.some(({ event }) => event === 'closed'));
  expect(bench.events.some(({ event }) => event === 'broken')).toBe(false);
});

test('the same after a FIN and after a BYE', async () => {
  for (const last of ['', 'BYE\n']) {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type(`SEND id=1 size=1\na\n${last}`);
    client.socket.end();
    const one = await bench.handling();
    await turns();
    one.failed('no');
    expect(await client.next()).toEqual(anError('failed'));
    await client.end();
  }
});
