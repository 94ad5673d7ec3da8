// A relay with mail for many names, whose journal is then damaged. Shared by the tests of damage; no test is in here.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { openDiskLog } from '../../src/async/log/disk.ts';
import { type Relay, startRelay } from '../../src/async/relay.ts';
import type { Loss } from '../../src/async/salvage.ts';
import { readJournal } from '../../src/cli/journal-reader.ts';
import { netContext } from '../../src/net/context.ts';
import { framesIn } from '../../src/wire/frame.ts';
import { FakeClock } from '../fake-clock.ts';
import { RawClient, tempDir } from '../harness.ts';
import { field, send } from './house.ts';

/** The names that have mail. */
export const NAMES = Array.from({ length: 20 }, (_, index) => `name${index}`);
/** The number of messages for each name. */
export const ROUNDS = 40;
const SMALL = { smallest: 64 * 1024, largest: 64 * 1024 };

/**
 * Starts a relay on a journal with small segments.
 * @param losses if given, the relay salvages, and what it finds is put there
 * @param maxBytes the most that the journal may take. With little, the relay makes a checkpoint when it starts
 */
export async function start(dir: string, losses?: Loss[], maxBytes?: number): Promise<Relay> {
  const context = netContext(() => {}, new FakeClock(), false);
  const relay = await startRelay({
    host: '127.0.0.1',
    port: 0,
    context,
    log: (owner) => openDiskLog({ dir, ...SMALL, maxBytes, salvage: losses !== undefined }, owner),
    ...(losses && { salvage: (loss: Loss) => losses.push(loss) }),
    onFailure: (error) => {
      throw error;
    },
  });
  onTestFinished(() => relay.close().catch(() => undefined));
  return relay;
}

/** Connects as `name`. */
export async function client(relay: Relay, name: string): Promise<RawClient> {
  const made = await RawClient.connect(relay.address.port);
  await made.next();
  made.type(`HELLO version=1 as=${name}\n`);
  return made;
}

/** A journal with 40 messages for each of 20 names, in runs of two. */
export async function filled(): Promise<string> {
  const dir = join(tempDir(), 'journal');
  const relay = await start(dir);
  const alice = await client(relay, 'alice');
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, to] of NAMES.entries()) {
      const other = NAMES[(index + 1) % NAMES.length] ?? '';
      if (index % 2 === 1) continue;
      const text = (name: string): string => `${name} ${round} `.padEnd(400, '.');
      alice.type(send(`${to}-${round}`, to, text(to)) + send(`${other}-${round}`, other, text(other)));
      await alice.next();
      await alice.next();
    }
  // The relay's clock stands still, so it would wait for its FIN for ever.
  alice.socket.destroy();
  await relay.close();
  return dir;
}

/** Flips a bit in a body of one SEND run in each of three segments. @returns the ids of the messages in these runs */
export async function damage(dir: string): Promise<string[]> {
  const runs = new Map<string, Buffer[]>();
  for await (const item of readJournal(dir))
    if (item.kind === 'commit')
      for (const { bytes } of item.entries)
        if (bytes.toString('latin1', 0, 5) === 'SEND ')
          runs.set(item.file, [...(runs.get(item.file) ?? []), Buffer.from(bytes)]);
  const ids: string[] = [];
  expect(runs.size).toBeGreaterThan(3);
  for (const [file, entries] of [...runs].slice(0, 3)) {
    const run = entries[Math.floor(entries.length / 2)] as Buffer;
    const bytes = readFileSync(file);
    const at = bytes.indexOf(run) + run.indexOf('....');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const [outer] = framesIn(run) ?? [];
    ids.push(...(framesIn(outer?.body ?? run) ?? []).map(({ fields }) => fields.get('id') ?? ''));
  }
  return ids;
}

/** Collects everything that is held for a name. @returns the ids of messages, and the texts of the relay's notices */
export async function collected(relay: Relay, name: string): Promise<{ ids: string[]; told: string[] }> {
  const recipient = await client(relay, name);
  recipient.type('RECEIVE window=100 drain=yes\n');
  const [ids, told]: [string[], string[]] = [[], []];
  let last = 0;
  for (;;) {
    const [line, body = ''] = await recipient.next();
    if (line === 'EMPTY') {
      recipient.socket.destroy();
      return { ids, told };
    }
    if (field(line, 'from') === 'relay') told.push(body);
    else ids.push(field(line, 'id') ?? '');
    expect(Number(field(line, 'seq'))).toBeGreaterThan(last);
    last = Number(field(line, 'seq'));
    recipient.type(`ACK seq=${last}\n`);
  }
}
