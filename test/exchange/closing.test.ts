// How a connection ends, whichever side ends it: what was taken is answered first, and the last frame arrives. PROTOCOL.md, "Closing".

import { describe, expect, test } from 'vitest';
import { RawClient } from '../harness.ts';
import { anError, startBob, turns, until } from '../servers.ts';

describe('an ERROR', () => {
  test('can still be read by a client that had sent a lot that nobody read', async () => {
    const { greeted } = await startBob();
    const client = await greeted();
    client.type('RUBBISH\n');
    // Far more than the server reads at a time: if it closed now, the kernel would answer RST and destroy the ERROR.
    client.type(Buffer.alloc(8 * 1024 * 1024, 'x'));
    expect(await client.next()).toEqual(anError('unknown_verb'));
    await client.end();
    expect(client.finished).toBe(true);
  });

  test('comes after the answers to what was taken', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=1 size=1\na\nRUBBISH\nPING\n');
    const one = await bench.handling();
    await turns();
    expect(client.frames).toHaveLength(1);
    one.done('thanks');
    expect(await client.next()).toEqual(['RECEIVED id=1 size=6', 'thanks']);
    expect(await client.next()).toEqual(anError('unknown_verb'));
    await client.end();
  });

  test('from the client is not answered, but what was taken is', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=1 size=1\na\nERROR code=malformed size=3\nno.\n');
    (await bench.handling()).done();
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
    await expect(client.next()).rejects.toThrow('no further frame');
  });
});

describe('BYE', () => {
  test('is answered BYE once what was taken is answered; what comes after it is not read', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=1 size=1\na\nBYE\nSEND id=2 size=1\nb\nSEND id=3 size=9999999\n');
    const one = await bench.handling();
    await turns();
    expect(client.frames).toHaveLength(1);
    one.done();
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
    expect(await client.next()).toEqual(['BYE', undefined]);
    await client.end();
    expect(client.finished).toBe(true);
  });

  test('is said by a stopped server after the last answer', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=1 size=1\na\n');
    const one = await bench.handling();
    const closed = bench.receiver.close();
    one.done();
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
    expect(await client.next()).toEqual(['BYE', undefined]);
    client.type('BYE\n');
    client.socket.end();
    await closed;
    await expect(RawClient.connect(bench.port)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('a FIN', () => {
  test('is not a BYE: everything before it is answered, even what was not read yet', async () => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type('SEND id=1 size=1\na\nSEND id=2 size=1\nb\nSEND id=3 size=1\nc\nPING\n');
    client.socket.end();
    const first = await bench.handling();
    // The FIN is here while the second waits for its turn and the third has not been read.
    await until(() => bench.events.some(({ event }) => event === 'fin'));
    first.done();
    (await bench.handling()).done();
    (await bench.handling()).done();
    await client.end();
    const lines = client.frames.slice(1).map(({ verb, fields }) => `${verb} ${fields.get('id') ?? ''}`);
    // PING is answered when it is read, which is as soon as the third is being handled.
    expect(lines.sort()).toEqual(['PONG ', 'RECEIVED 1', 'RECEIVED 2', 'RECEIVED 3']);
    expect(client.finished).toBe(true);
  });

  test.each([
    ['BYE\n', ['BYE', undefined]],
    ['RUBBISH\n', anError('unknown_verb')],
  ])('after %j does not prevent the last answer', async (bytes, lastWord) => {
    const bench = await startBob(true);
    const client = await bench.greeted();
    client.type(`SEND id=1 size=1\na\n${bytes}`);
    client.socket.end();
    const one = await bench.handling();
    await until(() => bench.events.some(({ event }) => event === 'fin'));
    one.done();
    expect(await client.next()).toEqual(['RECEIVED id=1', undefined]);
    expect(await client.next()).toEqual(lastWord);
    await client.end();
  });

  test('in the middle of a frame: that frame has no effect', async () => {
    const bench = await startBob();
    const client = await bench.greeted();
    client.type('SEND id=1 size=5\nhel');
    client.socket.end();
    await client.end();
    expect(client.frames).toHaveLength(1);
  });
});
