// The client side with a server that a test types itself: what a client says, and how it reports the end of a connection.

import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClientConnection, LEAVE_MS } from '../../src/exchange/client.ts';
import { Ladder } from '../../src/exchange/ladder.ts';
import { InFlight, PendingSend } from '../../src/exchange/pending.ts';
import type { AttemptEnd } from '../../src/exchange/verdict.ts';
import { netContext } from '../../src/net/context.ts';
import type { Message } from '../../src/wire/verbs.ts';
import { FakeClock } from '../fake-clock.ts';
import { turns, until } from '../servers.ts';

interface Bench {
  readonly client: ClientConnection;
  readonly clock: FakeClock;
  readonly server: Socket;
  /** Everything the client has said. */
  said(): string;
  /** Has the client sent FIN or reset the connection? */
  gone(): boolean;
  readonly messages: Message[];
  readonly ready: Message<'READY'>[];
  readonly ends: AttemptEnd[];
}

const READY = 'READY version=1 role=relay as=relay max=1048576 window=256 store=t\n';
const HELLO = 'HELLO version=1 as=alice session=s try=3 heartbeat=10\n';

/** Makes a client, named alice, for a server that says `greeting` and then what the test types. */
async function called(greeting = READY): Promise<Bench> {
  let accepted: (socket: Socket) => void = () => {};
  const arrival = new Promise<Socket>((resolve) => {
    accepted = resolve;
  });
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, accepted);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void listener.close());
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const clock = new FakeClock();
  const messages: Message[] = [];
  const ready: Message<'READY'>[] = [];
  const ends: AttemptEnd[] = [];
  const client = new ClientConnection(
    {
      host: '127.0.0.1',
      port: address.port,
      as: 'alice',
      session: 's',
      tryNumber: 3,
      expect: 'relay',
      context: netContext(() => {}, clock, false),
    },
    {
      ready: (message) => ready.push(message),
      message: (message) => messages.push(message),
      ended: (end) => ends.push(end),
    },
  );
  const server = await arrival;
  onTestFinished(() => void server.destroy());
  let said = '';
  let gone = false;
  server.setEncoding('latin1');
  server.on('data', (text: string) => {
    said += text;
  });
  for (const event of ['end', 'close']) {
    server.on(event, () => {
      gone = true;
    });
  }
  server.on('error', () => {});
  server.write(greeting);
  await until(() => said !== '');
  return { client, clock, server, said: () => said, gone: () => gone, messages, ready, ends };
}

test('says HELLO and nothing else, and hands READY over', async () => {
  const { ready, said, client } = await called();
  await until(() => ready.length === 1);
  expect(said()).toBe(HELLO);
  expect(ready[0]).toMatchObject({ role: 'relay', as: 'relay', max: 1048576, window: 256, store: 't' });
  expect(client.phase).toBe('ready');
});

test('passes on other frames, answers PING, ignores PONG', async () => {
  const { server, said, messages } = await called();
  server.write('PING\nPONG\nSTORED id=1 seq=1 present=no\nPING\n');
  await until(() => said() === `${HELLO}PONG\nPONG\n`);
  expect(messages).toEqual([{ verb: 'STORED', id: '1', seq: 1, present: 'no' }]);
});

test.each([true, false])('a SEND has a PING right after it only if a ladder watches: %s', async (watches) => {
  const { client, clock, ready, said } = await called();
  await until(() => ready.length === 1);
  const send: Message<'SEND'> = { verb: 'SEND', id: 'i', to: 'bob', body: Buffer.from('x') };
  const noop = (): void => {};
  const pending = new PendingSend(send, 'STORED', clock, { timeoutMs: 1000 }, noop, noop);
  if (watches) pending.ladder = new Ladder({ id: 'i', route: 'async', waits: false, clock, emit: undefined });
  expect(new InFlight().send(client, pending)).toBe(true);
  client.send({ verb: 'ERROR', code: 'end', body: Buffer.alloc(0) });
  await until(() => said().includes('ERROR'));
  expect(
    said()
      .slice(HELLO.length)
      .match(/^[A-Z]+(?= |$)/gm),
  ).toEqual(watches ? ['SEND', 'PING', 'ERROR'] : ['SEND', 'ERROR']);
});

describe('before READY is accepted', () => {
  test.each([
    ['HTTP/1.1 400 Bad Request\r\n', 'not_detour', ''],
    ['220 mail.example ESMTP\r\n', 'not_detour', ''],
    ['STORED id=1 seq=1 present=no\n', 'not_detour', ''],
    ['NOISE\n', 'not_detour', ''],
    ['READY version=1 role=relay\n', 'not_detour', ''],
    ['READY version=1 role=receiver as=bob max=1 window=1\n', 'wrong_door', ''],
    ['READY version=1 role=relay as=alice max=1 window=1\n', 'wrong_name', ''],
    ['READY version=2 role=relay as=relay max=1 window=1\n', 'version', 'ERROR code=version size='],
    ['READY version=2 shape=new\n', 'version', 'ERROR code=version size='],
    ['ERROR code=too_many size=3\nno.\n', 'too_many', ''],
  ])('%j ends the client: %s', async (greeting, code, answer) => {
    const { ends, said, gone, ready, client } = await called(greeting);
    await until(() => gone());
    expect(ends).toEqual([expect.objectContaining({ how: 'error', code })]);
    expect(ready).toEqual([]);
    expect(client.phase).toBe('greeting');
    expect(said().startsWith(HELLO + answer)).toBe(true);
    if (answer === '') expect(said()).toBe(HELLO);
  });
});

describe('a server that breaks the protocol gets an ERROR, and the client leaves', () => {
  test.each([
    [READY, 'malformed'],
    ['READY version=2 role=relay\n', 'version'],
    ['stored\n', 'malformed'],
    ['NOISE\n', 'unknown_verb'],
    ['STORED id=1 seq=0 present=no\n', 'bad_value'],
    ['MESSAGE seq=1 id=1 from=a at=1 held=1 attempt=1 size=1048577\n', 'too_large'],
    ['MESSAGE seq=1 id=1 from=a at=1 held=1 attempt=1 size=99999999\n', 'too_large'],
  ])('%j: ERROR code=%s', async (bytes, code) => {
    const { server, ends, said, gone, ready } = await called();
    await until(() => ready.length === 1);
    server.write(bytes);
    await until(() => gone());
    expect(said().slice(HELLO.length)).toMatch(new RegExp(`^ERROR code=${code} size=\\d+\\n.+\\n$`));
    expect(ends).toEqual([expect.objectContaining({ how: 'error', code })]);
  });
});

describe('the end of a connection', () => {
  test.each([
    ['ERROR code=stale size=3\nold\n', { how: 'error', code: 'stale', reason: 'old' }, ''],
    ['BYE\n', { how: 'bye' }, 'BYE\n'],
    ['BYE code=replaced\n', { how: 'bye', code: 'replaced' }, 'BYE\n'],
  ])('by %j', async (bytes, end, answer) => {
    const { server, ends, said, gone } = await called();
    server.write(`${bytes}STORED id=1 seq=1 present=no\n`);
    await until(() => gone());
    expect(ends).toEqual([end]);
    expect(said()).toBe(HELLO + answer);
  });

  test('by FIN, after everything before it was passed on', async () => {
    const { server, ends, messages, gone } = await called();
    server.end('STORED id=1 seq=1 present=no\n');
    await until(() => ends.length === 1 && gone());
    expect(ends).toEqual([{ how: 'fin' }]);
    expect(messages).toHaveLength(1);
  });

  test('by silence: PING after 10 s and 20 s, the end after 30', async () => {
    const { clock, ends, said, ready } = await called();
    await until(() => ready.length === 1);
    for (const pings of [1, 2]) {
      clock.advance(10_000);
      await until(() => said() === HELLO + 'PING\n'.repeat(pings));
    }
    clock.advance(10_000);
    await until(() => ends.length === 1);
    expect(ends).toEqual([{ how: 'silent' }]);
  });

  test('by its own BYE, once the server has answered it and closed', async () => {
    const { server, client, ends, said, ready } = await called();
    await until(() => ready.length === 1);
    const left = client.leave();
    await until(() => said() === `${HELLO}BYE\n`);
    await turns();
    expect(ends).toEqual([]);
    server.end('BYE\n');
    await left;
    expect(ends).toEqual([{ how: 'bye' }]);
    expect(said()).toBe(`${HELLO}BYE\n`);
  });

  test('immediately if the client leaves before READY: a server that never greets would not answer BYE', async () => {
    const { client, ends, said, gone } = await called('');
    await client.leave();
    expect(ends).toEqual([{ how: 'interrupted' }]);
    await until(() => gone());
    expect(said()).toBe(HELLO);
  });

  test('by its own BYE, without waiting for ever for the answer', async () => {
    const { client, clock, ends, ready } = await called();
    await until(() => ready.length === 1);
    const left = client.leave();
    await turns();
    clock.advance(LEAVE_MS);
    await left;
    expect(ends).toEqual([{ how: 'silent' }]);
  });
});
