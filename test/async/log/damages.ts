// Small intact logs, ways to damage them, and what opening a damaged one must do. That is found by comparing its bytes with those of the
// intact log. No CRC is computed here, so a mistake in the code cannot hide in its own test.

import type { Lsn } from '../../../src/async/log/log.ts';
import { contentsOf, DIR, FILE_HEADER, opened, pathOf, SEGMENT } from './bench.ts';
import type { Decided, TestOwner } from './owner.ts';
import type { SimulatedFiles } from './simulated-files.ts';
import { emptyDisk } from './torture.ts';

/** The least bytes of a commit before its first record. As many zeros after the last commit say that it is the last. */
export const COMMIT_HEADER = 32;

const MAGIC = Buffer.from([0x89, 0x43, 0x4d, 0x54]);

/** A commit, as it was written. */
export interface Commit {
  readonly lsn: Lsn;
  /** The path of its segment, and its place in it. */
  readonly file: string;
  readonly at: number;
  readonly bytes: Buffer;
  /** Its records: the LSN of each, and where it begins and ends in the file. */
  readonly records: readonly { readonly lsn: Lsn; readonly start: number; readonly end: number }[];
  /** The number of entries before it. */
  readonly before: number;
}

/** A checkpoint, as it was written. */
export interface WholeCheckpoint {
  readonly lsn: Lsn;
  readonly bytes: Buffer;
  /** Where the list of the segments that it points into ends, and where the whole checkpoint ends. */
  readonly listed: number;
  readonly used: number;
  readonly segments: readonly Lsn[];
}

/** A log that was closed cleanly, and everything that was ever in it. */
export interface WholeLog {
  readonly files: SimulatedFiles;
  readonly decided: Decided;
  /** The number of entries that it has had. */
  readonly count: number;
  /** What was in each file that ever existed, after each operation; the newest content is last. */
  readonly versions: ReadonlyMap<string, readonly Buffer[]>;
  /** Commits by path, including those of segments that are gone. */
  readonly headers: ReadonlyMap<string, Buffer>;
  readonly commits: readonly Commit[];
  readonly entries: ReadonlyMap<Lsn, Buffer>;
  readonly checkpoints: ReadonlyMap<Lsn, WholeCheckpoint>;
}

type Operation = (owner: TestOwner) => unknown;
const send =
  (...sizes: number[]): Operation =>
  async (owner) => {
    for (const size of sizes) await owner.send(size);
    await owner.settle();
  };
/** Removes the oldest messages, except one that nobody ever collects. */
const NEVER = 4;
const collect =
  (count: number): Operation =>
  async (owner) => {
    const held = [...owner.state.held.keys()].filter((n) => n !== NEVER);
    for (const n of held.slice(0, count)) owner.append(Buffer.from(`GONE n=${n}\n`));
    await owner.settle();
  };
const checkpoint: Operation = (owner) => owner.checkpoint();
const free: Operation = (owner) => owner.free();
const times = (count: number, ...operations: Operation[]): Operation[] =>
  Array.from({ length: count }, () => operations).flat();

const BEGINNING = [send(60, 200), send(150), checkpoint, send(200, 80), collect(1), checkpoint];

/** The logs to be damaged. */
export const LOGS = {
  /** All its segments are there; two have something in them. */
  young: [...BEGINNING, send(170), send(30, 280), collect(1), send(300, 40), send(50, 40)],
  /** The last commit is the first in its segment. */
  fresh: [...BEGINNING, send(170), send(100), send(400, 40)],
  /** Nothing that the newest checkpoint holds is in a segment. The LSN of that checkpoint is in the newest segment. */
  empty: [send(600), send(600), checkpoint, send(300), collect(3), checkpoint, send(50), send(60, 70)],
  /** Two of its first segments are gone, one before and one after a segment with a held message. Files reused from them hold old commits. */
  old: [
    ...[send(400, 400), collect(2), send(500, 90), checkpoint, free],
    ...times(4, send(150, 100), collect(1), send(300), collect(2), checkpoint, free),
    ...[send(90, 200, 40, 30), checkpoint, send(100), collect(1), free, checkpoint],
    ...[send(90), collect(1), send(30, 250), send(120), send(60, 70)],
  ],
} as const satisfies Readonly<Record<string, readonly Operation[]>>;

/** Makes a log. */
export async function wholeLog(operations: readonly Operation[]): Promise<WholeLog> {
  const files = emptyDisk();
  const owner = await opened(files);
  const { decided } = owner;
  const versions = new Map<string, Buffer[]>();
  for (const operation of [...operations, () => owner.log.close()]) {
    await operation(owner);
    for (const [file, bytes] of contentsOf(files)) {
      const known = versions.get(file) ?? [];
      versions.set(file, known);
      if (known.at(-1)?.equals(bytes) !== true) known.push(bytes);
    }
  }
  const headers = new Map<string, Buffer>();
  const commits: Commit[] = [];
  const checkpoints = new Map<Lsn, WholeCheckpoint>();
  for (const [file, contents] of [...versions].sort()) {
    const [, lsn, kind] = /([0-9]{15})\.(wal|checkpoint)$/.exec(file) ?? [];
    const bytes = contents.at(-1) ?? Buffer.alloc(0);
    if (kind === 'wal') headers.set(file, bytes.subarray(0, FILE_HEADER));
    if (kind === 'wal') commits.push(...commitsOf(file, bytes, decided));
    if (kind === 'checkpoint') checkpoints.set(Number(lsn), checkpointOf(Number(lsn), bytes));
  }
  const entries = new Map(
    commits.flatMap(({ at, bytes, records }) =>
      records.map(({ lsn, start, end }) => [lsn, bytes.subarray(start - at + 8, end - at)] as const),
    ),
  );
  return { files, decided, entries, count: owner.state.count, versions, headers, checkpoints, commits };
}

function commitsOf(file: string, contents: Buffer, decided: Decided): Commit[] {
  const commits: Commit[] = [];
  const first = Number(file.slice(DIR.length + 1, -4));
  for (let at = FILE_HEADER; contents.indexOf(MAGIC, at) === at; at += contents.readUInt32LE(at + 20)) {
    const lsn = first + at - FILE_HEADER;
    const bytes = contents.subarray(at, at + contents.readUInt32LE(at + 20));
    const records: { lsn: Lsn; start: number; end: number }[] = [];
    for (let start = COMMIT_HEADER; start < bytes.length; start = (records.at(-1)?.end ?? 0) - at)
      records.push({
        lsn: lsn + start,
        start: at + start,
        end: at + start + 8 + bytes.readUInt32LE(start + 4),
      });
    const before = Math.max(
      ...[...decided.states].filter(([, { end }]) => end <= lsn).map(([count]) => count),
    );
    commits.push({ lsn, file, at, bytes, records, before });
  }
  return commits;
}

function checkpointOf(lsn: Lsn, bytes: Buffer): WholeCheckpoint {
  const after = (at: number): number => at + 8 + bytes.readUInt32LE(at + 4);
  const listed = after(FILE_HEADER);
  let used = listed;
  while (bytes.readUInt32LE(used + 4) > 0) used = after(used);
  const list = bytes.toString('latin1', FILE_HEADER + 8, listed);
  return { lsn, bytes, listed, used: used + 8, segments: list.split(',').filter(Boolean).map(Number) };
}

/** What opening must do. */
export type Expected =
  | { readonly refused: true; readonly file: string; readonly offset: number }
  | {
      readonly refused: false;
      /** The number of entries in the state. */
      readonly count: number;
      /** Is it reported? Undefined: the change looks like a torn commit, or is in bytes that nobody uses. */
      readonly torn: boolean | undefined;
      /** The number of checkpoints that cannot be read. */
      readonly notices: number;
      /** The messages whose record was changed. */
      readonly unread: readonly number[];
    };

type Contents = ReadonlyMap<string, Buffer>;

/** Are these bytes there? */
export const same = (now: Contents, file: string, at: number, bytes: Buffer): boolean =>
  now
    .get(file)
    ?.subarray(at, at + bytes.length)
    .equals(bytes) === true;

/** Has a commit begun there? Zeros are the end. Undefined: there is something, but no room for a commit. */
const begun = (now: Contents, file: string, at: number): boolean | undefined => {
  const bytes = now.get(file)?.subarray(at, at + COMMIT_HEADER) ?? Buffer.alloc(0);
  const something = bytes.some((byte) => byte !== 0);
  return something && bytes.length < COMMIT_HEADER ? undefined : something;
};

/** The checkpoints that exist, and those that can be read, newest first. Of the second, only the beginning is read. */
function checkpointsIn(
  whole: WholeLog,
  now: Contents,
): { readonly found: Lsn[]; readonly kept: WholeCheckpoint[] } {
  const all = [...whole.checkpoints.values()].reverse();
  const found = all.filter(({ lsn }) => now.has(pathOf(lsn, 'checkpoint')));
  const kept: WholeCheckpoint[] = [];
  for (const one of found)
    if (
      same(
        now,
        pathOf(one.lsn, 'checkpoint'),
        0,
        one.bytes.subarray(0, kept.length === 0 ? one.used : one.listed),
      )
    )
      kept.push(one);
  return { found: found.map(({ lsn }) => lsn), kept };
}

/** The first LSN of a missing segment, or the end of the segments without a gap. */
function reachOf(
  segments: readonly Lsn[],
  kept: readonly WholeCheckpoint[],
): { readonly missing: Lsn } | Lsn {
  const [newest, older = newest] = kept;
  for (const missing of newest?.segments ?? []) if (!segments.includes(missing)) return { missing };
  let reach = older?.lsn ?? 0;
  const holds = (lsn: Lsn): boolean => lsn <= reach && reach <= lsn + SEGMENT - FILE_HEADER;
  const begins = segments.findLast(holds);
  if (begins === undefined) return { missing: reach };
  reach = begins;
  for (const lsn of segments.slice(segments.indexOf(begins))) {
    if (lsn > reach) return { missing: reach };
    reach = lsn + SEGMENT - FILE_HEADER;
  }
  return reach;
}

/** Does the log reach a checkpoint as of `lsn`? It does if its end is there, or if anything but zeros is left where the log ended before. */
function reachesCheckpoint(whole: WholeLog, now: Contents, firsts: readonly Lsn[], lsn: Lsn): boolean {
  const home = firsts.find((first) => first < lsn && lsn <= first + SEGMENT - FILE_HEADER);
  if (home === undefined) return lsn === 0;
  const file = pathOf(home, 'wal');
  const last = whole.commits.findLast(
    (commit) =>
      commit.file === file &&
      commit.lsn < lsn &&
      same(now, file, commit.at, commit.bytes.subarray(0, COMMIT_HEADER)),
  );
  const end = last === undefined ? home : last.lsn + last.bytes.length;
  return end === lsn || begun(now, file, FILE_HEADER + end - home) !== false;
}

/** What opening a damaged log must do, derived from which bytes are as they were written. */
export function expected(whole: WholeLog, now: Contents): Expected {
  const refused = (file: string, offset = 0): Expected => ({ refused: true, file, offset });
  const segments = [...now.keys()].filter((file) => file.endsWith('.wal'));
  for (const file of segments) {
    const header = whole.headers.get(file);
    const intact =
      header !== undefined && same(now, file, 0, header) && (now.get(file)?.length ?? 0) >= SEGMENT;
    if (!intact) return refused(file);
  }
  const { found, kept } = checkpointsIn(whole, now);
  const notices = found.length - found.filter((lsn) => kept.some((one) => one.lsn === lsn)).length;
  if (segments.length + found.length === 0)
    return { refused: false, count: 0, torn: false, notices, unread: [] };
  const firsts = segments.map((file) => Number(file.slice(DIR.length + 1, -4)));
  const reach = reachOf(firsts, kept);
  if (typeof reach !== 'number') return refused(pathOf(reach.missing, 'wal'));

  const from = kept[0]?.lsn ?? 0;
  if (!reachesCheckpoint(whole, now, firsts, from)) return refused(pathOf(from, 'checkpoint'));
  const replayed = whole.commits.filter(({ lsn }) => lsn >= from);
  const broken = replayed.findIndex(({ file, at, bytes }) => !same(now, file, at, bytes));
  const [bad, last] = broken === -1 ? [undefined, replayed.at(-1)] : [replayed[broken], replayed[broken - 1]];
  const isThere = ({ file, at, bytes }: Commit): boolean =>
    same(now, file, at, bytes.subarray(0, COMMIT_HEADER));
  if (bad !== undefined && replayed.slice(broken + 1).some(isThere)) return refused(bad.file, bad.at);
  const end = last === undefined ? from : last.lsn + last.bytes.length;
  if (Math.min(end, reach) < Math.max(from, ...found)) return refused(bad?.file ?? '', bad?.at);

  const count = bad?.before ?? whole.count;
  const first = firsts.findLast((lsn) => lsn <= end) ?? 0;
  const places = [begun(now, pathOf(first, 'wal'), FILE_HEADER + end - first)];
  if (bad !== undefined) places.push(begun(now, bad.file, bad.at));
  // Bytes at the beginning of a segment that is still empty may be a torn commit, or left over.
  for (const lsn of firsts)
    if (lsn >= end && begun(now, pathOf(lsn, 'wal'), FILE_HEADER)) places.push(undefined);
  const torn = places.includes(true) || (places.includes(undefined) ? undefined : false);
  return {
    refused: false,
    count,
    torn,
    notices,
    unread: unreadIn(whole, count, now),
  };
}

/** The messages of a state whose records are not what they were. */
function unreadIn(whole: WholeLog, count: number, now: Contents): number[] {
  const state: unknown = JSON.parse(whole.decided.states.get(count)?.text ?? '');
  const [, , held] = state as [number, number, [number, { lsn: Lsn }][]];
  const intact = new Set<Lsn>();
  for (const { file, at, bytes, records } of whole.commits)
    for (const { lsn, start, end } of records)
      if (same(now, file, start, bytes.subarray(start - at, end - at))) intact.add(lsn);
  return held.filter(([, { lsn }]) => !intact.has(lsn)).map(([n]) => n);
}
