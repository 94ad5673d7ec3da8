// Does a relay sync before it says STORED? strace sees every call that the program makes to the system.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failed, NotChecked, Undecided } from './outcome.ts';
import { store } from './relay-client.ts';
import { greeted } from './server-stages.ts';
import type { Stage } from './stage.ts';

/** How many messages are stored, one after the other. */
const MESSAGES = 8;
const CALLS =
  'read,readv,recvfrom,recvmsg,open,openat,creat,fcntl,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,msync,sync,syncfs,io_uring_enter';
const SYNCS = new Set(['fsync', 'fdatasync', 'msync', 'sync', 'syncfs']);
const WRITES = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2']);

/** What a trace shows of one answer. */
interface Seen {
  /** Was the answer itself seen? */
  readonly said: boolean;
  /** Was something synced after the message had come and before this answer? */
  readonly synced: boolean;
}

/**
 * Reads what `strace -f -y -o` wrote.
 * @param trace its lines: a pid, a call with its arguments, and `= RESULT`; a call that was interrupted by another is on two lines
 * @param ids the messages that were stored, one after the other
 */
export function readTrace(trace: string, ids: readonly string[]): Seen[] {
  const open = new Map<string, string>();
  const syncing = new Set<string>();
  const seen = ids.map(() => ({ said: false, synced: false }));
  let next = 0;
  let synced = false;
  for (const line of trace.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const id = ids[next];
    // What was synced before the message had come does not count for it.
    if (id !== undefined && rest.includes(`SEND id=${id} `) && /^(<\.\.\. )?(read|recv)/.test(rest))
      synced = false;
    if (
      id !== undefined &&
      rest.includes(`STORED id=${id} `) &&
      /^(write|writev|sendto|sendmsg)\(/.test(rest)
    ) {
      seen[next] = { said: true, synced };
      next += 1;
      synced = false;
    }
    if (rest.endsWith('<unfinished ...>')) {
      open.set(pid, rest);
      continue;
    }
    const whole = rest.startsWith('<... ') ? `${open.get(pid) ?? ''}${rest}` : rest;
    const call = /^(\w+)\(/.exec(whole)?.[1] ?? '';
    const result = /= (-?\d+)(?:<([^>]*)>)?[^=]*$/.exec(rest);
    if (result === null || Number(result[1]) < 0) continue;
    if (/^(open|openat)$/.test(call) && /\bO_D?SYNC\b/.test(whole)) syncing.add(result[2] ?? '');
    if (SYNCS.has(call)) synced = true;
    if (WRITES.has(call) && syncing.has(/^\w+\(\d+<([^>]*)>/.exec(whole)?.[1] ?? '-')) synced = true;
  }
  return seen;
}

/** Does a relay sync before it says STORED? Only where strace is. */
export const sync: Stage = {
  name: 'SYNC',
  does: 'has the message synced to the disk before it says STORED',
  points: 4,
  section: 'STORED',
  async run(attempt) {
    if (process.platform !== 'linux' || spawnSync('strace', ['-V']).status !== 0)
      throw new NotChecked('This needs strace, which is not on the PATH.');
    const file = join(attempt.journal, '..', `${attempt.journal.split('/').at(-1)}.strace`);
    attempt.atEnd(file);
    await attempt.start({}, ['strace', '-f', '-y', '-s', '300', '-e', `trace=${CALLS}`, '-o', file]);
    const wire = await greeted(attempt, 'relay').catch((error: unknown) => {
      if (/ptrace|strace:/.test(attempt.stderr))
        throw new NotChecked(`strace may not look at other programs here: ${attempt.stderr.trim()}`);
      throw error;
    });
    const ids = Array.from({ length: MESSAGES }, (_, index) => `${attempt.word()}-${index}`);
    for (const id of ids)
      await store(
        wire,
        `SEND id=${id} to=bob`,
        attempt.word(),
        'The relay runs under strace, and is slower.',
      );
    await attempt.kill();
    const seen = readTrace(readFileSync(file, 'latin1'), ids);
    if (seen.some(({ said }) => !said))
      throw new Undecided('strace did not see how the program wrote STORED.');
    const missing = seen.filter(({ synced }) => !synced).length;
    if (missing > 0)
      throw new Failed({
        sent: `${MESSAGES} messages, one after the other`,
        expected: 'fsync, fdatasync, or a write to a file opened with O_DSYNC, before each STORED',
        came: `${missing} of ${MESSAGES} STORED without one`,
        why: 'What was written is in memory until it is synced: it outlives a kill, but not a power cut.',
      });
  },
};
