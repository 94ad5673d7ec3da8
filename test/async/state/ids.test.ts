import { expect, test } from 'vitest';
import { IDS_PER_SESSION, RememberedIds } from '../../../src/async/ids.ts';
import type { Hash } from '../../../src/core/hash.ts';
import type { Kept } from '../../../src/core/id-table.ts';
import { prng as randomFrom } from '../../../src/core/prng.ts';
import { seed } from '../../seed.ts';

const chosen = seed().seed;
/** How long a session may be silent, in milliseconds: 10 minutes, and one more. */
const SILENCE = 11 * 60_000;

const textOf = ({ high, low }: Hash): string => `${high}.${low}`;

/** What was sent under an id. `n` distinguishes it from others. */
const sent = (n: number, seq = n): Kept => ({
  key: { high: Math.imul(n, 0x9e3779b1) >>> 0, low: n },
  seq,
  proof: { high: n, low: Math.imul(seq, 0x85ebca6b) >>> 0 },
});

/** The plain way to do the same: slow and simple. */
class NaiveIds {
  sessions: { name: string; last: number; ids: string[] }[] = [];
  records = new Map<string, Kept>();

  get links(): number {
    return this.sessions.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  forget(now: number): void {
    let links = 0;
    for (let oldest = this.sessions[0]; oldest !== undefined; oldest = this.sessions[0]) {
      links += oldest.ids.length;
      if (now - oldest.last <= SILENCE || links > 2000) break;
      this.sessions.shift();
    }
    this.#prune();
  }

  remember(name: string, now: number, what: Kept): void {
    const session = this.sessions.find((one) => one.name === name) ?? { name, last: now, ids: [] };
    this.sessions = [...this.sessions.filter((one) => one !== session), session];
    session.last = now;
    const key = textOf(what.key);
    this.records.set(key, what);
    if (session.ids.includes(key)) return;
    session.ids = [...session.ids, key].slice(-512);
    this.#prune();
  }

  // A record without a session is dropped.
  #prune(): void {
    const linked = new Set(this.sessions.flatMap(({ ids }) => ids));
    for (const key of this.records.keys()) if (!linked.has(key)) this.records.delete(key);
  }
}

/** Compares the two, with everything that is remembered. `asked` are ids to look up, remembered or not. */
function same(real: RememberedIds, naive: NaiveIds, asked: Iterable<Kept>): void {
  const sessions = Array.from(real.sessions, ({ name, last, ids }) => ({
    name,
    last,
    ids: ids.map((record) => textOf(real.read(record).key)),
  }));
  expect(sessions).toEqual(naive.sessions);
  for (const { name } of naive.sessions) expect(real.session(name)?.name).toBe(name);
  expect([real.count, real.links]).toEqual([naive.records.size, naive.links]);
  expect(real.most).toBeGreaterThanOrEqual(real.count);
  for (const { key } of asked) {
    const record = real.find(key);
    const expected = naive.records.get(textOf(key));
    if (record < 0 !== (expected === undefined)) throw new Error(`${textOf(key)}: ${record}`);
    if (expected !== undefined) expect(real.read(record)).toEqual(expected);
  }
}

/** A session sends something under an id. */
const remember = (ids: RememberedIds, name: string, now: number, what: Kept): void =>
  ids.remember(ids.heard(name, now), what);

/** What comes back from a checkpoint of these ids. */
function restored(ids: RememberedIds): RememberedIds {
  const again = new RememberedIds();
  const sessions = Array.from(ids.sessions, ({ name, last, ids: records }) => ({
    name,
    last,
    ids: [...records],
  }));
  again.restore(ids.freeze(), sessions);
  return again;
}

test('nothing is remembered at the beginning', () => {
  const ids = new RememberedIds();
  expect(ids.find(sent(1).key)).toBe(-1);
  expect(ids.session('ann s1')).toBeUndefined();
  expect(ids.forgettable(1e9)).toEqual({ sessions: 0, links: 0 });
  ids.forget(1e9);
  same(restored(ids), new NaiveIds(), [sent(1)]);
});

test('random sessions that send, repeat and fall silent give the same as plain lists', () => {
  for (let run = 0; run < 8; run++) {
    const chance = randomFrom(chosen + run);
    const below = (most: number): number => Math.floor(chance() * most);
    let real = new RememberedIds();
    const naive = new NaiveIds();
    const pool = Array.from({ length: 60 }, (_, n) => sent(n + 1));
    let now = 0;
    for (let step = 0; step < 200; step++) {
      now += chance() < 0.05 ? below(2 * SILENCE) : below(30_000);
      // The limits on what is forgotten are tested before.
      const before = { sessions: real.sessions.length, links: real.links };
      const promised = real.forgettable(now);
      if (chance() < 0.7) {
        real.forget(now);
        naive.forget(now);
        expect(real.sessions.length).toBe(before.sessions - promised.sessions);
        expect(real.links).toBe(before.links - promised.links);
      }
      const name = `ann s${below(5)}`;
      for (let count = 1 + below(6); count > 0; count--) {
        const one = pool[below(pool.length)] as Kept;
        // Another seq under the same id: the last one counts.
        const what = chance() < 0.8 ? one : { ...one, seq: one.seq + below(2 ** 40), proof: sent(step).key };
        remember(real, name, now, what);
        naive.remember(name, now, what);
      }
      if (chance() < 0.05) real = restored(real);
      same(real, naive, step % 10 === 0 ? pool : []);
    }
    same(real, naive, pool);
  }
});

test('a session keeps its last 512 different ids in the order in which it first sent them', () => {
  expect(IDS_PER_SESSION).toBe(512);
  const ids = new RememberedIds();
  for (let n = 1; n <= 512; n++) remember(ids, 'ann s1', 0, sent(n));
  // Sending the oldest id again does not make it newer.
  remember(ids, 'ann s1', 0, sent(1));
  expect(ids.links).toBe(512);
  remember(ids, 'ann s1', 0, sent(513));
  expect([ids.links, ids.count]).toEqual([512, 512]);
  expect([ids.find(sent(1).key) < 0, ids.find(sent(2).key) < 0]).toEqual([true, false]);
  // An id that was dropped and comes again is new: it is the newest, and the next oldest is dropped.
  remember(ids, 'ann s1', 0, sent(1));
  expect([ids.find(sent(1).key) < 0, ids.find(sent(2).key) < 0]).toEqual([false, true]);
  // Another session drops nothing.
  remember(ids, 'ann s2', 0, sent(600));
  expect([ids.links, ids.count]).toEqual([513, 513]);
});

test('an id that one session drops is remembered as long as another holds it', () => {
  const ids = new RememberedIds();
  remember(ids, 'ann s1', 0, sent(1));
  remember(ids, 'ann s2', 0, sent(1));
  expect([ids.links, ids.count]).toEqual([2, 1]);
  for (let n = 2; n <= 513; n++) remember(ids, 'ann s1', 0, sent(n));
  expect(ids.find(sent(1).key)).toBeGreaterThanOrEqual(0);
  remember(ids, 'ann s3', SILENCE, sent(999));
  ids.forget(SILENCE + 1);
  expect(ids.find(sent(1).key)).toBe(-1);
  expect([ids.links, ids.count, ids.sessions.length]).toEqual([1, 1, 1]);
});

test('a session is forgotten after 11 minutes of silence, not a millisecond earlier', () => {
  const ids = new RememberedIds();
  remember(ids, 'ann s1', 1000, sent(1));
  remember(ids, 'ann s2', 2000, sent(2));
  ids.forget(1000 + SILENCE);
  expect(ids.sessions.length).toBe(2);
  ids.forget(1001 + SILENCE);
  expect(Array.from(ids.sessions, ({ name }) => name)).toEqual(['ann s2']);
  expect([ids.find(sent(1).key), ids.links, ids.count]).toEqual([-1, 1, 1]);
  // A repeat counts as a SEND: it ends the silence of the session.
  remember(ids, 'ann s2', 500_000, sent(2));
  ids.forget(2001 + SILENCE);
  expect(ids.sessions.length).toBe(1);
  ids.forget(500_001 + SILENCE);
  expect(ids.sessions.length).toBe(0);
});

test('at most 2,000 links are forgotten at a time, in whole sessions', () => {
  const ids = new RememberedIds();
  let n = 0;
  for (const count of [500, 500, 500, 500, 1, 512, 512, 512, 465])
    for (let i = 0, session = `ann s${n}`; i < count; i++) remember(ids, session, 0, sent(++n));
  const late = 10 * SILENCE;
  expect(ids.forgettable(late)).toEqual({ sessions: 4, links: 2000 });
  ids.forget(late);
  expect([ids.sessions.length, ids.links]).toEqual([5, 2002]);
  // The next session stays, although it would fit.
  expect(ids.forgettable(late)).toEqual({ sessions: 4, links: 1537 });
  ids.forget(late);
  ids.forget(late);
  expect([ids.sessions.length, ids.links, ids.count]).toEqual([0, 0, 0]);
});

test('a chain of ids whose hashes share their lower bits loses none of them', () => {
  const chance = randomFrom(chosen + 100);
  let real = new RememberedIds();
  const naive = new NaiveIds();
  // Equal in the lower 16 bits, or in the whole lower half.
  const pool = Array.from(
    { length: 120 },
    (_, n): Kept => ({
      key: { high: n, low: n % 2 === 0 ? 7 : ((n << 16) | 7) >>> 0 },
      seq: n + 1,
      proof: { high: 2 ** 32 - 1 - n, low: 2 ** 32 - 1 },
    }),
  );
  let now = 0;
  for (let step = 0; step < 1500; step++) {
    now += Math.floor(chance() * SILENCE * 0.1);
    real.forget(now);
    naive.forget(now);
    const name = `ann s${Math.floor(chance() * 12)}`;
    const what = pool[Math.floor(chance() * pool.length)] as Kept;
    remember(real, name, now, what);
    naive.remember(name, now, what);
    if (step % 100 === 50) real = restored(real);
    if (step % 20 === 0) same(real, naive, pool);
  }
});

test('the largest numbers come back', () => {
  const ids = new RememberedIds();
  const what: Kept = {
    key: { high: 2 ** 32 - 1, low: 2 ** 32 - 1 },
    seq: 2 ** 48 - 1,
    proof: { high: 2 ** 32 - 1, low: 2 ** 32 - 1 },
  };
  remember(ids, 'ann s1', 0, what);
  expect(ids.read(ids.find(what.key))).toEqual(what);
  const again = restored(ids);
  expect(again.read(again.find(what.key))).toEqual(what);
  expect(ids.find({ high: 2 ** 32 - 1, low: 2 ** 31 - 1 })).toBe(-1);
});

test('tens of thousands of ids are found, and their space is reused when they are forgotten', () => {
  const ids = new RememberedIds();
  let most = 0;
  for (let round = 0; round < 4; round++) {
    const now = round * 2 * SILENCE;
    for (let i = 0; i < 40; i++) ids.forget(now);
    expect([ids.count, ids.links]).toEqual([0, 0]);
    for (let n = 0; n < 20_000; n++) remember(ids, `ann s${n % 40}`, now, sent(n * (round + 1)));
    expect(ids.count).toBe(20_000);
    let wrong = 0;
    for (let n = 0; n < 20_000; n++)
      if (ids.read(ids.find(sent(n * (round + 1)).key)).seq !== n * (round + 1)) wrong += 1;
    expect(wrong).toBe(0);
    if (round === 0) most = ids.most;
    expect(ids.most).toBe(most);
  }
  const again = restored(ids);
  expect([again.count, again.links, again.most]).toEqual([20_000, 20_000, most]);
  for (let n = 0; n < 20_000; n += 7) expect(again.read(again.find(sent(n * 4).key)).seq).toBe(n * 4);
});

test('a checkpoint does not change when ids are forgotten and others come', () => {
  const ids = new RememberedIds();
  for (let n = 1; n <= 300; n++) remember(ids, `ann s${n % 3}`, 0, sent(n));
  const frozen = ids.freeze();
  const copy = frozen.slice();
  ids.forget(2 * SILENCE);
  for (let n = 1; n <= 400; n++) remember(ids, 'ann s9', 2 * SILENCE, sent(n * 1000));
  expect(frozen).toEqual(copy);
});
