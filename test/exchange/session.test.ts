// What a mode is told about a client, and what it can do with it: a handler of the test, on real sockets.

import { Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { UNANSWERED_BYTES } from '../../src/exchange/limits.ts';
import { Server } from '../../src/exchange/server.ts';
import type { Handler, Session } from '../../src/exchange/session.ts';
import { netContext } from '../../src/net/context.ts';
import { StoredBatch } from '../../src/wire/batch.ts';
import { MAX_BODY } from '../../src/wire/frame.ts';
import type { SendFrame } from '../../src/wire/send.ts';
import { FakeClock } from '../fake-clock.ts';
import { RawClient } from '../harness.ts';
import { anError, nothingCame, turns, until } from '../servers.ts';

interface Sent {
  readonly session: Session;
  readonly message: SendFrame;
}

/** A server whose handler keeps what it is given and answers nothing by itself. */
async function startServer(options: { host?: string; window?: number } = {}) {
  const { host = '127.0.0.1', window = 4 } = options;
  const sends: Sent[] = [];
  const ended: Session[] = [];
  const state = { saturated: false };
  const handler: Handler = {
    refuseName: () => undefined,
    saturated: () => state.saturated,
    send: (session, message) => sends.push({ session, message }),
    oversize: () => ({ code: 'too_large', reason: 'Too large.' }),
    other: () => false,
    ask: () => false,
    settled: (_session, done) => done(),
    drained: () => {},
    ended: (session) => ended.push(session),
  };
  const context = netContext(() => {}, new FakeClock(), true);
  const ready = { verb: 'READY', version: 1, role: 'relay', as: 'relay', max: MAX_BODY, window } as const;
  const server = new Server(ready, handler, context);
  const listener = await server.listen(host, 0);
  onTestFinished(() => {
    listener.close();
    server.destroyAll();
  });
  const { port } = listener;
  const connect = async (hello = 'HELLO version=1 as=alice'): Promise<RawClient> => {
    const client = await RawClient.connect(port, host);
    await client.next();
    client.type(`${hello}\n`);
    return client;
  };
  return { server, sends, ended, state, port, connect };
}

/** Answers the SENDs of one session, all at the same time. */
function store(...sends: readonly Sent[]): void {
  const lines = new StoredBatch();
  for (const { message } of sends) lines.add(message, 1, 'no', false);
  sends[0]?.session.answerAll(
    lines,
    sends.reduce((sum, { message }) => sum + message.size, 0),
  );
}

describe('a SEND comes with the exact bytes of its frame', () => {
  const FRAMES = [
    'SEND id=1 to=bob size=5\nhello\n',
    'SEND size=5 colour=blue id=2\r\nhello\r\n',
    'SEND id=3 size=0\n\r\n',
  ];

  test('unknown keys, order of keys and line ends included', async () => {
    const { sends, connect } = await startServer();
    const client = await connect();
    for (const frame of FRAMES) client.type(frame);
    await until(() => sends.length === FRAMES.length);
    expect(sends.map(({ message }) => message.raw.toString())).toEqual(FRAMES);
    expect(sends.map(({ message }) => message.body.toString())).toEqual(['hello', 'hello', '']);
  });

  test('even if it had to wait for room', async () => {
    const { sends, connect } = await startServer({ window: 1 });
    const client = await connect();
    client.type(FRAMES.join(''));
    for (const [index, frame] of FRAMES.entries()) {
      await until(() => sends.length === index + 1);
      await turns();
      expect(sends).toHaveLength(index + 1);
      expect(sends[index]?.message.raw.toString()).toBe(frame);
      store(...sends.slice(index));
    }
  });
});

describe('a session knows its client', () => {
  test('as HELLO named it', async () => {
    const { sends, connect } = await startServer();
    const client = await connect('HELLO version=1 as=alice session=s1 try=7');
    client.type('SEND id=1 size=0\n\n');
    await until(() => sends.length === 1);
    expect(sends[0]?.session).toMatchObject({ as: 'alice', id: 's1', anonymous: false, tryNumber: 7 });
  });

  test('without a session in HELLO, each connection is its own session', async () => {
    const { sends, connect } = await startServer();
    for (const client of [await connect(), await connect()]) client.type('SEND id=1 size=0\n\n');
    await until(() => sends.length === 2);
    const [one, two] = sends.map(({ session }) => session);
    expect(one).toMatchObject({ anonymous: true, tryNumber: 1 });
    expect(one?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(one?.id).not.toBe(two?.id);
  });

  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '0:0:0:0::/64'],
  ])('by its address: %s', async (host, address) => {
    const { sends, connect } = await startServer({ host });
    const client = await connect();
    client.type('SEND id=1 size=0\n\n');
    await until(() => sends.length === 1);
    expect(sends[0]?.session.address).toBe(address);
    // The address stays when the connection is gone.
    client.socket.destroy();
    await turns(20);
    expect(sends[0]?.session.address).toBe(address);
  });
});

describe('several SENDs answered at the same time', () => {
  const ids = Array.from({ length: 200 }, (_, index) => `id-${index}`);

  test('leave in one write, in order', async () => {
    const { sends, port, connect } = await startServer({ window: ids.length });
    const client = await connect();
    client.type(ids.map((id) => `SEND id=${id} size=1\na\n`).join(''));
    await until(() => sends.length === ids.length);
    const write = vi.spyOn(Socket.prototype, 'write');
    onTestFinished(() => write.mockRestore());
    store(...sends);
    const answers: string[] = [];
    for (const _ of ids) answers.push((await client.next())[0]);
    expect(answers).toEqual(ids.map((id) => `STORED id=${id} seq=1 present=no`));
    expect(write.mock.contexts.filter((socket) => (socket as Socket).localPort === port)).toHaveLength(1);
  });

  test('make room for as many more, and not for more than that', async () => {
    const { sends, connect } = await startServer({ window: 3 });
    const client = await connect();
    client.type(
      ids
        .slice(0, 10)
        .map((id) => `SEND id=${id} size=1\na\n`)
        .join(''),
    );
    for (const taken of [3, 6, 9]) {
      await until(() => sends.length === taken);
      await turns(20);
      expect(sends).toHaveLength(taken);
      store(...sends.slice(taken - 3, taken));
    }
    await until(() => sends.length === 10);
  });

  test('give back the bytes of all their bodies', async () => {
    const { sends, connect } = await startServer({ window: 100 });
    const client = await connect();
    const most = UNANSWERED_BYTES / MAX_BODY;
    const big = Buffer.alloc(MAX_BODY, 'x');
    for (let id = 0; id < 2 * most + 1; id += 1) {
      client.type(`SEND id=${id} size=${MAX_BODY}\n`);
      client.type(big);
      client.type('\n');
    }
    for (const taken of [most, 2 * most]) {
      await until(() => sends.length === taken);
      await turns(20);
      expect(sends).toHaveLength(taken);
      store(...sends.slice(taken - most, taken));
    }
    await until(() => sends.length === 2 * most + 1);
  });

  test('let a connection that said BYE end when the last is answered', async () => {
    const { sends, connect } = await startServer();
    const client = await connect();
    client.type('SEND id=1 size=1\na\nSEND id=2 size=1\na\nSEND id=3 size=1\na\nBYE\n');
    await until(() => sends.length === 3);
    store(...sends.slice(0, 2));
    expect((await client.next())[0]).toMatch(/^STORED id=1 /);
    expect((await client.next())[0]).toMatch(/^STORED id=2 /);
    await turns(20);
    expect(client.finished).toBe(false);
    store(...sends.slice(2));
    expect((await client.next())[0]).toMatch(/^STORED id=3 /);
    expect(await client.next()).toEqual(['BYE', undefined]);
  });
});

test('a saturated handler gets no SEND from any client until the server resumes', async () => {
  const { server, sends, state, connect } = await startServer();
  state.saturated = true;
  const clients = [await connect('HELLO version=1 as=a'), await connect('HELLO version=1 as=b')];
  for (const client of clients) client.type('SEND id=1 size=1\na\nSEND id=2 size=1\na\n');
  await turns(50);
  expect(sends).toHaveLength(0);
  server.resume();
  await turns(20);
  expect(sends).toHaveLength(0);
  state.saturated = false;
  server.resume();
  await until(() => sends.length === 4);
});

test('a SEND that failed gets no answer but ERROR, after the answers to the others', async () => {
  const { sends, ended, connect } = await startServer();
  const client = await connect();
  client.type('SEND id=1 size=1\na\nSEND id=2 size=1\na\n');
  await until(() => sends.length === 2);
  const session = sends[0]?.session as Session;
  session.failSend({ code: 'failed', reason: 'it broke' }, 1);
  expect(ended).toEqual([session]);
  store(...sends.slice(1));
  expect((await client.next())[0]).toMatch(/^STORED id=2 /);
  expect(await client.next()).toEqual(anError('failed'));
  await client.end();
  expect(ended).toEqual([session]);
});

test('an evicted session is told so', async () => {
  const { sends, connect } = await startServer();
  const client = await connect();
  client.type('SEND id=1 size=1\na\n');
  await until(() => sends.length === 1);
  sends[0]?.session.evict('192.168.1.7');
  store(...sends);
  expect((await client.next())[0]).toMatch(/^STORED id=1 /);
  expect(await client.next()).toEqual(['BYE code=replaced by=192.168.1.7', undefined]);
  await client.end();
});

test('a server can close every connection immediately, without a word', async () => {
  const { server, ended, connect } = await startServer();
  const clients = [await connect(), await connect()];
  for (const client of clients) await nothingCame(client);
  server.destroyAll();
  for (const client of clients) {
    await client.end();
    await expect(client.next()).rejects.toThrow('no further frame');
  }
  await until(() => ended.length === 2);
});
