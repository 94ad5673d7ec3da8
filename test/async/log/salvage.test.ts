// An opening with salvage goes around whatever is damaged. What comes back was decided, under its own LSN; what is lost is reported; and the
// log that it leaves is intact.

import { strict as assert } from 'node:assert';
import { expect, test } from 'vitest';
import type { LogId, LostPart, Lsn } from '../../../src/async/log/log.ts';
import { prng } from '../../../src/core/prng.ts';
import { cases } from '../../cases.ts';
import { seed } from '../../seed.ts';
import { contentsOf, openingSmall } from './bench.ts';
import { COMMIT_HEADER, LOGS, same, type WholeLog, wholeLog } from './damages.ts';
import { Decided, type State, TestOwner } from './owner.ts';
import { type Damage, missingFiles, randomDamage } from './random-damages.ts';
import type { SimulatedFiles } from './simulated-files.ts';

const textOf = ({ count, next, held }: State): string =>
  JSON.stringify([count, next, [...held].sort(([a], [b]) => a - b)]);

const CASES = cases(2000, 100);

type Contents = ReadonlyMap<string, Buffer>;

/** After a loss, the state may be one that never existed. */
class Anything extends Decided {
  override check(): void {}
}

/** An owner that takes whatever comes, if it was decided. */
class Salvager extends TestOwner {
  /** The number of entries in the checkpoint, and those that came after it. */
  restored = 0;
  came: Lsn[] = [];
  readonly #entries: ReadonlyMap<Lsn, Buffer>;

  constructor(readonly whole: WholeLog) {
    super(new Anything());
    this.#entries = whole.entries;
  }

  override async restore(id: LogId, chunks: AsyncIterable<Buffer>): Promise<void> {
    this.came = [];
    this.restored = 0;
    await super.restore(id, chunks);
    this.restored = this.state.count;
    const was = this.whole.decided.states.get(this.restored)?.text;
    assert.equal(textOf(this.state), was, 'a state that never existed was restored');
  }

  override entry(bytes: Buffer, lsn: Lsn): void {
    assert.ok(this.#entries.get(lsn)?.equals(bytes), `what was never decided came back, at LSN ${lsn}`);
    assert.ok(lsn > (this.came.at(-1) ?? -1), 'in another order');
    this.came.push(lsn);
    super.entry(bytes, lsn);
  }
}

// What was lost is in a file next to the log, if there was anything.
function copied({ file, offset, copy }: LostPart, before: Contents, after: Contents): boolean {
  const was = before.get(file);
  // A checkpoint that the log does not reach is intact, and stays.
  if (file.endsWith('.checkpoint')) return true;
  if (was === undefined || was.subarray(offset, offset + COMMIT_HEADER).every((byte) => byte === 0))
    return true;
  const part = after.get(copy ?? `${file}.${offset}.torn`);
  const whole = after.get(`${file}.lost`)?.equals(was) === true;
  return whole || (part !== undefined && was.subarray(offset, offset + part.length).equals(part));
}

async function salvage(whole: WholeLog, files: SimulatedFiles): Promise<'whole' | 'lost'> {
  const before = contentsOf(files);
  const owner = new Salvager(whole);
  await owner.open(openingSmall(files, true));
  const after = contentsOf(files);
  for (const part of owner.lostParts)
    assert.ok(copied(part, before, after), `not copied: ${JSON.stringify(part)}`);

  // A loss at the end of the log cannot be seen if no commit after it is intact.
  const broken = whole.commits.findLastIndex(({ file, at, bytes }) => same(before, file, at, bytes));
  const certain = whole.commits[broken + 1]?.before ?? whole.count;
  const all = [...whole.entries.keys()];
  const missing = all.slice(owner.restored, certain).filter((lsn) => !owner.came.includes(lsn));
  if (missing.length > 0) assert.ok(owner.lostParts.length > 0, `lost but not reported: ${missing}`);

  if (owner.lostParts.length > 0) {
    const given = whole.commits.filter(({ file }) => before.has(file)).flatMap(({ records }) => records);
    assert.ok(
      given.every(({ lsn }) => lsn < owner.log.end),
      `${owner.log.end} is not above all LSNs that were given out`,
    );
  }

  // This is what the relay does then: it gives up what it cannot read, and makes two checkpoints.
  for (const n of await owner.readAll()) owner.append(Buffer.from(`GONE n=${n}\n`));
  await owner.checkpoint();
  await owner.send(100);
  await owner.checkpoint();
  owner.free();
  await owner.send(200);
  await owner.log.close();
  assert.equal(files.handles, 0);
  const decided = new Decided();
  const { count } = owner.state;
  decided.states.set(count, { text: textOf(owner.state), end: owner.log.end });
  decided.told = count;
  const again = await new TestOwner(decided).open(openingSmall(files));
  assert.deepEqual(again.notices, []);
  for (const tail of again.tails) assert.ok(!owner.tails.includes(tail), 'said twice');
  assert.deepEqual(await again.readAll(), []);
  await again.log.close();
  return owner.lostParts.length > 0 ? 'lost' : 'whole';
}

/** Damages copies of logs and salvages them. @returns how many had lost something */
async function all(damages: Iterable<readonly [WholeLog, Damage]>): Promise<{ whole: number; lost: number }> {
  const count = { whole: 0, lost: 0 };
  for (const [whole, [what, strike]] of damages) {
    const files = whole.files.fork();
    strike(files);
    const outcome = await salvage(whole, files).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${what}; ${why}`, { cause: error });
    });
    count[outcome] += 1;
  }
  return count;
}

test('a log with any files missing is salvaged: what is there comes back, and what is lost is reported', {
  tags: ['slow'],
}, async () => {
  const logs = await Promise.all(Object.values(LOGS).map(wholeLog));
  const sets = logs.flatMap((whole) => missingFiles(whole).map((damage) => [whole, damage] as const));
  expect((await all(sets)).lost).toBeGreaterThan(20);
});

test(`a log is salvaged after any damage, ${CASES} times at random`, async () => {
  const first = seed().seed;
  const logs = await Promise.all(Object.values(LOGS).map(wholeLog));
  const damages = Array.from({ length: CASES }, (_, number) => {
    const whole = logs[number % logs.length] as WholeLog;
    const [what, strike] = randomDamage(whole, prng(first + number));
    return [whole, [`case ${number}: ${what}`, strike]] as const;
  });
  const { whole, lost } = await all(damages);
  if (CASES >= 1000) expect(Math.min(whole, lost)).toBeGreaterThan(CASES / 10);
});
