// A damaged log is refused, or repaired exactly as it must be, and never silently different. Small logs are cut at every byte, flipped at
// every byte, opened with every set of files missing, and damaged at random: CASES sets how often, SEED repeats a run. `npm test` cuts and
// flips at few of these places.

import { strict as assert } from 'node:assert';
import { expect, test } from 'vitest';
import { DetourError } from '../../../src/core/error.ts';
import { prng } from '../../../src/core/prng.ts';
import { ALL, cases } from '../../cases.ts';
import { seed } from '../../seed.ts';
import { contentsOf, DIR, differing, FILE_HEADER, openingSmall, pathOf } from './bench.ts';
import { COMMIT_HEADER, type Expected, expected, LOGS, type WholeLog, wholeLog } from './damages.ts';
import { Decided, TestOwner } from './owner.ts';
import { type Damage, missingFiles, randomDamage } from './random-damages.ts';
import type { SimulatedFiles } from './simulated-files.ts';

const CASES = cases(10_000, 300);

/** What was known after this many entries were reported durable. */
function knowing(whole: WholeLog, count: number): Decided {
  const decided = new Decided();
  for (const [entries, state] of whole.decided.states)
    if (entries <= count) decided.states.set(entries, state);
  decided.told = count;
  return decided;
}

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

/** The number of logs that were opened. */
let opened = 0;

type Contents = ReadonlyMap<string, Buffer>;
type Opened = Expected & { readonly refused: false };

/** Opens a damaged log. `exact`: it has one fault, and the error must name it. @throws AssertionError at any other outcome */
async function judge(
  whole: WholeLog,
  files: SimulatedFiles,
  before: Contents,
  want: Expected,
  exact: boolean,
): Promise<void> {
  const owner = new TestOwner(knowing(whole, want.refused ? whole.count : want.count));
  const error: unknown = await owner.open(openingSmall(files)).catch((thrown: unknown) => thrown);
  if (!want.refused) {
    if (error !== owner) throw error;
    return await judgeOpened(files, before, owner, want);
  }
  assert.ok(
    error instanceof DetourError,
    `opened, and it had to be refused: ${error === owner ? '' : error}`,
  );
  assert.equal(error.code, 'damaged_journal', error.stack);
  const place = exact ? `${want.file}, at byte ${want.offset}:` : `${DIR}/`;
  assert.ok(error.message.includes(place), `${error.message}, but it is ${place}`);
  assert.match(error.message, /, at byte [0-9]+: /);
  assert.deepEqual(differing(contentsOf(files), before), [], 'files were changed');
  assert.equal(files.handles, 0, 'a file is still open');
}

/** Checks what the owner was told, after it has checked the state and appended one entry, and that nothing is reported twice. */
async function judgeOpened(
  files: SimulatedFiles,
  before: Contents,
  owner: TestOwner,
  { count, torn, notices, unread }: Opened,
): Promise<void> {
  assert.equal(owner.state.count - 1, count, 'other entries came back');
  // Before anything else is written.
  for (const tail of owner.tails) {
    const [file = '', offset = '', bytes = ''] = tail.split(' ');
    const cut = before.get(file)?.subarray(Number(offset), Number(offset) + Number(bytes));
    assert.ok(cut !== undefined && cut.length > 0 && cut.at(-1) !== 0, `${bytes} bytes were torn`);
    assert.ok(files.contents(`${file}.${offset}.torn`).equals(cut), 'the torn bytes were not copied');
    const now = files.contents(file).subarray(Number(offset), Number(offset) + Number(bytes));
    assert.ok(
      now.every((byte) => byte === 0),
      'the torn bytes are still there',
    );
  }
  assert.deepEqual(sorted(await owner.readAll()), sorted(unread), 'others cannot be read');
  assert.equal(owner.notices.length, notices, `reported about checkpoints: ${owner.notices}`);
  assert.deepEqual(owner.lostParts, []);
  if (torn !== undefined) assert.equal(owner.tails.length, torn ? 1 : 0, `torn: ${owner.tails}`);
  // Another opening takes as long again, so it is done if something was reported, and otherwise now and then.
  opened += 1;
  if (owner.tails.length + owner.notices.length === 0 && opened % 16 > 0) return;
  await owner.log.close();
  const again = await new TestOwner(owner.decided).open(openingSmall(files));
  assert.deepEqual(again.notices, []);
  for (const tail of again.tails) assert.ok(!owner.tails.includes(tail), `reported twice: ${tail}`);
  assert.deepEqual(sorted(await again.readAll()), sorted(unread), 'others cannot be read later');
  await again.log.close();
  assert.equal(files.handles, 0, 'a file is still open');
}

/** The outcome of opening, in a few words, to see that every outcome occurs. */
function kindOf(whole: WholeLog, want: Expected): string {
  if (want.refused) return 'refused';
  if (want.count < whole.count) return 'before the last commit';
  if (want.notices > 0) return 'by the older checkpoint';
  return want.unread.length > 0 ? 'some cannot be read' : 'unchanged';
}

/** Damages copies of a log, one after another. @returns how often each outcome occurred */
async function all(whole: WholeLog, damages: Iterable<Damage>, exact = true): Promise<Map<string, number>> {
  const kinds = new Map<string, number>();
  for (const [what, strike] of damages) {
    const files = whole.files.fork();
    strike(files);
    const before = contentsOf(files);
    const want = expected(whole, before);
    const kind = kindOf(whole, want);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    await judge(whole, files, before, want, exact).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${what}; expected: ${kind}; ${why}`, { cause: error });
    });
  }
  return kinds;
}

const pathsOf = ({ files }: WholeLog): string[] => files.names(DIR).map((name) => `${DIR}/${name}`);

/** The places at which a file is damaged: each byte, but fewer where nothing is stored. */
function* placesIn(whole: WholeLog, file: string): Generator<number> {
  const size = whole.files.contents(file).length;
  const empty = file.endsWith('.wal') && whole.commits.every((commit) => commit.file !== file);
  const used = file.endsWith('.free') ? 0 : empty ? FILE_HEADER + 2 * COMMIT_HEADER : size;
  for (let at = 0; at < size; at += at < used ? 1 : 32) yield at;
}

function* cuts(whole: WholeLog): Generator<Damage> {
  for (const file of pathsOf(whole))
    for (const at of placesIn(whole, file))
      yield [`${file} cut at ${at}`, (files) => files.truncate(file, at)];
}

/** All bits of the headers of commits and records, and of one segment and one checkpoint; elsewhere one bit of each byte. */
function* flips(whole: WholeLog, paths = pathsOf(whole)): Generator<Damage> {
  const newest = [
    whole.commits.at(-1)?.file,
    pathOf([...whole.checkpoints.keys()].at(-1) ?? -1, 'checkpoint'),
  ];
  for (const file of paths) {
    const line = newest.includes(file) ? whole.files.contents(file).indexOf('\n') + 1 : 0;
    const headers = new Set(Array.from({ length: line }, (_, index) => index));
    for (const commit of whole.commits.filter((one) => one.file === file)) {
      for (let i = 0; i < COMMIT_HEADER; i++) headers.add(commit.at + i);
      for (const { start } of commit.records) for (let i = 0; i < 8; i++) headers.add(start + i);
    }
    for (const at of placesIn(whole, file))
      for (const bit of headers.has(at) ? [0, 1, 2, 3, 4, 5, 6, 7] : [(at * 3) % 8])
        yield [`${file} ${at}, bit ${bit} flipped`, (files) => files.flip(file, at, bit)];
  }
}

/** Every set of files missing, each file in the place of every other, and each file as it was before. */
function* others(whole: WholeLog): Generator<Damage> {
  yield* missingFiles(whole);
  const paths = pathsOf(whole).filter((file) => !file.endsWith('.free'));
  for (const from of paths)
    for (const to of paths)
      yield [`${from} in the place of ${to}`, (files) => files.setContents(to, files.contents(from))];
  for (const [file, contents] of whole.versions)
    for (const [index, bytes] of contents.entries())
      yield [`${file} as it was in its version ${index}`, (files) => files.setContents(file, bytes)];
}

/** `npm run test:all` tries every damage of a list; `npm test` tries one in this many, which is enough to see every outcome. */
const OF = ALL ? 1 : 29;

function* some(damages: Iterable<Damage>): Generator<Damage> {
  let number = 0;
  for (const damage of damages) if (number++ % OF === 0) yield damage;
}

const EVERYTHING = [
  'before the last commit',
  'by the older checkpoint',
  'refused',
  'some cannot be read',
  'unchanged',
];

test('a log with a file cut at any byte is refused or repaired', { tags: ['slow'] }, async () => {
  const whole = await wholeLog(LOGS.old);
  // No segment may be shorter than when it was made.
  const kinds = EVERYTHING.filter(
    (kind) => !['before the last commit', 'some cannot be read'].includes(kind),
  );
  expect([...(await all(whole, some(cuts(whole)))).keys()].sort()).toEqual(kinds);
});

test('a log with a bit flipped in any byte is refused or repaired', { tags: ['slow'] }, async () => {
  const whole = await wholeLog(LOGS.old);
  expect([...(await all(whole, some(flips(whole)))).keys()].sort()).toEqual(EVERYTHING);
});

test('a bit flips in the last commit, which is the first in its segment: that is a torn commit', async () => {
  const whole = await wholeLog(LOGS.fresh);
  const kinds = await all(whole, some(flips(whole, [whole.commits.at(-1)?.file ?? ''])));
  expect(kinds.get('before the last commit')).toBeGreaterThan(500 / OF);
});

test('an unreadable checkpoint still says how far the log reached, although something begins in the next segment', async () => {
  const whole = await wholeLog(LOGS.fresh);
  const [segment = ''] = whole.headers.keys();
  const kinds = await all(
    whole,
    [
      [
        'the end of a segment, the newest checkpoint, and the first commit of the next segment',
        (files) => {
          files.setContents(segment, whole.versions.get(segment)?.[0] ?? Buffer.alloc(0));
          files.flip(pathOf([...whole.checkpoints.keys()].at(-1) ?? -1, 'checkpoint'), 550, 1);
          files.flip(whole.commits.at(-1)?.file ?? '', FILE_HEADER, 0);
        },
      ],
    ],
    false,
  );
  expect([...kinds.keys()]).toEqual(['refused']);
});

test.each(Object.entries(LOGS))(
  'a log, %s, is refused or repaired when files are missing, mixed up, or older than the others',
  async (_, operations) => {
    const whole = await wholeLog(operations);
    const kinds = await all(whole, others(whole), false);
    expect(kinds.get('refused')).toBeGreaterThan(20);
    expect(kinds.get('unchanged')).toBeGreaterThan(20);
  },
);

test(`a log is refused or repaired after any damage, ${CASES} times at random`, async () => {
  const first = seed().seed;
  const logs = await Promise.all(Object.values(LOGS).map(wholeLog));
  const kinds = new Set<string>();
  for (let number = 0; number < CASES; number++) {
    const whole = logs[number % logs.length] as WholeLog;
    const [what, strike] = randomDamage(whole, prng(first + number));
    for (const kind of (await all(whole, [[`case ${number}: ${what}`, strike]], false)).keys())
      kinds.add(kind);
  }
  if (CASES >= 1000) expect([...kinds].sort()).toEqual(EVERYTHING);
});
