// The relay's state compared with a naive one, in random histories and in all small ones. CASES sets the number of random ones, SEED repeats
// them; LENGTH sets the number of decisions of the small ones, and with EVERYWHERE each is tried with a checkpoint, or a loss, at every place.

import { expect, test } from 'vitest';
import { MAX_CHUNK } from '../../../src/async/log/log.ts';
import { restoreSnapshot, snapshotSize } from '../../../src/async/snapshot.ts';
import { prng as randomFrom } from '../../../src/core/prng.ts';
import { ALL, cases } from '../../cases.ts';
import { seed } from '../../seed.ts';
import { equal } from './compare.ts';
import { Checkpoint, Decider, history, LogWriter } from './histories.ts';
import { describe, NaiveState } from './naive.ts';
import { ANN, everySmallHistory, everySmallLoss } from './small.ts';

const chosen = seed().seed;
const CASES = cases(300, 60);
const LENGTH = Number(process.env.LENGTH ?? (ALL ? 4 : 3));
const EVERYWHERE = process.env.EVERYWHERE !== undefined;

test(`random histories make the right state, and so do their logs and checkpoints, ${CASES} times`, async () => {
  for (let i = 0; i < CASES; i++) await history(randomFrom(chosen + i));
});

test(`the same when parts of the log are lost, ${CASES / 2} times`, async () => {
  for (let i = 0; i < CASES / 2; i++) await history(randomFrom(chosen + CASES + i), true);
});

// Random histories miss what all small ones find.
test(`every history of up to ${LENGTH} decisions makes the right state, and so do its log and a checkpoint`, async () => {
  expect(await everySmallHistory(LENGTH, EVERYWHERE)).toBeGreaterThan(LENGTH < 4 ? 40 : 3000);
});

test(`the same for every history of ${LENGTH} with a part lost`, async () => {
  expect(await everySmallLoss(LENGTH, EVERYWHERE)).toBeGreaterThan(LENGTH < 4 ? 40 : 3000);
});

/** A state so large that a checkpoint of it is drawn in several chunks. */
function large(): { readonly log: LogWriter; readonly decider: Decider } {
  const naive = new NaiveState();
  const decider = new Decider(naive);
  const log = new LogWriter();
  for (let run = 0; run < 100; run++) {
    decider.pass(100);
    const to = `${run % 2 === 0 ? 'n' : 'w-'}${run % 20}`;
    const who = { from: 'ann', session: `s${run % 7}` };
    const mails = Array.from({ length: 1000 }, (_, i) => ({
      id: `r${run}-${i}`,
      to,
      ttl: i % 10 === 0 ? 600 : undefined,
    }));
    // The naive state is not told, because it would take minutes.
    log.write(decider.send(who, mails, new Map([[to, log.real.nextOf(to)]])));
  }
  return { log, decider };
}

test('a checkpoint of many chunks, drawn while everything changes, has the state of the moment when it was taken', {
  tags: ['slow'],
}, async () => {
  const { log, decider } = large();
  const { real } = log;
  const before = describe(real);
  const checkpoint = new Checkpoint(real, log.log.length);
  const reckoned = snapshotSize(real);
  const at = log.log.length;
  let chunks = 0;
  const { at: now, t } = decider;
  const names = [...real.mailboxes.keys()];
  const who = { from: 'ben', session: 's1', at: now, t };
  for (let round = 0; round < 20; round++) {
    const to = names[round] as string;
    const next = real.nextOf(to);
    const box = real.mailboxes.get(to);
    if (box === undefined) throw new Error(to);
    const held = Array.from({ length: 3000 }, (_, n) => next - 3000 + n);
    log.write({
      entry: { verb: 'EXPIRE', to, numbers: held.slice(0, 1500), at: now, t, messages: [] },
      frames: [],
    });
    const moved = held.slice(1500, 1600).map((_, n) => ({ id: `m${n}`, to, size: 9 }));
    log.write({
      entry: { verb: 'MOVE', ...who, to, numbers: held.slice(1500, 1600), messages: moved },
      frames: [],
    });
    log.write({
      entry: { verb: 'ACK', to, seq: next - 1 - (round % 3) * 500, at: now, t, messages: [] },
      frames: [],
    });
    if (checkpoint.draw()) chunks += 1;
  }
  const size = checkpoint.drain();
  expect(chunks).toBeGreaterThan(1);
  expect(size).toBeGreaterThan(MAX_CHUNK);
  expect(size).toBeLessThanOrEqual(reckoned);
  const restored = await checkpoint.restore(MAX_CHUNK);
  expect(JSON.stringify(describe(restored))).toBe(JSON.stringify(before));
  for (const { entry, lsn } of log.log.slice(at)) restored.apply(entry, lsn);
  equal(restored, real);
});

test('a checkpoint that ends too early is refused, wherever it ends', async () => {
  const log = new LogWriter();
  const decider = new Decider(new NaiveState());
  log.write(decider.send(ANN, [{ id: 'a', to: 'bob', ttl: 60 }]));
  const checkpoint = new Checkpoint(log.real, 1);
  checkpoint.drain();
  const bytes = checkpoint.bytes;
  for (let length = 0; length < bytes.length; length++)
    await expect(
      restoreSnapshot(
        (async function* () {
          yield bytes.subarray(0, length);
        })(),
      ),
    ).rejects.toThrow(RangeError);
});
