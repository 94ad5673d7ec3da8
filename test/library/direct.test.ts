// The library on the direct route, over real sockets: when senders are answered, what happens when a loop is left, and that every failure of
// the network becomes a verdict.

import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { DetourError } from '../../src/core/error.ts';
import { type ReceiveOptions, type Receiver, receive } from '../../src/library/receive.ts';
import { openSender, send } from '../../src/library/send.ts';
import { RawClient } from '../harness.ts';
import { turns } from '../servers.ts';

async function bob(options: ReceiveOptions = {}): Promise<Receiver> {
  const receiver = await receive({ port: 0, ...options });
  onTestFinished(() => receiver.close());
  return receiver;
}

const at = ({ host, port }: { readonly host: string; readonly port: number }) => ({ host, port });

/** A server that accepts and says nothing, or only READY. */
async function silent(ready: boolean): Promise<{ host: string; port: number; sent: () => Promise<void> }> {
  let came: () => void = () => {};
  const sent = new Promise<void>((resolve) => {
    came = resolve;
  });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => bytes.includes(ready ? 'SEND' : 'HELLO') && came());
    if (ready) socket.write('READY version=1 role=receiver as=bob max=1024 window=1\n');
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return { host: '127.0.0.1', port: address.port, sent: () => sent };
}

test('a message is delivered when the loop asks for the next one, and carries the reply back', async () => {
  const receiver = await bob();
  const sent = send(`127.0.0.1:${receiver.port}`, 'hello', { as: 'carol', id: 'i1' });
  const loop = receiver[Symbol.asyncIterator]();
  const { value: message } = await loop.next();
  expect(message).toMatchObject({ id: 'i1', from: 'carol' });
  expect(message.body.toString()).toBe('hello');
  message.reply('first');
  message.reply(new Uint8Array([0x68, 0x69]));
  let over = false;
  void sent.then(() => {
    over = true;
  });
  await turns(20);
  expect(over).toBe(false);
  void loop.next();
  expect(await sent).toMatchObject({
    verdict: 'DELIVERED',
    code: 'ok',
    id: 'i1',
    reply: Buffer.from('hi'),
    explanation: undefined,
    attempts: [{ phase: 'written', end: { how: 'taken' } }],
  });
});

test('done() answers at once, and what happens to the loop afterwards changes nothing', async () => {
  const receiver = await bob();
  const sent = send(at(receiver), 'hello');
  for await (const message of receiver) {
    message.done();
    expect((await sent).verdict).toBe('DELIVERED');
    message.done();
    break;
  }
  expect(await send(at(receiver), 'hello')).toMatchObject({ verdict: 'NOT_DELIVERED', code: 'ECONNREFUSED' });
});

test.each(['break', 'throw'])(
  'a loop that is left by %s answers the message in hand with ERROR code=failed',
  async (how) => {
    const receiver = await bob();
    const sent = send(at(receiver), 'hello');
    const loop = async (): Promise<void> => {
      for await (const _ of receiver) {
        if (how === 'break') break;
        throw new Error('the program failed');
      }
    };
    if (how === 'throw') await expect(loop()).rejects.toThrow('the program failed');
    else await loop();
    expect(await sent).toMatchObject({
      verdict: 'UNKNOWN',
      code: 'failed',
      explanation: { wire: expect.stringContaining('the loop was left before it was done') },
    });
  },
);

test('one message at a time over all connections; those that wait when it closes are not delivered, for certain', {
  tags: ['slow'],
}, async () => {
  const receiver = await bob();
  const clients = await Promise.all(
    ['a', 'b', 'c'].map(async (id) => {
      const client = await RawClient.connect(receiver.port);
      await client.next();
      client.type(`HELLO version=1 as=alice\nSEND id=${id} size=1\n${id}\n`);
      return client;
    }),
  );
  const loop = receiver[Symbol.asyncIterator]();
  const first = await loop.next();
  await turns(20);
  // No sender is answered while the loop has the first message.
  expect(clients.map(({ frames }) => frames.length)).toEqual([1, 1, 1]);
  const second = await loop.next();
  expect(second.value.id).not.toBe(first.value.id);
  second.value.done();
  await receiver.close();
  const answers = await Promise.all(clients.map((client) => client.next()));
  expect(answers.map(([line]) => line.replace(/ id=.*/, '')).sort()).toEqual(['BYE', 'RECEIVED', 'RECEIVED']);
  expect(await loop.next()).toEqual({ done: true, value: undefined });
});

test('close() ends a loop that waits, also from within another function', async () => {
  const receiver = await bob();
  const loop = (async () => {
    for await (const _ of receiver) throw new Error('nobody sends');
  })();
  await turns();
  await receiver.close();
  await loop;
});

test('close() in the body of the loop does not wait for itself', async () => {
  const receiver = await bob();
  const sent = send(at(receiver), 'hello');
  for await (const message of receiver) {
    message.done();
    await receiver.close();
  }
  expect((await sent).verdict).toBe('DELIVERED');
});

test('the signal of a receiver lets the loop finish its message, and then ends it', async () => {
  const stop = new AbortController();
  const receiver = await bob({ signal: stop.signal });
  const sent = send(at(receiver), 'hello');
  const seen: string[] = [];
  for await (const { body } of receiver) {
    seen.push(body.toString());
    stop.abort();
    await turns(20);
  }
  expect(seen).toEqual(['hello']);
  expect((await sent).verdict).toBe('DELIVERED');
  await expect(receive({ port: 0, signal: stop.signal })).rejects.toMatchObject({ code: 'interrupted' });
});

test('two loops at once are a mistake', async () => {
  const receiver = await bob();
  const loop = receiver[Symbol.asyncIterator]();
  void loop.next();
  await expect(loop.next()).rejects.toMatchObject({ code: 'usage' });
});

test('with handle, several connections are served at the same time, and a failure is UNKNOWN', async () => {
  let both: () => void = () => {};
  const two = new Promise<void>((resolve) => {
    both = resolve;
  });
  let here = 0;
  const receiver = await receive({
    port: 0,
    as: 'carol',
    handle: async ({ body }) => {
      here += 1;
      if (here === 2) both();
      await two;
      if (body.toString() === 'bad') throw new Error('no');
      return 'thanks';
    },
  });
  onTestFinished(() => receiver.close());
  const [good, bad] = await Promise.all([send(at(receiver), 'good'), send(at(receiver), 'bad')]);
  expect(good.reply?.toString()).toBe('thanks');
  expect(bad).toMatchObject({ verdict: 'UNKNOWN', code: 'failed' });
});

test('close() may be called twice at once, and handle need not reply', async () => {
  const seen: string[] = [];
  const receiver = await receive({
    port: 0,
    handle: async ({ id }) => {
      seen.push(id);
    },
  });
  expect(await send(at(receiver), 'x', { id: 'i1' })).toMatchObject({
    verdict: 'DELIVERED',
    reply: undefined,
  });
  await Promise.all([receiver.close(), receiver.close()]);
  expect(seen).toEqual(['i1']);
});

test('a sender keeps its connection and the order, and says whom it sends to', async () => {
  const receiver = await bob();
  const seen: string[] = [];
  const loop = (async () => {
    for await (const { id, body } of receiver) seen.push(`${id.replace(/^.*-/, '')} ${body}`);
  })();
  {
    await using sender = openSender(at(receiver));
    expect(sender.to).toMatchObject({ peer: 'the receiver', address: `127.0.0.1:${receiver.port}` });
    const all = await Promise.all(['x', 'y', 'z'].map((body) => sender.send(body)));
    expect(all.map(({ verdict }) => verdict)).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
    expect(sender.to.peer).toBe('bob');
  }
  await receiver.close();
  await loop;
  expect(seen).toEqual(['1 x', '2 y', '3 z']);
});

test('an aborted send has a verdict: before the connection, while nobody greets, and after it was written', async () => {
  const mute = await silent(false);
  expect(await send(mute, 'hello', { signal: AbortSignal.abort() })).toMatchObject({
    verdict: 'NOT_DELIVERED',
    code: 'interrupted',
    attempts: [{ phase: 'connecting', end: { how: 'interrupted' } }],
  });
  for (const [place, phase, verdict] of [
    [mute, 'greeting', 'NOT_DELIVERED'],
    [await silent(true), 'written', 'UNKNOWN'],
  ] as const) {
    const stop = new AbortController();
    const sent = send(place, 'hello', { signal: stop.signal });
    await place.sent();
    stop.abort();
    expect(await sent).toMatchObject({
      verdict,
      code: 'interrupted',
      attempts: [{ phase, end: { how: 'interrupted' } }],
    });
  }
});

test('interrupt() gives up what is under way and what waits for its turn, and the sender goes on', async () => {
  const place = await silent(true);
  const sender = openSender(place);
  const all = [sender.send('one'), sender.send('two')];
  await place.sent();
  sender.interrupt();
  expect((await Promise.all(all)).map(({ verdict, code }) => `${verdict} ${code}`)).toEqual([
    'UNKNOWN interrupted',
    'NOT_DELIVERED interrupted',
  ]);
  expect(await sender.send('three', { timeoutMs: 50 })).toMatchObject({
    verdict: 'UNKNOWN',
    code: 'deadline',
  });
  await sender.close();
});

test('nobody there is a verdict with an explanation, not an error', async () => {
  const receiver = await bob();
  const { port } = receiver;
  await receiver.close();
  const sent = await send({ host: '127.0.0.1', port }, 'hello');
  expect(sent).toMatchObject({
    verdict: 'NOT_DELIVERED',
    code: 'ECONNREFUSED',
    reply: undefined,
    number: undefined,
  });
  expect(sent.explanation).toMatchObject({
    wire: expect.stringContaining(`127.0.0.1:${port} refused the connection`),
    so: expect.stringContaining('not one byte of it left'),
    tryNext: expect.stringContaining('start the receiver'),
  });
});

test.each([
  ['a name for an address', () => send('bob', 'x')],
  ['a port that is none', () => send({ host: '127.0.0.1', port: 70_000 }, 'x')],
  ['a host with a port in it', () => send({ host: '127.0.0.1:1', port: 1 }, 'x')],
  ['a body that is too large', () => send('127.0.0.1:1', new Uint8Array(2 ** 20 + 1))],
  ['a body of another type', () => send('127.0.0.1:1', 5 as unknown as string)],
  ['a name that is none', () => send('127.0.0.1:1', 'x', { as: 'Alice' })],
  ['an id that is none', () => send('127.0.0.1:1', 'x', { id: 'a b' })],
  ['no time at all', () => send('127.0.0.1:1', 'x', { timeoutMs: 0 })],
  ['a time that is no number', () => send('127.0.0.1:1', 'x', { timeoutMs: Number.NaN })],
  ['a heartbeat of half a second', () => send('127.0.0.1:1', 'x', { heartbeatSeconds: 0.5 })],
  ['a receiver with a bad name', () => receive({ as: '' })],
  ['a receiver on a bad port', () => receive({ port: -1 })],
  ['a receiver on a bad address', () => receive({ host: '127.0.0.1:80' })],
])('%s is DetourError usage', async (_, call) => {
  const error = await call().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DetourError);
  expect(error).toMatchObject({ code: 'usage' });
});

test('a port that is taken is a DetourError, not a bare errno', async () => {
  const receiver = await bob();
  await expect(receive({ port: receiver.port })).rejects.toMatchObject({
    name: 'DetourError',
    code: 'EADDRINUSE',
  });
});
