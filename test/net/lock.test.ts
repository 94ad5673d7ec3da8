import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { holdLock } from '../../src/net/lock.ts';

function scratch(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'detour-lock-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('one holds the lock at a time, and the next once it is let go', async () => {
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

test.skipIf(process.platform === 'win32')(
  'the socket of a process that was killed is cleared away',
  async () => {
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
  },
);

test.skipIf(process.platform === 'win32')(
  'of many that find a left-over socket at once, one at most gets the lock',
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
