// Checkpoints that are wrong when a log is opened: damaged, missing, too old, from the future, from another log.

import { describe, expect, test } from 'vitest';
import type { Lsn } from '../../../src/async/log/log.ts';
import { contentsOf, named, opened, openingSmall, pathOf, refusal, SEGMENT } from './bench.ts';
import { LOGS, type WholeLog, wholeLog } from './damages.ts';
import { checkpointOf, type Fields, fieldsOf } from './forge.ts';
import { TestOwner } from './owner.ts';
import type { SimulatedFiles } from './simulated-files.ts';

/** A damaged log that had two intact checkpoints. */
interface Found {
  readonly whole: WholeLog;
  readonly files: SimulatedFiles;
  readonly older: Lsn;
  readonly newer: Lsn;
}

async function found(name: keyof typeof LOGS): Promise<Found> {
  const whole = await wholeLog(LOGS[name]);
  const files = whole.files.fork();
  const [older = -1, newer = -1] = named(files, 'checkpoint');
  return { whole, files, older, newer };
}

/** Opens the log. The owner checks that the whole state comes back. */
const back = ({ whole: { decided }, files }: Found): Promise<TestOwner> => opened(files, decided);

/** Opening is refused with this place, and changes nothing. */
async function refusedAt({ whole: { decided }, files }: Found): Promise<string> {
  const before = contentsOf(files);
  const error = await refusal(opened(files, decided));
  expect(error.code, error.message).toBe('damaged_journal');
  expect(contentsOf(files)).toEqual(before);
  return /: (\S+, at byte [0-9]+):/.exec(error.message)?.[1] ?? error.message;
}

/** A valid checkpoint with other fields than an existing one: the one of `like`, if none is named. */
function forge({ whole, files }: Found, like: Lsn, fields: Fields): void {
  const old = whole.checkpoints.get(like);
  const lsn = Number(fields.lsn ?? like);
  const states = [...whole.decided.states.values()].filter(({ end }) => end <= lsn);
  const header = { ...fieldsOf(old?.bytes ?? Buffer.alloc(0)), ...fields };
  const state = Buffer.from(states.at(-1)?.text ?? '');
  files.setContents(pathOf(lsn, 'checkpoint'), checkpointOf(header, old?.segments ?? [], state));
}

const spoil = ({ files }: Found, lsn: Lsn): void => files.flip(pathOf(lsn, 'checkpoint'), 530, 1);

test('a forged checkpoint is used if nothing in it is wrong', async () => {
  const log = await found('old');
  forge(log, log.newer, {});
  // Without the other one, only this one can make the state.
  spoil(log, log.older);
  expect((await back(log)).notices).toEqual([]);
});

test('a newest checkpoint that was changed is reported and removed, and the older one makes the state', async () => {
  const log = await found('old');
  spoil(log, log.newer);
  const owner = await back(log);
  expect(owner.notices).toEqual([expect.stringContaining(pathOf(log.newer, 'checkpoint'))]);
  expect(named(log.files, 'checkpoint')).toEqual([log.older]);
  expect(await owner.readAll()).toEqual([]);
});

test('if the newest checkpoint is missing, the older one makes the state', async () => {
  const log = await found('old');
  log.files.remove(pathOf(log.newer, 'checkpoint'));
  expect((await back(log)).notices).toEqual([]);
});

test('a checkpoint older than the two newest is removed', async () => {
  const log = await found('old');
  const [oldest = -1] = log.whole.checkpoints.keys();
  const [bytes = Buffer.alloc(0)] = log.whole.versions.get(pathOf(oldest, 'checkpoint')) ?? [];
  log.files.setContents(pathOf(oldest, 'checkpoint'), bytes);
  expect((await back(log)).notices).toEqual([]);
  expect(named(log.files, 'checkpoint')).toEqual([log.older, log.newer]);
});

describe.each<[string, (log: Found, lsn: Lsn) => void, number]>([
  ['missing', ({ files }, lsn) => files.remove(pathOf(lsn, 'checkpoint')), 0],
  ['changed', spoil, 2],
  ['of another log', (log, lsn) => forge(log, lsn, { store: 'feedfeedfeedfeed' }), 2],
  [
    'named with the LSN of another',
    (log, lsn) =>
      log.files.setContents(
        pathOf(lsn, 'checkpoint'),
        checkpointOf({ ...fieldsOf(log.files.contents(pathOf(lsn, 'checkpoint'))), lsn: lsn + 1 }, []),
      ),
    2,
  ],
])('when both checkpoints are %s', (_, strike, notices) => {
  test('the log is replayed from its beginning, if that still exists', async () => {
    const log = await found('young');
    for (const lsn of [log.older, log.newer]) strike(log, lsn);
    expect((await back(log)).notices).toHaveLength(notices);
    expect(named(log.files, 'checkpoint')).toEqual([]);
  });

  test('the log is refused if its beginning has gone', async () => {
    const log = await found('old');
    for (const lsn of [log.older, log.newer]) strike(log, lsn);
    expect(await refusedAt(log)).toBe(`${pathOf(0, 'wal')}, at byte 0`);
  });
});

test('an owner that took half of each of two checkpoints begins anew without them', async () => {
  const log = await found('young');
  for (const lsn of [log.older, log.newer]) {
    const { used = 0 } = log.whole.checkpoints.get(lsn) ?? {};
    // In the last chunk of the state, which comes before an empty one.
    log.files.flip(pathOf(lsn, 'checkpoint'), used - 9, 0);
  }
  const taken: number[] = [];
  const owner = new TestOwner(log.whole.decided);
  owner.restore = async (_id, chunks) => {
    taken.push(0);
    for await (const _ of chunks) taken.push((taken.pop() ?? 0) + 1);
  };
  await owner.open(openingSmall(log.files));
  expect(taken).toEqual([1, 1, 0]);
});

describe('a checkpoint from the future', () => {
  const end = ({ whole }: Found): { lsn: Lsn; place: string } => {
    const last = whole.commits.at(-1);
    const size = last?.bytes.length ?? 0;
    return { lsn: (last?.lsn ?? 0) + size, place: `${last?.file}, at byte ${(last?.at ?? 0) + size}` };
  };

  test.each([1, 100, 10 * SEGMENT])(
    'by %i bytes that cannot be read: the log is refused where it ends',
    async (ahead) => {
      const log = await found('young');
      const { lsn, place } = end(log);
      log.files.setContents(pathOf(lsn + ahead, 'checkpoint'), Buffer.alloc(1000, 'x'));
      expect(await refusedAt(log)).toBe(place);
    },
  );

  test('whose LSN no segment reaches: the log is refused', async () => {
    const log = await found('empty');
    forge(log, log.newer, { lsn: 10 * SEGMENT });
    await refusedAt(log);
  });

  test('as of the very end of the log is not from the future', async () => {
    const log = await found('young');
    const { lsn } = end(log);
    const next = Number(fieldsOf(log.files.contents(pathOf(log.newer, 'checkpoint'))).next);
    const after = log.whole.commits.filter((commit) => commit.lsn >= log.newer).length;
    forge(log, log.newer, { lsn, next: next + after });
    const owner = await back(log);
    expect(owner.notices).toEqual([]);
    expect(named(log.files, 'checkpoint')).toEqual([log.newer, lsn]);
  });
});

test.each([-1, 1, 5, -5])(
  'a checkpoint that expects a commit number that is off by %i: the log is refused',
  async (by) => {
    const log = await found('young');
    const next = Number(fieldsOf(log.files.contents(pathOf(log.newer, 'checkpoint'))).next);
    forge(log, log.newer, { next: Math.max(1, next + by) });
    expect(await refusedAt(log)).toBe(`${pathOf(log.newer, 'checkpoint')}, at byte 0`);
  },
);

test.each([
  [3, 'new_journal'],
  [1, 'old_journal'],
])('a checkpoint of version %i, intact, refuses the log as %s', async (version, code) => {
  const log = await found('young');
  forge(log, log.newer, { version });
  const before = contentsOf(log.files);
  expect((await refusal(back(log))).code).toBe(code);
  expect(contentsOf(log.files)).toEqual(before);
});
