// The folder of a journal: where it is by default, and that it must be safe from others, which a real relay checks on real folders. (On Windows
// nothing is checked.)

import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultJournal } from '../../src/cli/state-dir.ts';
import { runCli, start, talk, tempDir } from '../harness.ts';

/** A folder with this mode, whatever the umask. */
function folder(mode: number): string {
  const dir = join(tempDir(), 'journal');
  mkdirSync(dir);
  chmodSync(dir, mode);
  return dir;
}

const relayOn = (dir: string): string[] => ['async', 'relay', '--port', '0', '--journal', dir];

describe.skipIf(process.platform === 'win32')('a journal', () => {
  test.each([0o777, 0o1777, 0o702])(
    'where everybody may write (mode %o) is refused, and it says what to do',
    async (mode) => {
      const dir = folder(mode);
      const { code, stderr } = await runCli(relayOn(dir));
      expect(code).toBe(1);
      expect(stderr).toContain(dir);
      expect(stderr).toMatch(/everybody .* may write/);
      expect(stderr).toContain('chmod o-w');
    },
  );

  // Only root can give a folder away.
  test.skipIf(process.getuid?.() !== 0)('of another user is refused', async () => {
    const dir = folder(0o755);
    chownSync(dir, 12345, 12345);
    const { code, stderr } = await runCli(relayOn(dir));
    expect(code).toBe(1);
    expect(stderr).toContain('belongs to another user (number 12345)');
  });

  test('where the group may write is warned of, and used', async () => {
    const dir = folder(0o770);
    const relay = start(relayOn(dir));
    await relay.until('listening');
    const notices = relay.events.filter((event) => event.event === 'notice');
    expect(notices).toMatchObject([{ text: expect.stringContaining('chmod g-w') }]);
    relay.killNow();
    await relay.ended;
    await talk(relayOn(dir)).until(/the group of the journal's folder may write/);
  });

  test.each([0o700, 0o755])('of this user alone (mode %o) is used without a word', async (mode) => {
    const relay = start(relayOn(folder(mode)));
    await relay.until('listening');
    expect(relay.events.filter(({ event }) => event === 'notice')).toEqual([]);
  });
});

describe('the default journal', () => {
  const at = (home: string, network: string | undefined, computer = 'lab-1'): string =>
    defaultJournal(4100, { XDG_STATE_HOME: home }, 'linux', () => network, computer);

  test('has no host name on a disk of this computer', () => {
    const home = tempDir();
    expect(at(home, undefined)).toBe(join(home, 'detour', 'relay-4100'));
  });

  test('has the host name on a network file system, so that two computers do not share it', () => {
    const home = tempDir();
    expect(at(home, 'NFS')).toBe(join(home, 'detour', 'relay-4100-lab-1'));
    expect(at(home, 'NFS', 'lab 2/…')).toBe(join(home, 'detour', 'relay-4100-lab_2__'));
  });

  test('of an earlier version is still used there, for the mail in it, but by one computer only', () => {
    const home = tempDir();
    const old = join(home, 'detour', 'relay-4100');
    mkdirSync(old, { recursive: true });
    expect(at(home, 'NFS')).toBe(old);
    writeFileSync(join(old, 'lock.computer'), 'lab-1\n');
    expect(at(home, 'NFS')).toBe(old);
    expect(at(home, 'NFS', 'lab-2')).toBe(`${old}-lab-2`);
    // Once it has a folder of its own, it does not go back to the old one.
    mkdirSync(`${old}-lab-2`);
    writeFileSync(join(old, 'lock.computer'), 'lab-2\n');
    expect(at(home, 'NFS', 'lab-2')).toBe(`${old}-lab-2`);
  });
});
