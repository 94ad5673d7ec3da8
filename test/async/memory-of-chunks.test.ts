// A message is a view of the chunk that the socket delivered, and keeps the whole chunk in memory. So the chunk is what counts.

import { expect, test } from 'vitest';
import { Admission } from '../../src/async/admission.ts';
import { Delivery } from '../../src/async/delivery.ts';
import { MemoryLog } from '../../src/async/log/memory.ts';
import { Machine } from '../../src/async/machine.ts';
import { IN_HAND_LIMIT, Sends } from '../../src/async/sends.ts';
import { Session, type SessionConnection } from '../../src/exchange/session.ts';
import type { Connection } from '../../src/net/connection.ts';
import { netContext } from '../../src/net/context.ts';
import { readSend } from '../../src/wire/send.ts';
import type { Message } from '../../src/wire/verbs.ts';
import { FakeClock } from '../fake-clock.ts';
import { turns } from '../servers.ts';
import { send } from './house.ts';

const CHUNK = 64 * 1024;

/** Accepts SENDs without a socket, into a log in memory. */
async function takingSends() {
  const clock = new FakeClock();
  const nothing = (): void => {};
  const changed = (): void => sends.changed();
  const listener = { durable: changed, room: nothing, failed: nothing, torn: nothing, notice: nothing };
  const machine = new Machine('relay', clock, listener);
  await machine.open(MemoryLog.open);
  const log = machine.log as MemoryLog;
  log.automatic = false;
  const context = netContext(undefined, clock, false);
  const resumed = { times: 0 };
  const delivery = new Delivery(context, machine);
  const admission = new Admission(machine, () => Number.POSITIVE_INFINITY);
  const sends = new Sends(context, machine, admission, delivery, () => (resumed.times += 1));
  const hello = { verb: 'HELLO', as: 'alice' } as Message<'HELLO'>;
  const connection: Partial<SessionConnection> = { answerAll: nothing };
  const session = new Session(
    hello,
    { remoteAddress: '127.0.0.1' } as Connection,
    connection as SessionConnection,
  );
  return { sends, session, machine, log, resumed };
}

/** A message and its frame, at the beginning of a chunk in which other things come after it. */
function chunkWith(id: string, more = ''): Buffer {
  const chunk = Buffer.alloc(CHUNK);
  chunk.write(send(id, 'bob', 'x', more));
  return chunk;
}

const frameIn = (chunk: Buffer) => readSend(chunk, 0, CHUNK) ?? expect.unreachable('no SEND');

test('SENDs wait when the chunks of the messages take too much memory, however small the messages are', async () => {
  const { sends, session, log, resumed } = await takingSends();
  let taken = 0;
  for (; !sends.saturated && taken < 2 * (IN_HAND_LIMIT / CHUNK); taken++) {
    sends.send(session, frameIn(chunkWith(`${taken}`)));
    await turns(1);
  }
  expect(taken).toBe(IN_HAND_LIMIT / CHUNK + 1);
  log.sync();
  expect([sends.saturated, resumed.times]).toEqual([false, 1]);
});

test('a message that is kept in memory is a view if its chunk has little else, and otherwise a copy', async () => {
  const { sends, session, machine, log } = await takingSends();
  const small = frameIn(chunkWith('small', 'ttl=60'));
  const frame = Buffer.from(send('large', 'bob', 'x'.repeat(CHUNK), 'ttl=60'));
  const large = readSend(frame, 0, CHUNK) ?? expect.unreachable('no SEND');
  for (const each of [small, large]) {
    sends.send(session, each);
    sends.flush();
  }
  log.sync();
  const kept = [1, 2].map((seq) => {
    const place = machine.state.mailboxes.get('bob')?.held.get(seq) ?? expect.unreachable('not held');
    return machine.records.find(place)?.raw ?? expect.unreachable('not kept');
  });
  expect(kept.map((raw) => `${raw}`)).toEqual([`${small.raw}`, `${large.raw}`]);
  expect(kept[0]?.buffer.byteLength).toBe(small.raw.length);
  expect(kept[1]?.buffer).toBe(frame.buffer);
});
