import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Disk, systemDisk } from '../../../src/async/store/disk.ts';
import { durably, held, opened, scratch, send } from './bench.ts';

type What = 'commit' | 'header' | 'zeros';

function whatIs(bytes: Buffer): What {
  if (bytes[0] === 0) return 'zeros';
  return bytes.toString('latin1', 0, 6) === 'COMMIT' ? 'commit' : 'header';
}

/** A disk that does as the computer's own until a test says otherwise. */
class Trouble implements Disk {
  /** Writes so many bytes at a time at the most. */
  atMost = Number.POSITIVE_INFINITY;
  failWrite: ((what: What) => Error | undefined) | undefined;
  failSync: ((what: What) => Error | undefined) | undefined;
  /** Syncs of commits that wait to be let through. */
  held: (() => void)[] | undefined;
  /** Writes and syncs of commits. */
  writes = 0;
  syncs = 0;
  readonly #last = new Map<number, What>();

  write: Disk['write'] = (fd, bytes, from, position, done) => {
    const what = whatIs(bytes);
    this.#last.set(fd, what);
    if (what === 'commit') this.writes += 1;
    const error = this.failWrite?.(what);
    if (error !== undefined) setImmediate(() => done(error, 0));
    else
      systemDisk.write(
        fd,
        bytes.subarray(0, Math.min(bytes.length, from + this.atMost)),
        from,
        position,
        done,
      );
  };

  sync: Disk['sync'] = (fd, done) => {
    const what = this.#last.get(fd) ?? 'zeros';
    if (what === 'commit') this.syncs += 1;
    const error = this.failSync?.(what);
    const go = (): void => {
      if (error !== undefined) setImmediate(() => done(error));
      else systemDisk.sync(fd, done);
    };
    if (this.held !== undefined && what === 'commit') this.held.push(go);
    else go();
  };
}

const errno = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });

// Until what was set going has gone through the event loop often enough for anything that could still happen to have happened.
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a disk that takes seven bytes at a time takes everything all the same', async () => {
  const dir = scratch();
  const disk = new Trouble();
  const { journal } = await opened(dir, { disk, segmentBytes: 1024 });
  disk.atMost = 7;
  await durably(journal, [send('bob', 1, 'a text of some length')]);
  await journal.close();
  const again = await opened(dir);
  const [message] = again.recovered.mailboxes.get('bob')?.messages ?? [];
  expect(message && (await again.journal.read(message.ref)).toString()).toBe('a text of some length');
});

test('nothing is acknowledged before the sync has returned, and the next commit is not written before', async () => {
  const disk = new Trouble();
  const { journal } = await opened(scratch(), { disk, segmentBytes: 64 * 1024 });
  disk.held = [];
  const told: number[] = [];
  disk.writes = 0;
  journal.append([send('bob', 1, 'one')], () => told.push(1));
  while (disk.held.length === 0) await turns();
  journal.append([send('bob', 2, 'two')], () => told.push(2));
  await turns();
  expect({ told, writes: disk.writes }).toEqual({ told: [], writes: 1 });
  disk.held.shift()?.();
  while (disk.held.length === 0) await turns();
  expect({ told, writes: disk.writes }).toEqual({ told: [1], writes: 2 });
  const [last] = disk.held;
  disk.held = undefined;
  last?.();
  await journal.close();
  expect(told).toEqual([1, 2]);
});

test.each(['write', 'sync'] as const)(
  'a %s that fails is not tried again: no one is told, and it is said once',
  async (which) => {
    const dir = scratch();
    const disk = new Trouble();
    const { journal, failures } = await opened(dir, { disk, segmentBytes: 64 * 1024 });
    await durably(journal, [send('bob', 1, 'one')]);
    await turns();
    let once = true;
    // Of a commit: that of a spare which is being prepared may come after this commit was durable.
    const fail = (what: What): Error | undefined => {
      if (what !== 'commit') return undefined;
      const error = once ? errno('EIO') : undefined;
      once = false;
      return error;
    };
    if (which === 'write') disk.failWrite = fail;
    else disk.failSync = fail;
    const told: number[] = [];
    journal.append([send('bob', 2, 'two')], () => told.push(2));
    while (failures.length === 0) await turns();
    const { writes, syncs } = disk;
    journal.append([send('bob', 3, 'three')], () => told.push(3));
    await turns();
    await journal.close();
    expect(told).toEqual([]);
    expect(failures).toMatchObject([{ code: 'EIO' }]);
    expect(disk).toMatchObject({ writes, syncs });
    // What was acknowledged is there; what was not may be.
    expect(held((await opened(dir)).recovered)).toContain('bob/1');
  },
);

const COMMITS = { 'in the same file': 10, 'that needs a new file': 3000 } as const;
const DELETIONS: Readonly<Record<string, (dir: string) => void>> = {
  'the folder is deleted': (dir) => rmSync(dir, { recursive: true, maxRetries: 20 }),
  'its files are deleted': (dir) => {
    for (const name of readdirSync(dir)) rmSync(`${dir}/${name}`);
  },
  'an empty folder stands in its place': (dir) => {
    rmSync(dir, { recursive: true, maxRetries: 20 });
    mkdirSync(dir);
  },
  'a copy stands in its place': (dir) => {
    cpSync(dir, `${dir}.copy`, { recursive: true });
    rmSync(dir, { recursive: true, maxRetries: 20 });
    renameSync(`${dir}.copy`, dir);
  },
};
describe.skipIf(process.platform === 'win32').each(Object.entries(DELETIONS))(
  '%s under a running journal',
  (_, strike) => {
    test.each(Object.entries(COMMITS))(
      'nobody is told of a commit %s, and it is said once',
      async (_, size) => {
        const dir = `${scratch()}/journal`;
        const { journal, failures } = await opened(dir, { segmentBytes: 4096 });
        await durably(journal, [send('bob', 1, 'one')]);
        strike(dir);
        const told: number[] = [];
        journal.append([send('bob', 2, 'x'.repeat(size))], () => told.push(2));
        while (failures.length === 0) await turns();
        journal.append([send('bob', 3, 'three')], () => told.push(3));
        await turns();
        await journal.close();
        expect(told).toEqual([]);
        expect(failures).toMatchObject([{ code: 'deleted' }]);
      },
    );

    test('it is said at the latest when it is closed', async () => {
      const dir = `${scratch()}/journal`;
      const { journal, failures, clock } = await opened(dir);
      await durably(journal, [send('bob', 1, 'one')]);
      clock.advance(1000);
      await turns();
      expect(failures).toEqual([]);
      strike(dir);
      await journal.close();
      expect(failures).toMatchObject([{ code: 'deleted' }]);
    });
  },
);

describe
  .skipIf(process.platform === 'win32')
  .each(['nothing', 'an empty folder', 'another journal'] as const)(
  'the folder is moved away under a running journal, and there is %s in its place',
  (what) => {
    test('what needs no new file is kept where it went; a new one is not begun, and it is said once', async () => {
      const dir = `${scratch()}/journal`;
      const { journal, failures } = await opened(dir, { segmentBytes: 4096 });
      await durably(journal, [send('bob', 1, 'one')]);
      while (readdirSync(dir).filter((name) => name.endsWith('.spare')).length < 2) await turns();
      renameSync(dir, `${dir}.moved`);
      if (what !== 'nothing') mkdirSync(dir);
      if (what === 'another journal') await (await opened(dir, { segmentBytes: 4096 })).journal.close();
      const segments = (): string[] =>
        what === 'nothing' ? [] : readdirSync(dir).filter((name) => name.endsWith('.segment'));
      const before = segments();
      await durably(journal, [send('bob', 2, 'two')]);
      const told: number[] = [];
      journal.append([send('bob', 3, 'x'.repeat(4000))], () => told.push(3));
      while (failures.length === 0) await turns();
      journal.append([send('bob', 4, 'four')], () => told.push(4));
      await turns();
      await journal.close();
      expect(told).toEqual([]);
      expect(failures).toMatchObject([{ code: 'deleted' }]);
      expect(segments()).toEqual(before);
      expect(held((await opened(`${dir}.moved`)).recovered)).toEqual(['bob/1', 'bob/2']);
    });
  },
);

test('a disk that fails while a life begins is said, and the directory is let go of', async () => {
  const dir = scratch();
  const disk = new Trouble();
  const { journal } = await opened(dir, { disk });
  await durably(journal, [send('bob', 1, 'one')]);
  await journal.close();
  let locked = 0;
  const lock = async (): Promise<() => Promise<void>> => {
    locked += 1;
    return async () => {
      locked -= 1;
    };
  };
  for (const file of readdirSync(dir)) if (file.endsWith('.spare')) rmSync(`${dir}/${file}`);
  for (const step of ['zeros', 'header', 'commit']) {
    disk.failSync = (what) => (what === step ? errno('EIO') : undefined);
    await expect(opened(dir, { disk, lock }), step).rejects.toMatchObject({ code: 'EIO' });
    expect(locked).toBe(0);
  }
  disk.failSync = undefined;
  expect(held((await opened(dir, { disk, lock })).recovered)).toEqual(['bob/1']);
});

test('a full disk is no failure: messages are refused, what is appended nevertheless waits, and it goes on by itself', async () => {
  const dir = scratch();
  const disk = new Trouble();
  const { journal, failures, events, clock } = await opened(dir, { disk, segmentBytes: 4096 });
  await durably(journal, [send('bob', 1, 'one')]);
  while (!journal.hasRoom(500)) await turns();
  await turns();
  // Files that are prepared from now on find no room; those that are there can be written.
  disk.failWrite = (what) => (what === 'zeros' ? errno('ENOSPC') : undefined);
  let seq = 1;
  while (journal.hasRoom(500)) await durably(journal, [send('bob', ++seq, 'x'.repeat(500))]);
  expect(events.filter(({ event }) => event === 'disk_full')).toHaveLength(1);
  // Acknowledgements still fit, many of them.
  for (let n = 1; n < 20; n++) await durably(journal, [{ kind: 'open', to: 'bob' }]);
  expect(failures).toEqual([]);
  disk.failWrite = undefined;
  clock.advance(1000);
  while (!journal.hasRoom(500)) await turns();
  expect(events.filter(({ event }) => event === 'disk_room')).toHaveLength(1);
  await journal.close();
  expect(held((await opened(dir)).recovered)).toHaveLength(seq);
});

test('on a full disk a stop does not wait for room', async () => {
  const dir = scratch();
  const disk = new Trouble();
  const { journal, failures } = await opened(dir, { disk, segmentBytes: 4096 });
  await turns();
  disk.failWrite = (what) => (what === 'zeros' ? errno('ENOSPC') : undefined);
  const told: number[] = [];
  for (let seq = 1; seq <= 40; seq++)
    journal.append([send('bob', seq, 'x'.repeat(500))], () => told.push(seq));
  await turns();
  await journal.close();
  disk.failWrite = undefined;
  expect(failures).toEqual([]);
  expect(told.length).toBeLessThan(40);
  expect(held((await opened(dir)).recovered)).toEqual(told.map((seq) => `bob/${seq}`));
});

test('a directory with something else in it is refused, one with a hidden file is not', async () => {
  const dir = scratch();
  writeFileSync(`${dir}/.gitkeep`, '');
  await (await opened(dir)).journal.close();
  const home = scratch();
  writeFileSync(`${home}/letter.txt`, '');
  await expect(opened(home)).rejects.toMatchObject({ code: 'not_a_journal' });
  expect(readdirSync(home)).toEqual(['letter.txt']);
});

test.skipIf(process.platform === 'win32')(
  'a pipe or a folder by the name of a file is refused, not waited for',
  async () => {
    const [pipe, folder] = [scratch(), scratch()];
    execFileSync('mkfifo', [`${pipe}/00000001.segment`]);
    mkdirSync(`${folder}/0123456789abcdef.spare`);
    for (const dir of [pipe, folder])
      await expect(opened(dir)).rejects.toMatchObject({
        code: 'not_a_journal',
        message: expect.stringContaining('is none'),
      });
  },
);

test('a disk that fails while files are prepared is a failure, too: what is being written then is not acknowledged', async () => {
  const disk = new Trouble();
  let failZeros = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    failZeros = resolve;
  });
  // The preparing of spares stands still until the commit is being synced.
  const write = disk.write;
  disk.write = (fd, bytes, from, position, done) => {
    if (whatIs(bytes) === 'zeros' && opening === false) void waiting.then(() => done(errno('EIO'), 0));
    else write(fd, bytes, from, position, done);
  };
  let opening = true;
  const { journal, failures } = await opened(scratch(), { disk, segmentBytes: 4096 });
  opening = false;
  disk.held = [];
  const told: number[] = [];
  journal.append([send('bob', 1, 'one')], () => told.push(1));
  while (disk.held.length === 0) await turns();
  failZeros();
  while (failures.length === 0) await turns();
  // To close waits for what is in the air, and does not pull the file away under it.
  const closed = journal.close();
  await turns();
  for (const sync of disk.held) sync();
  await closed;
  expect(told).toEqual([]);
  expect(failures).toMatchObject([{ code: 'EIO' }]);
});
