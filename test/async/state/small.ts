// All small histories of the relay's decisions: two names, one of them throwaway, one session, two ids, and every possible decision.
// The real state is compared with the naive one, with what a checkpoint and the rest of the log bring back, and around a part that is
// lost. No test is in here.

import assert from 'node:assert/strict';
import { State } from '../../../src/async/state.ts';
import { compare } from './compare.ts';
import { Checkpoint, Decider, type Decision, LogWriter, replay, type Who } from './histories.ts';
import { NaiveState } from './naive.ts';

const NAMES = ['bob', 'w-1', 'carol', 'w-2'] as const;

/** The sender in them. */
export const ANN: Who = { from: 'ann', session: 's1' };

/** The decisions of a small history. Undefined: not possible now. */
const ALPHABET: Readonly<Record<string, (decider: Decider) => Decision | undefined>> = {
  'send a to bob': (decider) => decider.send(ANN, [{ id: 'a', to: 'bob', notify: 'bob' }]),
  'send b to w-1': (decider) => decider.send(ANN, [{ id: 'b', to: 'w-1', ttl: 60, notify: 'bob' }]),
  'send a to w-1, b to bob': (decider) =>
    decider.send(ANN, [
      { id: 'a', to: 'w-1' },
      { id: 'b', to: 'bob', notify: 'w-1', ttl: 5 },
    ]),
  'repeat a': (decider) => {
    const known = decider.known('ann', 'a');
    return known === undefined ? undefined : decider.repeat(ANN, 'a', known);
  },
  'ack the first of bob': (decider) => acknowledge(decider, 'bob', 0),
  'ack all of bob': (decider) => acknowledge(decider, 'bob', -1),
  'ack all of w-1': (decider) => acknowledge(decider, 'w-1', -1),
  'expire the first of bob': (decider) => expire(decider, 'bob'),
  'expire the first of w-1': (decider) => expire(decider, 'w-1'),
  'move the first of bob': (decider) => move(decider, 'bob'),
  'move the first of w-1': (decider) => move(decider, 'w-1'),
  'move the first that bob ever had': (decider) =>
    decider.given.has('bob 1') ? decider.move('bob', [1]) : undefined,
  'open bob': (decider) => (decider.naive.boxes.get('bob')?.open === false ? decider.open('bob') : undefined),
  'open w-1': (decider) => (decider.naive.boxes.get('w-1')?.open === false ? decider.open('w-1') : undefined),
  epoch: (decider) => decider.epoch(),
};

function acknowledge(decider: Decider, to: string, at: number): Decision | undefined {
  const seq = decider.naive.heldOf(to).at(at)?.seq;
  return seq === undefined ? undefined : decider.acknowledge(to, seq);
}

function expire(decider: Decider, to: string): Decision | undefined {
  const seq = decider.naive.heldOf(to)[0]?.seq;
  return seq === undefined ? undefined : decider.expire(to, [seq]);
}

function move(decider: Decider, to: string): Decision | undefined {
  const seq = decider.naive.heldOf(to)[0]?.seq;
  return seq === undefined ? undefined : decider.move(to, [seq]);
}

/** Makes these decisions, if each is possible in turn, and compares after the last. @param taken before which of them checkpoints are taken */
function decided(
  word: readonly string[],
  taken: readonly number[],
):
  | { readonly log: LogWriter; readonly naive: NaiveState; readonly checkpoints: readonly Checkpoint[] }
  | undefined {
  const naive = new NaiveState();
  const decider = new Decider(naive);
  const log = new LogWriter();
  const checkpoints: Checkpoint[] = [];
  for (const [at, letter] of word.entries()) {
    decider.pass(1000);
    const decision = ALPHABET[letter]?.(decider);
    if (decision === undefined) return undefined;
    if (taken.includes(at)) checkpoints.push(new Checkpoint(log.real, at));
    const { entry, lsn } = log.add(decision);
    log.real.apply(entry, lsn);
    naive.apply(entry, lsn);
  }
  try {
    compare(log.real, naive, NAMES);
  } catch (error) {
    throw new Error(word.join(', '), { cause: error });
  }
  return { log, naive, checkpoints };
}

/** One place, a different one for each count, or all places. */
const places = (length: number, all: boolean, count: number): number[] =>
  all ? Array.from({ length }, (_, at) => at) : [count % length];

/** Calls back for every possible word up to this length. @returns how many there are */
async function everyWord(
  length: number,
  all: boolean,
  found: (word: readonly string[], made: NonNullable<ReturnType<typeof decided>>, count: number) => unknown,
): Promise<number> {
  let shorter: (readonly string[])[] = [[]];
  let count = 0;
  for (let now = 1; now <= length; now++) {
    const longer: (readonly string[])[] = [];
    for (const word of shorter)
      for (const letter of Object.keys(ALPHABET)) {
        const next = [...word, letter];
        // Shorter words are the beginnings of longer ones.
        const made = decided(next, now === length ? places(now, all, count) : []);
        if (made === undefined) continue;
        count += 1;
        longer.push(next);
        if (now === length) await found(next, made, count);
      }
    shorter = longer;
  }
  return count;
}

/**
 * Plays every history up to this length, with a checkpoint that is taken at one place, or at each, and drawn at the end.
 * @returns how many there are @throws Error that names the history whose state is wrong
 */
export async function everySmallHistory(length: number, all = false): Promise<number> {
  return await everyWord(length, all, async (word, { log, naive, checkpoints }) => {
    for (const checkpoint of checkpoints)
      try {
        compare(replay(log.log.slice(checkpoint.length), await checkpoint.restore()), naive, NAMES);
      } catch (error) {
        throw new Error(`${word.join(', ')}; a checkpoint at ${checkpoint.length}`, { cause: error });
      }
  });
}

/**
 * Plays every history up to this length with one entry lost, or each of them in turn.
 * @returns how many there are @throws Error that names the history whose state is wrong
 */
export async function everySmallLoss(length: number, all = false): Promise<number> {
  return await everyWord(length, false, (word, { log: { log } }, count) => {
    for (const lost of places(length, all, count)) {
      const real = new State();
      const naive = new NaiveState();
      try {
        for (const [index, { entry, lsn }] of log.entries()) {
          if (index === lost) {
            real.lose();
            naive.lose();
            continue;
          }
          real.apply(entry, lsn);
          naive.apply(entry, lsn);
          compare(real, naive, NAMES);
        }
        assert.equal(real.lossFloor, naive.floorOfLoss);
      } catch (error) {
        throw new Error(`${word.join(', ')}; ${lost} is lost`, { cause: error });
      }
    }
  });
}
