import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { durably, opened } from './bench.ts';
import { Model, recoveredState } from './model.ts';

const KIB = 1024;

// A disk of its own of so many KiB, or why there cannot be one.
function tinyDisk(kib: number): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'detour-full-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', dir], { stdio: 'pipe' });
  onTestFinished(() => {
    execFileSync('umount', ['-l', dir]);
  });
  return dir;
}

function whyNot(): string {
  if (process.platform !== 'linux') return 'a disk of its own can be mounted on Linux only';
  if (process.getuid?.() !== 0) return 'only root can mount a disk of its own';
  try {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'detour-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'pipe' });
    execFileSync('umount', [dir]);
    rmSync(dir, { recursive: true });
    return '';
  } catch {
    return 'mounting is not allowed here';
  }
}

const reason = whyNot();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.skipIf(reason !== '')(
  `a real disk that is full refuses what is new, still lets mail be collected, and goes on by itself${reason && ` (${reason})`}`,
  async () => {
    const dir = tinyDisk(2048);
    const model = new Model();
    const options = { segmentBytes: 128 * KIB };
    const { journal, recovered, events, failures, clock } = await opened(dir, options, model);
    model.reborn(journal, recovered);
    const text = 'x'.repeat(4 * KIB);
    let sent = 0;
    while (journal.hasRoom(text.length)) {
      model.send('bob', text);
      await model.settled();
      sent += 1;
    }
    expect(sent).toBeGreaterThan(200);
    expect(events.map(({ event }) => event)).toContain('disk_full');
    expect(await model.wrongBodies()).toEqual([]);
    // Collected one by one, as a receiver does; that frees whole files, and there is room again without anybody's help.
    let collected = 0;
    while (!journal.hasRoom(text.length)) {
      collected += 1;
      model.open('bob');
      model.ack('bob', collected);
      await model.settled();
      for (let n = 0; n < 20; n++) await turn();
      clock.advance(100);
      expect(collected).toBeLessThan(sent);
    }
    while (!events.some(({ event }) => event === 'disk_room')) await turn();
    expect(failures).toEqual([]);
    expect(await model.wrongBodies()).toEqual([]);
    await journal.close();
    const again = await opened(dir, options);
    expect(await recoveredState(again.journal, again.recovered)).toEqual(model.state());
  },
);

test.skipIf(reason !== '')(
  `a relay starts on a disk that somebody else has filled, and takes mail once there is room${reason && ` (${reason})`}`,
  async () => {
    const dir = tinyDisk(1024);
    const options = { segmentBytes: 128 * KIB };
    const first = await opened(`${dir}/journal`, options);
    await durably(first.journal, [{ kind: 'open', to: 'bob' }]);
    await first.journal.close();
    for (const name of readdirSync(`${dir}/journal`)) {
      if (name.endsWith('.spare')) rmSync(`${dir}/journal/${name}`);
    }
    const ballast = path.join(dir, 'ballast');
    expect(() => {
      for (;;) appendFileSync(ballast, Buffer.alloc(4 * KIB));
    }).toThrow('ENOSPC');
    const { journal, clock, failures } = await opened(`${dir}/journal`, options);
    expect(journal.hasRoom(4 * KIB)).toBe(false);
    await durably(journal, [{ kind: 'open', to: 'bob' }]);
    rmSync(ballast);
    while (!journal.hasRoom(4 * KIB)) {
      clock.advance(100);
      await turn();
    }
    expect(failures).toEqual([]);
  },
);
