import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Actor } from '../../src/lab/stage/actor.ts';
import { claimantOf, holdLock, networkFileSystem } from '../../src/net/lock.ts';
import { RawClient, start } from '../harness.ts';

function scratch(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'detour-lock-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('only one holds the lock at a time, and the next one after it is released', async () => {
  const dir = scratch();
  const release = await holdLock(dir);
  await expect(holdLock(dir)).rejects.toMatchObject({ code: 'locked' });
  await release();
  await (await holdLock(dir))();
  expect(readdirSync(dir)).toEqual([]);
});

test('a directory with a long path has a lock, too', async () => {
  const dir = path.join(scratch(), 'x'.repeat(100));
  mkdirSync(dir);
  const release = await holdLock(dir);
  await expect(holdLock(dir)).rejects.toMatchObject({ code: 'locked' });
  await release();
  await (await holdLock(dir))();
});

test.skipIf(process.platform === 'win32')('the socket of a killed process is removed', async () => {
  const dir = scratch();
  const socket = path.join(dir, 'lock-0');
  const child = spawn(
    process.execPath,
    ['-e', `require('net').createServer().listen(process.argv[1], () => console.log('up'))`, socket],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  await expect(holdLock(dir)).rejects.toMatchObject({ code: 'locked' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(existsSync(socket)).toBe(true);
  const release = await holdLock(dir);
  expect(existsSync(socket)).toBe(false);
  await expect(holdLock(dir)).rejects.toMatchObject({ code: 'locked' });
  await release();
});

test.skipIf(process.platform === 'win32')(
  'if many find a leftover socket at the same time, at most one gets the lock',
  async () => {
    const dir = scratch();
    const child = spawn(
      process.execPath,
      [
        '-e',
        `require('net').createServer().listen(process.argv[1], () => console.log('up'))`,
        path.join(dir, 'lock-0'),
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => holdLock(dir)));
    const got = tries.filter((attempt) => attempt.status === 'fulfilled');
    for (const attempt of got) await attempt.value();
    expect(got.length).toBeLessThanOrEqual(1);
  },
);

test.skipIf(process.platform !== 'linux')('deleting the file of a lock does not release it', async () => {
  const dir = scratch();
  const release = await holdLock(dir);
  for (const name of readdirSync(dir)) rmSync(path.join(dir, name));
  await expect(holdLock(dir)).rejects.toMatchObject({ code: 'locked' });
  await release();
  await (await holdLock(dir))();
});

test.skipIf(process.platform !== 'linux')(
  'a second relay on a journal whose lock was deleted ends, and the first goes on',
  async () => {
    const dir = path.join(scratch(), 'journal');
    const relay = (): Actor => start(['async', 'relay', '--port', '0', '--journal', dir]);
    const first = relay();
    const { port } = await first.until('listening');
    for (const name of readdirSync(dir).filter((one) => one.startsWith('lock-')))
      rmSync(path.join(dir, name));
    const second = relay();
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain('another relay is using the journal');
    const alice = await RawClient.connect(port);
    await alice.next();
    alice.type('HELLO version=1 as=alice\nSEND id=1 to=bob size=2\nhi\n');
    expect((await alice.next())[0]).toMatch(/^STORED id=1 seq=1 /);
  },
);

test('a directory on a network file system is claimed for this computer, until the lock is released', async () => {
  const dir = scratch();
  const release = await holdLock(dir, 'NFS', 'lab-1');
  expect(claimantOf(dir)).toBe('lab-1');
  // The lock within the computer comes first, so a second relay here is told what it would be told on a disk.
  await expect(holdLock(dir, 'NFS', 'lab-1')).rejects.toMatchObject({ code: 'locked' });
  await release();
  expect(readdirSync(dir)).toEqual([]);
});

test('another computer that has claimed a directory keeps this one out, and its name and the way out are said', async () => {
  const dir = scratch();
  writeFileSync(path.join(dir, 'lock.computer'), 'lab-1\n');
  // Seen from here, the socket of the other computer looks like one that a dead process has left.
  writeFileSync(path.join(dir, 'lock-1'), '');
  await expect(holdLock(dir, 'NFS', 'lab-2')).rejects.toMatchObject({
    code: 'other_computer',
    message: expect.stringContaining('the computer lab-1 uses the journal'),
    hint: expect.stringContaining(`delete ${path.join(dir, 'lock.computer')}`),
  });
  // Nothing is left that would keep the other computer out; and what it left itself, when it was killed, does not.
  expect(readdirSync(dir)).toEqual(['lock-1', 'lock.computer']);
  await (await holdLock(dir, 'NFS', 'lab-1'))();
  expect(readdirSync(dir)).toEqual([]);
});

test('a folder on a disk of this computer is on no network file system, even before it exists', () => {
  expect(networkFileSystem(path.join(scratch(), 'not', 'yet'))).toBeUndefined();
});
