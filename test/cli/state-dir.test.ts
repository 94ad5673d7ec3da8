// The folder of a journal must be safe from others: a real relay on real folders. On Windows nothing is checked.

import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
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
