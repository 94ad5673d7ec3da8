// Kills a real process on the real disk at one of its system calls, with strace, and then opens its log. This checks the simulated disk, on
// which the log is killed at every step: here the calls are the kernel's.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDiskLog } from '../../src/async/log/disk.ts';
import { Decided } from '../../test/async/log/owner.ts';
import { goOn, SIZES } from '../../test/async/log/torture.ts';

const PROGRAM = fileURLToPath(new URL('killed.ts', import.meta.url));

/** The system calls at which it is killed, and about how often the script makes each. One thread of libuv makes all of them. */
export const CALLS = { pwrite64: 280, rename: 90, unlink: 30, fsync: 50 } as const;

/** Is strace installed, and may it trace a process? */
export function straceWorks(): boolean {
  return spawnSync('strace', ['-f', '-e', 'trace=none', 'true']).status === 0;
}

/**
 * Kills the script at the `when`-th `call`, and then opens its log.
 * @returns was it killed? If not, it made fewer such calls
 * @throws if something that was durable is lost or has changed
 */
export async function killCall(call: keyof typeof CALLS, when: number): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'detour-strace-'));
  const journal = join(dir, 'journal');
  const said = join(dir, 'said');
  writeFileSync(said, '');
  try {
    const inject = `inject=${call}:signal=SIGKILL:when=${when}`;
    const child = spawn(
      'strace',
      [
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        `trace=${call}`,
        '-e',
        inject,
        process.execPath,
        '--import',
        'tsx',
        PROGRAM,
        journal,
        said,
      ],
      { env: { ...process.env, UV_THREADPOOL_SIZE: '1' }, stdio: 'ignore' },
    );
    const killed = await new Promise<boolean>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code !== 0 || signal !== null));
    });
    await goOn(
      (owner) => openDiskLog({ dir: journal, ...SIZES }, owner),
      decidedIn(readFileSync(said, 'latin1')),
    );
    return killed;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// What it had decided and told when it was killed. The last line may be incomplete.
function decidedIn(said: string): Decided {
  const decided = new Decided();
  for (const line of said.split('\n').slice(0, -1)) {
    const [, verb, count, text = ''] = /^(\w+) (\d+) ?(.*)$/.exec(line) ?? [];
    if (verb === 'decided') decided.decide(Number(count), text, 0);
    else decided.tell(Number(count));
  }
  return decided;
}
