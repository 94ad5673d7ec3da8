// What every server answers, whatever its mode: typed as bytes over real sockets. Mostly with the receiver, which adds the least.

import { describe, expect, test } from 'vitest';
import { RawClient } from '../harness.ts';
import { anError, aRefusal, nothingCame, startBob, startTheRelay } from '../servers.ts';

describe('READY', () => {
  test('comes first, from the receiver', async () => {
    const { port } = await startBob();
    const client = await RawClient.connect(port);
    expect(await client.next()).toEqual([
      'READY version=1 role=receiver as=bob max=1048576 window=1',
      undefined,
    ]);
  });

  test('comes first, from the relay', async () => {
    const { port } = await startTheRelay();
    const client = await RawClient.connect(port);
    expect(await client.next()).toEqual([
      expect.stringMatching(
        /^READY version=1 role=relay as=relay max=1048576 window=256 store=[A-Za-z0-9._:-]{1,64}$/,
      ),
      undefined,
    ]);
  });
});

describe('HELLO', () => {
  test('is not answered, but what needs it is served', async () => {
    const { greeted } = await startBob();
    await nothingCame(await greeted());
  });

  test.each([
    ['HELLO version=1 as=alice', 'wrong_verb', 'HELLO version=1 as=alice'],
    ['HELLO version=2 as=alice', 'version', ''],
    ['HELLO version=2 as=Ann! strange=yes', 'version', ''],
    ['HELLO version=0 as=alice', 'bad_value', ''],
    ['HELLO version=01 as=alice', 'bad_value', ''],
    ['HELLO as=alice', 'bad_value', ''],
    ['HELLO version=1', 'bad_value', ''],
    ['HELLO version=1 as=Alice', 'bad_value', ''],
    ['HELLO version=1 as=127.0.0.1', 'bad_value', ''],
    [`HELLO version=1 as=${'a'.repeat(33)}`, 'bad_value', ''],
    ['HELLO version=1 as=alice heartbeat=0', 'bad_value', ''],
    ['HELLO version=1 as=alice heartbeat=3601', 'bad_value', ''],
    ['HELLO version=1 as=alice try=0', 'bad_value', ''],
    ['HELLO version=1 as=alice session=a/b', 'bad_value', ''],
  ])('%s is answered ERROR code=%s', async (line, code, before) => {
    const { port } = await startBob();
    const client = await RawClient.connect(port);
    await client.next();
    if (before !== '') client.type(`${before}\n`);
    client.type(`${line}\n`);
    expect(await client.next()).toEqual(anError(code));
    await client.end();
  });

  test('accepts unknown keys, and names of 1 and 32 characters', async () => {
    const { greeted } = await startBob();
    await nothingCame(await greeted('HELLO version=1 as=a colour=blue'));
    await nothingCame(await greeted(`HELLO version=1 as=${'a'.repeat(32)}`));
  });

  test('may not use the name of the relay', async () => {
    const { greeted } = await startTheRelay();
    const client = await greeted('HELLO version=1 as=relay');
    expect(await client.next()).toEqual(anError('wrong_name'));
    await client.end();
  });
});

describe('of one session', () => {
  test('a higher try closes the older connection, and what is unread from it is dropped', async () => {
    const bench = await startBob(true);
    const old = await bench.greeted('HELLO version=1 as=alice session=s try=1');
    old.type('SEND id=1 size=1\na\nSEND id=2 size=1\nb\n');
    const first = await bench.handling();
    const young = await bench.greeted('HELLO version=1 as=alice session=s try=2');
    await old.end();
    first.done();
    young.type('SEND id=3 size=1\nc\n');
    const next = await bench.handling();
    expect(next.id).toBe('3');
    next.done();
    expect(await young.next()).toEqual(['RECEIVED id=3', undefined]);
    await nothingCame(young);
  });

  test.each(['1', '2'])('a connection with try=%s after one with try=2 is stale', async (number) => {
    const { greeted } = await startBob();
    const newest = await greeted('HELLO version=1 as=alice session=s try=2');
    await nothingCame(newest);
    const ghost = await greeted(`HELLO version=1 as=alice session=s try=${number}`);
    expect(await ghost.next()).toEqual(anError('stale'));
    await ghost.end();
    await nothingCame(newest);
  });

  test('a try is remembered after its connection is gone', async () => {
    const { greeted } = await startBob();
    const first = await greeted('HELLO version=1 as=alice session=s try=5');
    first.type('BYE\n');
    expect(await first.next()).toEqual(['BYE', undefined]);
    first.socket.end();
    const ghost = await greeted('HELLO version=1 as=alice session=s try=4');
    expect(await ghost.next()).toEqual(anError('stale'));
  });

  test('other names, other sessions and connections without a session are not affected', async () => {
    const { greeted } = await startBob();
    const all = [
      await greeted('HELLO version=1 as=alice session=s try=2'),
      await greeted('HELLO version=1 as=carol session=s try=1'),
      await greeted('HELLO version=1 as=alice session=t try=1'),
      await greeted('HELLO version=1 as=alice try=1'),
      await greeted('HELLO version=1 as=alice try=1'),
    ];
    for (const client of all) await nothingCame(client);
  });
});

describe('before HELLO', () => {
  test.each(['SEND id=1 size=1\na\n', 'RECEIVE window=1\n', 'ACK seq=1\n', 'STORED id=1 seq=1 present=no\n'])(
    '%j is answered ERROR code=no_hello',
    async (bytes) => {
      const { port } = await startBob();
      const client = await RawClient.connect(port);
      await client.next();
      client.type(bytes);
      expect(await client.next()).toEqual(anError('no_hello'));
      await client.end();
    },
  );

  test('so is a SEND that is too large; a PING with such a body is too_large', async () => {
    const { port } = await startBob();
    const send = await RawClient.connect(port);
    await send.next();
    send.type('SEND id=1 size=1048577\n');
    expect(await send.next()).toEqual(anError('no_hello'));
    const ping = await RawClient.connect(port);
    await ping.next();
    ping.type('PING size=1048577\n');
    expect(await ping.next()).toEqual(anError('too_large'));
  });

  test('PING, PONG and BYE are served', async () => {
    const { port } = await startBob();
    const client = await RawClient.connect(port);
    await client.next();
    client.type('PONG\nPING\nPING size=2\nhi\nBYE\n');
    expect(await client.next()).toEqual(['PONG', undefined]);
    expect(await client.next()).toEqual(['PONG', undefined]);
    expect(await client.next()).toEqual(['BYE', undefined]);
    await client.end();
  });

  test('FIN is answered with FIN', async () => {
    const { port } = await startBob();
    const client = await RawClient.connect(port);
    await client.next();
    client.socket.end();
    await client.end();
    expect(client.frames).toHaveLength(1);
  });
});

describe('what is not a frame, or not one that a server accepts', () => {
  test.each([
    ['hello bob\n', 'malformed'],
    ['\n', 'malformed'],
    ['\r\n', 'malformed'],
    ['ping\n', 'malformed'],
    ['PING \n', 'malformed'],
    [' PING\n', 'malformed'],
    ['PING\t\n', 'malformed'],
    ['ACK seq=1  to=bob\n', 'malformed'],
    ['ACK seq=1\tto=bob\n', 'malformed'],
    ['ACK seq=\n', 'malformed'],
    ['ACK =1\n', 'malformed'],
    ['ACK seq\n', 'malformed'],
    ['ACK SEQ=1\n', 'malformed'],
    ['ACK seq=1 seq=1\n', 'malformed'],
    ['ACK seq=\xe4\n', 'malformed'],
    ['SEND id=1 size=05\nhello\n', 'malformed'],
    ['SEND id=1 size=+5\nhello\n', 'malformed'],
    ['SEND id=1 size=4\nhello\n', 'malformed'],
    ['SEND id=1 size=5\nhello\r\r\n', 'malformed'],
    [`PING x=${'y'.repeat(1024)}\n`, 'malformed'],
    ['SEND id=1 size=16777217\n', 'too_large'],
    ['PINGPONG\n', 'unknown_verb'],
    ['GET x=1\n', 'unknown_verb'],
    ['constructor\n', 'malformed'],
    ['SEND id=a/b size=1\na\n', 'bad_value'],
    ['SEND size=1\na\n', 'bad_value'],
    ['RECEIVE\n', 'bad_value'],
    ['RECEIVE window=0\n', 'bad_value'],
    ['RECEIVE window=1 drain=no\n', 'bad_value'],
    ['ACK seq=0\n', 'bad_value'],
    ['ACK seq=1234567890123456\n', 'bad_value'],
    ['STATUS after=B\n', 'bad_value'],
    ['READY version=1 role=relay as=x max=1 window=1\n', 'wrong_verb'],
    ['RECEIVED id=1\n', 'wrong_verb'],
    ['STORED id=1 seq=1 present=no\n', 'wrong_verb'],
    ['REFUSED id=1 code=busy size=0\n\n', 'wrong_verb'],
    ['MESSAGE seq=1 id=1 from=a at=1 held=1 attempt=1 size=0\n\n', 'wrong_verb'],
    ['EMPTY\n', 'wrong_verb'],
    ['MAILBOX name=a held=1 bytes=1 oldest=1 connected=no\n', 'wrong_verb'],
    ['END\n', 'wrong_verb'],
  ])('%j is answered ERROR code=%s, and the connection is closed', async (bytes, code) => {
    const { greeted } = await startTheRelay();
    const client = await greeted('HELLO version=1 as=alice');
    client.type(bytes);
    expect(await client.next()).toEqual(anError(code));
    await client.end();
    expect(client.finished).toBe(true);
  });

  test('the receiver does not serve RECEIVE, ACK, STATUS or LIST', async () => {
    const { greeted } = await startBob();
    for (const line of ['RECEIVE window=1', 'ACK seq=1', 'STATUS', 'LIST name=bob']) {
      const client = await greeted();
      client.type(`${line}\n`);
      expect(await client.next()).toEqual(anError('wrong_verb'));
    }
  });

  test('lines may end in \\r\\n, and unknown keys are ignored', async () => {
    const { greeted } = await startBob();
    const client = await greeted('HELLO version=1 as=alice\r');
    client.type('PING colour=blue\r\nSEND id=1 mood=good size=5\r\nhello\r\n');
    expect(await client.next()).toEqual(['PONG', undefined]);
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
  });
});

describe('a body', () => {
  test('may be empty, and may have max bytes', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=0 size=0\n\n');
    const empty = await bench.handling();
    expect(empty.body).toHaveLength(0);
    empty.done();
    expect(await client.next()).toEqual(['RECEIVED id=0', undefined]);
    client.type(`SEND id=1 size=1048576\n${'m'.repeat(1048576)}\n`);
    const full = await bench.handling();
    expect(full.body).toHaveLength(1048576);
    full.done('');
    expect(await client.next()).toEqual(['RECEIVED id=1 size=0', '']);
  });

  test('above max is refused by its header alone and discarded, and the connection goes on', async () => {
    const { greeted } = await startBob();
    const client = await greeted();
    client.type('SEND id=big size=1048577\n');
    expect(await client.next()).toEqual(aRefusal('big', 'too_large'));
    client.type(`${'B'.repeat(1048577)}\nSEND id=small size=1\ns\n`);
    expect(await client.next()).toEqual(['RECEIVED id=small', undefined]);
  });

  test('of 16 times max is still discarded', async () => {
    const { greeted } = await startBob();
    const client = await greeted();
    client.type('SEND id=big size=16777216\n');
    expect(await client.next()).toEqual(aRefusal('big', 'too_large'));
    client.type(Buffer.alloc(16777216, 'B'));
    client.type('\n');
    await nothingCame(client);
  });
});
