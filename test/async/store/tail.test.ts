import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Journal } from '../../../src/async/store/journal.ts';
import { DetourError } from '../../../src/errors/error.ts';
import type { Event } from '../../../src/trace/event.ts';
import { FakeClock } from '../../fake-clock.ts';
import { careless, crashed, durably, fastScratch, send, unlocked } from './bench.ts';
import { recoveredState, type State } from './model.ts';

const SEGMENT_BYTES = 2048;

/** What opening comes to: what came back and how much was cut, or the refusal. */
type Outcome =
  | { readonly state: State; readonly cut: number | undefined }
  | { readonly refused: string; readonly message: string };

async function outcomeOf(dir: string): Promise<Outcome> {
  const events: Event[] = [];
  const journal = new Journal({
    dir,
    emit: (event) => events.push(event),
    clock: new FakeClock(),
    lock: unlocked,
    segmentBytes: SEGMENT_BYTES,
  });
  try {
    const recovered = await journal.open(careless);
    const state = await recoveredState(journal, recovered);
    const cut = events.find((event) => event.event === 'cut');
    return { state, cut: cut?.event === 'cut' ? cut.bytes : undefined };
  } catch (error) {
    if (error instanceof DetourError) return { refused: error.code, message: error.message };
    throw error;
  } finally {
    await journal.close();
  }
}

// The journal as a crash leaves it after each of these appends; the file of the last state serves all the tests.
const steps = [
  [send('bob', 1, 'one'), send('carol', 1, 'COMMIT n=9 at=1 head=00000000 crc=00000000 size=0\n\n')],
  [send('bob', 2, 'two'), { kind: 'open', to: 'bob' } as const],
  [{ kind: 'ack', to: 'bob', seq: 1 } as const, send('bob', 3, 'three')],
  [send('carol', 2, 'four'), { kind: 'expire', to: 'carol', seq: 1 } as const],
];
const states: State[] = [];
const ends: number[] = [];
let file: Buffer;
let start: number;

beforeAll(async () => {
  const dir = fastScratch();
  const journal = new Journal({
    dir,
    emit: () => {},
    clock: new FakeClock(),
    lock: unlocked,
    segmentBytes: SEGMENT_BYTES,
  });
  await journal.open(careless);
  const look = async (): Promise<void> => {
    const copy = crashed(dir);
    const outcome = await outcomeOf(copy);
    if (!('state' in outcome)) throw new Error(outcome.message);
    states.push(outcome.state);
    // What opening has cut the file to is where its last commit ends.
    ends.push(readFileSync(path.join(copy, '00000001.segment')).length);
  };
  await look();
  for (const entries of steps) {
    await durably(journal, entries);
    await look();
  }
  file = readFileSync(path.join(dir, '00000001.segment'));
  start = file.indexOf('COMMIT');
  await journal.close();
});

function withFile(bytes: Buffer): string {
  const dir = fastScratch();
  writeFileSync(path.join(dir, '00000001.segment'), bytes);
  return dir;
}

// What another journal wrote: as it stands behind the end in a file that was used before.
function oldBytes(): Buffer {
  const old = Buffer.alloc(SEGMENT_BYTES);
  for (let at = 0; at < old.length; at += 83)
    old.write(
      `COMMIT n=${at} at=1767225600000 head=0badf00d crc=0badf00d size=12\nACK to=x seq=1\n`,
      at,
      'latin1',
    );
  return old;
}

const behind = {
  'nothing (the file is cut)': (at: number) => file.subarray(0, at),
  zeros: (at: number) => Buffer.concat([file.subarray(0, at), Buffer.alloc(SEGMENT_BYTES - at)]),
  'bytes of an older life': (at: number) => Buffer.concat([file.subarray(0, at), oldBytes().subarray(at)]),
};

describe.each(Object.entries(behind))(
  'a last commit of which only the first bytes were written, and behind them %s',
  (_, torn) => {
    test('everything before it comes back, and what was cut is said', { timeout: 60_000 }, async () => {
      const last = ends.at(-1) as number;
      for (let at = start; at < last; at++) {
        const whole = ends.filter((end) => end <= at).length - 1;
        const outcome = await outcomeOf(withFile(torn(at)));
        if (whole < 0) {
          expect(outcome, `at ${at}`).toMatchObject({ state: {} });
          continue;
        }
        expect(outcome, `at ${at}`).toMatchObject({ state: states[whole] });
        if (at > (ends[whole] as number)) expect(outcome, `at ${at}`).not.toMatchObject({ cut: undefined });
      }
    });
  },
);

test('a segment whose header is cut is damage', async () => {
  for (let at = 0; at < start; at++)
    expect(await outcomeOf(withFile(file.subarray(0, at)))).toMatchObject({ refused: 'damaged' });
});

test('a flipped bit anywhere is refused by name and place, or said to be a torn tail; nothing else is ever lost', {
  timeout: 60_000,
}, async () => {
  const last = ends.at(-1) as number;
  const before = ends.at(-2) as number;
  for (let at = 0; at < last; at++) {
    for (const bit of [1 << (at % 8), 1 << ((at + 3) % 8)]) {
      const bytes = Buffer.from(file);
      bytes[at] = (bytes[at] as number) ^ bit;
      const dir = withFile(bytes);
      const outcome = await outcomeOf(dir);
      if (at < before) {
        expect(outcome, `at ${at}`).toMatchObject({ refused: 'damaged' });
        expect('message' in outcome && outcome.message).toContain('00000001.segment, at byte');
        expect(readFileSync(path.join(dir, '00000001.segment')).equals(bytes), 'nothing was changed').toBe(
          true,
        );
        continue;
      }
      expect(outcome, `at ${at}`).toEqual({ state: states.at(-2), cut: expect.any(Number) });
      const cut = readdirSync(dir).filter((name) => name.endsWith('.cut'));
      expect(cut).toEqual([`00000001.segment.${before}.cut`]);
      const kept = readFileSync(path.join(dir, cut[0] as string));
      expect(bytes.subarray(before).indexOf(kept)).toBe(0);
    }
  }
});

test('after a quiet while a flipped bit in the last message is damage, too, and no torn tail', async () => {
  const dir = fastScratch();
  const clock = new FakeClock();
  const journal = new Journal({ dir, emit: () => {}, clock, lock: unlocked, segmentBytes: SEGMENT_BYTES });
  await journal.open(careless);
  await durably(journal, [send('bob', 1, 'precious')]);
  clock.advance(100);
  // What is appended now comes behind the commit that closes the last one.
  await durably(journal, [{ kind: 'open', to: 'bob' }]);
  const bytes = readFileSync(path.join(dir, '00000001.segment'));
  await journal.close();
  expect(bytes.toString('latin1')).toMatch(/precious\n\nCOMMIT n=3 [^\n]* size=0\n\nCOMMIT n=4 /);
});

test('after a polite stop every commit is closed: a flipped bit in the last message is damage', async () => {
  const dir = fastScratch();
  const journal = new Journal({
    dir,
    emit: () => {},
    clock: new FakeClock(),
    lock: unlocked,
    segmentBytes: SEGMENT_BYTES,
  });
  await journal.open(careless);
  await durably(journal, [send('bob', 1, 'precious')]);
  await journal.close();
  const bytes = readFileSync(path.join(dir, '00000001.segment'));
  bytes.write('q', bytes.indexOf('precious'));
  expect(await outcomeOf(withFile(bytes))).toMatchObject({ refused: 'damaged' });
});

test('the torn tail of a life that another life followed is no damage', async () => {
  const dir = withFile(file.subarray(0, (ends.at(-1) as number) - 3));
  await outcomeOf(dir);
  // As if the crash had come before the tail could be cut off.
  writeFileSync(path.join(dir, '00000001.segment'), file.subarray(0, (ends.at(-1) as number) - 3));
  expect(await outcomeOf(dir)).toMatchObject({ state: states.at(-2), cut: undefined });
});

describe('a journal of several segments', () => {
  async function three(): Promise<string> {
    const dir = fastScratch();
    for (let life = 1; life <= 3; life++) {
      const journal = new Journal({
        dir,
        emit: () => {},
        clock: new FakeClock(),
        lock: unlocked,
        segmentBytes: SEGMENT_BYTES,
      });
      await journal.open(careless);
      await durably(journal, [send('bob', life, `life ${life}`)]);
      await journal.close();
    }
    return dir;
  }

  test('a missing one is noticed', async () => {
    for (const name of ['00000001.segment', '00000002.segment']) {
      const dir = await three();
      rmSync(path.join(dir, name));
      expect(await outcomeOf(dir)).toMatchObject({
        refused: 'damaged',
        message: expect.stringContaining('is missing'),
      });
    }
  });

  test('one that lost its end is noticed', async () => {
    const dir = await three();
    const name = path.join(dir, '00000002.segment');
    const bytes = readFileSync(name);
    writeFileSync(name, bytes.subarray(0, bytes.indexOf('COMMIT', bytes.indexOf('life 2'))));
    expect(await outcomeOf(dir)).toMatchObject({
      refused: 'damaged',
      message: expect.stringContaining('00000002.segment, at byte'),
    });
  });

  test('one of another journal is noticed', async () => {
    const dir = await three();
    const other = await three();
    writeFileSync(path.join(dir, '00000003.segment'), readFileSync(path.join(other, '00000003.segment')));
    expect(await outcomeOf(dir)).toMatchObject({ refused: 'damaged' });
  });
});
