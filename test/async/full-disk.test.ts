// A relay whose disk is full, by its own mail or by another program, goes on: everything that is held can be collected, and then there is
// room again, also after each restart. At full size and on real disks: scripts/torture/full-disk.ts.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Machine } from '../../src/async/machine.ts';
import { Retention } from '../../src/async/retention.ts';
import { systemFiles } from '../../src/core/files.ts';
import { FakeClock } from '../fake-clock.ts';
import { tempDir } from '../harness.ts';
import { turns } from '../servers.ts';
import { field, heard, Life, type LifeOptions, send } from './house.ts';
import { emptyDisk, opening } from './log/torture.ts';

const DIR = '/journal';
const MB = 1024 * 1024;
const BODY = 'x'.repeat(700_000);
const SMALLER = 'x'.repeat(60_000);

/** A disk of a given size, part of which other programs may take. */
class SmallDisk {
  others = 0;
  readonly options: LifeOptions = {
    files: {
      ...systemFiles,
      free: async (dir) => {
        const own = readdirSync(dir).reduce((sum, name) => sum + sizeOf(join(dir, name)), 0);
        return Math.max(0, this.bytes - this.others - own);
      },
    },
  };

  constructor(readonly bytes: number) {}
}

// The file may be gone by now.
const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const nothing = (): void => {};

let ids = 0;

async function store(life: Life, to = 'bob', from?: string, body = BODY): Promise<string> {
  const alice = await life.client('alice', '', from);
  alice.type(send(`${++ids}`, to, body));
  const answer = await life.meanwhile(heard(alice, 'code'));
  alice.socket.destroy();
  return answer.split(':')[0] ?? '';
}

/** Sends until the disk is full. @returns how many messages were stored */
async function fill(life: Life): Promise<number> {
  for (let count = 0; ; count++) {
    const answer = await store(life);
    if (answer === 'REFUSED code=disk_full') return count;
    expect(answer).toBe('STORED');
  }
}

/** bob collects everything that is held. @returns how many messages that were */
async function collect(life: Life): Promise<number> {
  const bob = await life.client('bob');
  bob.type('RECEIVE window=1 drain=yes\n');
  for (let count = 0; ; count++) {
    const [line] = await bob.next();
    if (line === 'EMPTY') {
      bob.socket.destroy();
      return count;
    }
    bob.type(`ACK seq=${field(line, 'seq')}\n`);
  }
}

/** Stops or kills it, and starts the next relay. */
async function another(life: Life, end: 'stop' | 'kill', options: LifeOptions): Promise<Life> {
  const next = end === 'kill' ? await life.crashed(0, options) : undefined;
  await life.meanwhile(life.stop());
  return next ?? (await life.again(0, options));
}

/** Waits until there is room again by itself, while nothing is held. What is sent then is collected. */
async function roomAgain(life: Life): Promise<void> {
  for (let tries = 0; (await store(life)) !== 'STORED'; tries++) {
    expect(tries).toBeLessThan(300);
    await life.pass(100);
  }
  expect(await collect(life)).toBe(1);
}

test.each<[string, LifeOptions]>([
  ['a disk', new SmallDisk(9 * MB).options],
  ['the space for the journal', { maxBytes: 9 * MB }],
])(
  '%s is full and everything is collected: there is room again, now and after every restart',
  async (_, options) => {
    let life = await Life.start(join(tempDir(), 'journal'), options);
    const first = await fill(life);
    expect(first).toBeGreaterThan(1);
    expect(await collect(life)).toBe(first);
    await roomAgain(life);
    for (const end of ['stop', 'kill'] as const) {
      life = await another(life, end, options);
      await roomAgain(life);
      // The disk is full when the relay ends.
      const count = await fill(life);
      life = await another(life, end, options);
      expect(await collect(life)).toBe(count);
      await roomAgain(life);
    }
    await life.meanwhile(life.stop());
  },
);

test.each([false, true])(
  'another program fills the disk and frees it; before the start: %s',
  async (before) => {
    const disk = new SmallDisk(12 * MB);
    let life = await Life.start(join(tempDir(), 'journal'), disk.options);
    for (let count = 0; count < 4; count++) expect(await store(life)).toBe('STORED');
    disk.others = disk.bytes;
    if (before) life = await another(life, 'stop', disk.options);
    const more = await fill(life);
    expect(await collect(life)).toBe(4 + more);
    disk.others = 0;
    await roomAgain(life);
    expect(await fill(life)).toBeGreaterThan(0);
    await life.meanwhile(life.stop());
  },
);

test.skipIf(process.platform !== 'linux')(
  'one address that fills the disk leaves room for others, even if every segment has mail',
  { tags: ['slow'] },
  async () => {
    const life = await Life.start(join(tempDir(), 'journal'), new SmallDisk(16 * MB).options);
    // carol never collects. Two of three messages are for her.
    for (let round = 0; round < 6; round++) {
      if (round > 0) await collect(life);
      for (let count = 0, answer = ''; answer !== 'REFUSED code=disk_full'; count++)
        answer = await store(life, count % 3 === 0 ? 'bob' : 'carol', '127.0.0.1', SMALLER);
    }
    for (const [from, to] of [
      ['127.0.0.2', 'dave'],
      ['127.0.0.3', 'erin'],
    ] as const)
      await expect.poll(() => store(life, to, from)).toBe('STORED');
    await life.meanwhile(life.stop());
  },
);

test('while the disk is full, the checkpoint after the last entry gets a second one: what only the older ones need can go', async () => {
  const files = emptyDisk();
  const quiet = { durable: nothing, room: nothing, failed: nothing, torn: nothing, notice: nothing };
  const machine = new Machine('relay', new FakeClock(), quiet);
  await machine.open(opening(files, false));
  machine.append({ verb: 'EPOCH', ...machine.times() });
  const retention = new Retention(machine, nothing);
  const checkpoints = (): string[] => files.names(DIR).filter((name) => name.endsWith('.checkpoint'));
  // As at a start. Nothing is appended after it, because everything is refused.
  await retention.checkpoint();
  const [first] = checkpoints();
  await retention.measure(true);
  await expect.poll(() => checkpoints().length === 2 && !checkpoints().includes(first ?? '')).toBe(true);
  const both = checkpoints();
  await retention.measure(true);
  await turns(20);
  expect(checkpoints()).toEqual(both);
  retention.stop();
  await machine.log.close();
});
