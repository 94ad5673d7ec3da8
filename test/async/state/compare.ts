// Does a real state say the same as the naive one? It is compared part by part, without making a text, because one run of
// scripts/histories.ts asks some million times. Only if they differ are both described in full. No test is in here.

import assert from 'node:assert/strict';
import type { Mailbox, State } from '../../../src/async/state.ts';
import { Deadlines } from '../../../src/core/deadlines.ts';
import { type Box, describe, type NaiveState } from './naive.ts';

/** Compares the two states. @throws AssertionError if they differ */
export function compare(real: State, naive: NaiveState, names: readonly string[]): void {
  if (!isSame(real, naive)) {
    compareInFull(real, naive);
    assert.fail('the states differ in something that their descriptions do not have');
  }
  for (const name of names) {
    if (real.nextOf(name) !== naive.nextOf(name)) assert.fail(`the next number of ${name}`);
    if (real.acknowledgedOf(name) !== naive.acknowledgedOf(name))
      assert.fail(`what is acknowledged of ${name}`);
  }
}

/** Compares everything that the two states say. @throws AssertionError if they differ */
export function compareInFull(real: State, naive: NaiveState): void {
  assert.deepEqual(describe(real), naive.describe());
}

/** Compares two real states. @throws AssertionError if they differ */
export function equal(a: State, b: State): void {
  const [is, should] = [describe(a), describe(b)];
  // As texts first, because comparing large states takes long otherwise.
  if (JSON.stringify(is) !== JSON.stringify(should)) assert.deepEqual(is, should);
}

function isSame(real: State, naive: NaiveState): boolean {
  return (
    real.at === naive.at &&
    real.t === naive.t &&
    real.down === naive.down &&
    real.marks.throwaway === naive.marks.throwaway &&
    real.marks.other === naive.marks.other &&
    (real.gap !== undefined) === naive.gap &&
    (!naive.gap || real.lossFloor === naive.floorOfLoss) &&
    sameMailboxes(real, naive) &&
    sameEmpty(real, naive) &&
    sameSessions(real, naive) &&
    sameDeadlines(real, naive)
  );
}

function sameMailboxes(real: State, naive: NaiveState): boolean {
  if (real.mailboxes.size !== naive.boxes.size) return false;
  let count = 0;
  for (const should of naive.boxes.values()) {
    const is = real.mailboxes.get(should.name);
    if (is === undefined || !sameMailbox(is, should)) return false;
    count += should.held.length;
  }
  return real.count === count;
}

function sameMailbox(is: Mailbox, should: Box): boolean {
  let same =
    is.name === should.name &&
    is.next === should.next &&
    is.acknowledged === should.acknowledged &&
    is.tried === should.tried &&
    is.open === should.open &&
    is.count === should.held.length;
  let index = 0;
  let bytes = 0;
  is.held.each(is.acknowledged, (seq, place) => {
    const held = should.held[index++];
    bytes += place.size;
    same &&=
      held !== undefined &&
      seq === held.seq &&
      place.lsn === held.lsn &&
      place.index === held.index &&
      place.size === held.size &&
      place.at === held.at &&
      place.notify === held.notify;
  });
  return same && index === should.held.length && is.bytes === bytes;
}

function sameEmpty({ empty }: State, naive: NaiveState): boolean {
  let index = 0;
  for (const { name } of empty) if (name !== naive.empty[index++]) return false;
  return index === naive.empty.length && index === empty.length;
}

function sameSessions({ ids }: State, naive: NaiveState): boolean {
  let index = 0;
  let links = 0;
  for (const session of ids.sessions) {
    const should = naive.sessions[index++];
    if (should === undefined || session.name !== should.name || session.last !== should.last) return false;
    if (session.ids.length !== should.ids.length || ids.session(session.name) !== session) return false;
    for (const [at, record] of session.ids.entries()) {
      const is = ids.read(record);
      const sent = naive.records.get(should.ids[at] as string);
      if (sent === undefined || ids.find(sent.key) !== record || is.seq !== sent.seq) return false;
      if (is.key.high !== sent.key.high || is.key.low !== sent.key.low) return false;
      if (is.proof.high !== sent.proof.high || is.proof.low !== sent.proof.low) return false;
    }
    links += session.ids.length;
  }
  return index === naive.sessions.length && ids.count === naive.records.size && ids.links === links;
}

/** Emptied after each use. */
const copy = new Deadlines();

// The deadlines, in the order in which they would come. Some may be of what is not held any more.
function sameDeadlines(real: State, naive: NaiveState): boolean {
  let missing = 0;
  for (const { held } of naive.boxes.values())
    for (const { deadline } of held) if (deadline !== undefined) missing += 1;
  if (real.deadlines.length === 0) return missing === 0;
  copy.restore(real.deadlines.freeze());
  let same = true;
  let before = 0;
  const seen = new Set<unknown>();
  for (let first = copy.first; first !== undefined; first = copy.first) {
    const { t, serial, seq } = first;
    copy.shift();
    same &&= t >= before;
    before = t;
    const box = real.bySerial.get(serial);
    if (box === undefined || real.place(box, seq) === undefined) continue;
    const held = naive.boxes.get(box.name)?.held.find((one) => one.seq === seq);
    same &&= held?.deadline === t && !seen.has(held);
    seen.add(held);
    missing -= 1;
  }
  return same && missing === 0;
}
