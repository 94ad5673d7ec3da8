// The rules of the relay's state, with one test for each, named after what the rule protects. Unless a test says otherwise, the state is
// compared with the naive one after each entry.

import { expect, test } from 'vitest';
import type { Entry } from '../../../src/async/entry.ts';
import { HeldMessages } from '../../../src/async/held.ts';
import { snapshotSize } from '../../../src/async/snapshot.ts';
import { LOSS_GAP, MOST_EMPTY, State } from '../../../src/async/state.ts';
import { compare, equal } from './compare.ts';
import { Checkpoint, Decider, type Decision, LogWriter, type Mail, replay, type Who } from './histories.ts';
import { describe as describeState, NaiveState } from './naive.ts';
import { ANN } from './small.ts';

const MINUTE = 60_000;
const DAMAGE = expect.objectContaining({ code: 'damaged_journal' });

/** A relay: the real state and the naive one, and what they are told. */
class Relay extends LogWriter {
  readonly naive = new NaiveState();
  readonly decider = new Decider(this.naive);
  #ids = 0;

  /** Appends a decision and compares. */
  did(...decisions: readonly Decision[]): void {
    for (const decision of decisions) {
      this.decider.pass(1);
      const { entry, lsn } = this.add(decision);
      this.real.apply(entry, lsn);
      this.naive.apply(entry, lsn);
      compare(this.real, this.naive, ['bob', 'carol', 'w-1', 'w-2', 'w-9']);
    }
  }

  /** One run of messages with new ids. */
  send(...mails: readonly (string | Omit<Mail, 'id'>)[]): void {
    const all = mails.map((mail) => (typeof mail === 'string' ? { to: mail } : mail));
    this.did(
      this.decider.send(
        ANN,
        all.map((mail) => ({ id: `i${++this.#ids}`, ...mail })),
      ),
    );
  }

  ack(to: string, seq: number): void {
    this.did(this.decider.acknowledge(to, seq));
  }

  expire(to: string, ...numbers: number[]): void {
    this.did(this.decider.expire(to, numbers));
  }

  /** A SEND run with this number. */
  sendAs(seq: number, mail: Omit<Mail, 'id'>): Decision {
    return this.decider.send(ANN, [{ id: `i${++this.#ids}`, ...mail }], new Map([[mail.to, seq]]));
  }

  /** A part of the log cannot be read here. */
  lose(): void {
    this.real.lose();
    this.naive.lose();
  }

  /** The held numbers of a name. */
  held(name: string): number[] {
    const numbers: number[] = [];
    const box = this.real.mailboxes.get(name);
    box?.held.each(box.acknowledged, (seq) => numbers.push(seq));
    expect(box?.count ?? 0).toBe(numbers.length);
    return numbers;
  }
}

/** Both states refuse this entry as damage. */
function refused(relay: Relay, { entry }: Decision): void {
  expect(() => relay.real.apply(entry, 1e6)).toThrowError(DAMAGE);
  expect(() => relay.naive.apply(entry, 1e6)).toThrow(/damage/);
}

test('numbers of a forgotten throwaway name are not given out again, not even under another such name', () => {
  const relay = new Relay();
  relay.send('w-1', 'w-1', 'w-1', 'w-2', 'bob');
  relay.ack('w-1', 3);
  expect(relay.real.mailboxes.has('w-1')).toBe(false);
  expect(relay.real.marks).toEqual({ throwaway: 3, other: 0 });
  // A second, late ACK finds that everything is acknowledged.
  expect(relay.real.acknowledgedOf('w-1')).toBe(3);
  relay.send('w-1', 'w-9', 'carol');
  expect([relay.held('w-1'), relay.held('w-9'), relay.held('carol')]).toEqual([[4], [4], [1]]);
  expect(relay.real.mailboxes.get('w-1')?.acknowledged).toBe(3);
  // A mark does not go down when a name with lower numbers is forgotten.
  relay.ack('w-2', 1);
  expect(relay.real.marks.throwaway).toBe(3);
  relay.expire('w-1', 4);
  expect(relay.real.marks.throwaway).toBe(4);
});

/** A state with this many empty mailboxes. `n0` became empty first and had 3 messages; the others had 1. */
function withEmpty(count: number): State {
  const state = new State();
  const times = { at: 1, t: 1 };
  let lsn = 0;
  const apply = (entry: Entry): void => state.apply(entry, ++lsn);
  const key = { high: 1, low: 1 };
  const send = (to: string): void =>
    apply({
      verb: 'SEND',
      ...ANN,
      first: new Map([[to, state.nextOf(to)]]),
      ...times,
      messages: [{ id: 'a', to, size: 1, key, proof: key }],
    });
  for (let n = 0; n < count; n++) {
    const to = `n${n}`;
    for (let messages = n === 0 ? 3 : 1; messages > 0; messages--) send(to);
    apply({ verb: 'ACK', to, seq: state.nextOf(to) - 1, ...times, messages: [] });
  }
  return state;
}

test('10,000 empty mailboxes are kept; beyond that the one empty longest is forgotten, and its numbers are not given out again', () => {
  const state = withEmpty(MOST_EMPTY);
  expect(MOST_EMPTY).toBe(10_000);
  const names = (): string[] => Array.from(state.empty, ({ name }) => name);
  expect([state.mailboxes.size, names()[0], state.marks.other]).toEqual([10_000, 'n0', 0]);
  const key = { high: 1, low: 1 };
  const send = (to: string): void =>
    state.apply(
      {
        verb: 'SEND',
        ...ANN,
        first: new Map([[to, state.nextOf(to)]]),
        at: 1,
        t: 1,
        messages: [{ id: 'a', to, size: 1, key, proof: key }],
      },
      1e6,
    );
  const ack = (to: string): void =>
    state.apply({ verb: 'ACK', to, seq: state.nextOf(to) - 1, at: 1, t: 1, messages: [] }, 1e6);
  // A throwaway mailbox never counts, and one that gets mail leaves the queue.
  send('w-1');
  ack('w-1');
  send('n1');
  expect(state.empty.length).toBe(9999);
  ack('n1');
  expect([names()[0], names()[1], names().at(-1)]).toEqual(['n0', 'n2', 'n1']);
  send('bob');
  expect(state.mailboxes.size).toBe(10_001);
  ack('bob');
  expect([state.mailboxes.has('n0'), state.mailboxes.size, state.marks.other]).toEqual([false, 10_000, 3]);
  expect([state.nextOf('n0'), state.nextOf('carol'), state.nextOf('w-9')]).toEqual([4, 4, 2]);
  expect(state.acknowledgedOf('n0')).toBe(3);
  // The next in the queue has lower numbers: the mark stays.
  send('carol');
  ack('carol');
  expect([state.mailboxes.has('n2'), state.mailboxes.has('n1'), state.marks.other]).toEqual([false, true, 3]);
});

test('which mailbox is forgotten next is the same after a checkpoint', async () => {
  const state = withEmpty(20);
  const order = Array.from(state.empty, ({ name }) => name);
  expect(order).toEqual(Array.from({ length: 20 }, (_, n) => `n${n}`));
  const restored = await new Checkpoint(state, 0).restore();
  expect(Array.from(restored.empty, ({ name }) => name)).toEqual(order);
  expect(restored.empty.length).toBe(20);
});

test.each(['ack', 'expire', 'lost'] as const)('a mailbox that was emptied is no longer open (%s)', (how) => {
  const relay = new Relay();
  relay.send('bob', 'bob', 'carol');
  relay.did(relay.decider.open('bob'), relay.decider.open('carol'));
  const bob = (): unknown => relay.real.mailboxes.get('bob');
  const end = (seq: number): void => {
    if (how === 'ack') relay.ack('bob', seq);
    else if (how === 'expire') relay.expire('bob', seq);
    else relay.did(relay.decider.lost([{ to: 'bob', numbers: [seq] }], [], 1));
  };
  end(1);
  if (how !== 'lost') expect(bob()).toMatchObject({ open: true, count: 1 });
  end(2);
  expect(bob()).toMatchObject({ open: false, count: 0 });
  if (how !== 'lost') expect(relay.real.mailboxes.get('carol')?.open).toBe(true);
  relay.send('bob');
  expect(bob()).toMatchObject({ open: false, count: 1 });
});

test('EPOCH turns open into tried for every number given out so far, ends open, and does nothing else', () => {
  const relay = new Relay();
  relay.send('bob', 'bob', 'carol');
  relay.did(relay.decider.open('bob'));
  relay.send('bob', 'carol');
  relay.did(relay.decider.epoch());
  expect(relay.real.mailboxes.get('bob')).toMatchObject({ tried: 3, open: false });
  expect(relay.real.mailboxes.get('carol')).toMatchObject({ tried: 0, open: false });
  // What comes later was not tried, and a later start changes nothing.
  relay.send('bob');
  relay.did(relay.decider.epoch());
  expect(relay.real.mailboxes.get('bob')).toMatchObject({ tried: 3, next: 5 });
  // A clean stop does nothing like that.
  relay.did(relay.decider.open('carol'), relay.decider.closed());
  expect(relay.real.mailboxes.get('carol')).toMatchObject({ tried: 0, open: true });
});

test('a notice to the mailbox that its own entry empties is numbered after what is removed, and stays', () => {
  for (const name of ['bob', 'w-1'])
    for (const end of ['ack', 'expire'] as const) {
      const relay = new Relay();
      relay.send({ to: name, notify: name }, { to: name, notify: name });
      relay.did(relay.decider.open(name));
      if (end === 'ack') relay.ack(name, 2);
      else relay.expire(name, 1, 2);
      expect(relay.held(name)).toEqual([3, 4]);
      // It was not emptied.
      expect(relay.real.mailboxes.get(name)?.open).toBe(true);
      expect(relay.real.empty.length).toBe(0);
    }
});

test('notices are numbered before the mailbox of their entry is forgotten', () => {
  const relay = new Relay();
  for (let n = 0; n < 7; n++) relay.send('w-1');
  relay.ack('w-1', 6);
  relay.send({ to: 'w-1', notify: 'w-2' });
  // The mark of throwaway names is still 0 when the notice gets its number.
  relay.ack('w-1', 8);
  expect(relay.held('w-2')).toEqual([1]);
  expect(relay.real.marks.throwaway).toBe(8);
  expect(relay.real.nextOf('w-9')).toBe(9);
  relay.ack('w-2', 1);
  expect(relay.real.marks.throwaway).toBe(8);
});

test('a notice makes no record of an id and no session', () => {
  const relay = new Relay();
  relay.send({ to: 'bob', notify: 'ann' });
  relay.ack('bob', 1);
  expect(relay.held('ann')).toEqual([1]);
  expect([relay.real.ids.count, relay.real.ids.links, relay.real.ids.sessions.length]).toEqual([1, 1, 1]);
});

test('MOVE of what is gone does nothing, and moves the rest', () => {
  const relay = new Relay();
  relay.send('bob', 'bob', { to: 'bob', ttl: 60 }, 'bob', 'w-1', 'w-1');
  const moves = [relay.decider.move('bob', [1, 2, 3, 4]), relay.decider.move('w-1', [1, 2])];
  relay.ack('bob', 1);
  relay.expire('bob', 2);
  const before = relay.real.mailboxes.get('bob')?.held.get(3);
  relay.did(...moves);
  const place = relay.real.mailboxes.get('bob')?.held.get(3);
  expect(place).toMatchObject({ index: 2, at: before?.at, size: before?.size });
  expect(place?.lsn).toBeGreaterThan(before?.lsn ?? Number.NaN);
  expect(relay.held('bob')).toEqual([3, 4]);
  relay.ack('bob', 4);
  relay.ack('w-1', 2);
  relay.did(...moves);
  expect([relay.held('bob'), relay.held('w-1'), relay.real.count]).toEqual([[], [], 0]);
  expect([relay.real.mailboxes.has('w-1'), relay.real.nextOf('w-1')]).toEqual([false, 3]);
});

test('MOVE changes no clock, no deadline and no id, and ends no OPEN', () => {
  const relay = new Relay();
  relay.send({ to: 'bob', ttl: 60 });
  relay.did(relay.decider.open('bob'));
  const deadline = relay.real.deadlines.first;
  relay.decider.pass(5 * MINUTE);
  relay.did(relay.decider.clock());
  const { at, t } = relay.real;
  relay.did(relay.decider.move('bob', [1]));
  expect(relay.real).toMatchObject({ at, t });
  expect(relay.real.deadlines.first).toEqual(deadline);
  expect(relay.real.ids.links).toBe(1);
  expect(relay.real.mailboxes.get('bob')?.open).toBe(true);
});

test('apply never refuses a repeat: the entry decides, not the id', () => {
  const relay = new Relay();
  const { decider } = relay;
  const mail = { id: 'a', to: 'bob' };
  for (const run of [[mail], [mail], [mail, mail]]) relay.did(decider.send(ANN, run));
  expect(relay.held('bob')).toEqual([1, 2, 3, 4]);
  expect([relay.real.ids.links, decider.known('ann', 'a')?.seq]).toEqual([1, 4]);
  // The same with another body, and from another session.
  relay.did(decider.send({ ...ANN, session: 's2' }, [{ ...mail, body: 'another' }]));
  expect([relay.real.ids.links, relay.real.ids.count]).toEqual([2, 1]);
  // A repeat of what is no longer remembered makes a record.
  const { seq, proof } = decider.known('ann', 'a') ?? { seq: 0, proof: { high: 0, low: 0 } };
  relay.did(decider.repeat({ from: 'ben', session: 's1' }, 'z', { seq, proof }));
  expect([relay.real.ids.links, relay.real.ids.count, relay.held('bob')]).toEqual([3, 2, [1, 2, 3, 4, 5]]);
});

test('apply enforces no limit: a run for 600 names, 600 ids of a session', () => {
  const naive = new NaiveState();
  const decider = new Decider(naive);
  const real = new State();
  const many = (count: number): Mail[] =>
    Array.from({ length: count }, (_, n) => ({ id: `i${n}`, to: `n${n}`, notify: 'bob' }));
  const decision = decider.send(ANN, many(600));
  real.apply(decision.entry, 1);
  naive.apply(decision.entry, 1);
  for (let n = 0; n < 40; n++) {
    const { entry } = decider.send({ from: 'ann', session: `t${n}` }, many(2));
    real.apply(entry, 2 + n);
    naive.apply(entry, 2 + n);
  }
  compare(real, naive, ['n1', 'n599']);
  expect([real.count, real.ids.links, real.ids.sessions.length]).toEqual([680, 512 + 80, 41]);
});

test('OPEN, ACK and EXPIRE of a name without a mailbox do nothing', () => {
  for (const lost of [false, true]) {
    const relay = new Relay();
    relay.send('w-1', 'carol');
    relay.ack('w-1', 1);
    if (lost) relay.lose();
    const { mailboxes, marks, empty } = describeState(relay.real);
    relay.did(relay.decider.open('w-1'), relay.decider.open('bob'));
    relay.ack('w-1', 1);
    // Without a loss, nobody can have acknowledged a number that was never given out: the journal is damaged.
    if (lost) relay.ack('bob', 1);
    else expect(() => relay.ack('bob', 1)).toThrow(DAMAGE);
    relay.did(relay.decider.expire('w-1', [1]), relay.decider.expire('bob', [1]));
    expect(describeState(relay.real)).toMatchObject({ mailboxes, marks, empty });
  }
});

test('an ACK at or below what is acknowledged does nothing, and neither does EXPIRE of what is gone', () => {
  const relay = new Relay();
  relay.send('bob', 'bob', 'bob');
  relay.did(relay.decider.open('bob'));
  relay.ack('bob', 2);
  relay.ack('bob', 1);
  relay.expire('bob', 1, 2);
  expect(relay.real.mailboxes.get('bob')).toMatchObject({ acknowledged: 2, next: 4, count: 1, open: true });
  relay.expire('bob', 3);
  // Expired does not mean acknowledged.
  expect(relay.real.mailboxes.get('bob')).toMatchObject({ acknowledged: 2, next: 4, count: 0 });
});

test('sessions age while the relay runs, and do not while it is down', () => {
  const relay = new Relay();
  const { decider } = relay;
  const other: Who = { from: 'ben', session: 's1' };
  relay.send('bob');
  decider.pass(10 * MINUTE);
  relay.did(decider.closed());
  // An hour without power.
  decider.pass(60 * MINUTE);
  relay.did(decider.epoch());
  expect(relay.real.down).toBe(60 * MINUTE + 1);
  relay.did(decider.send(other, [{ id: 'x', to: 'bob' }]));
  expect(relay.real.ids.session('ann s1')).toBeDefined();
  // The eleventh minute passes while it runs.
  decider.pass(MINUTE - 10);
  relay.did(decider.send(other, [{ id: 'y', to: 'bob' }]));
  expect(relay.real.ids.session('ann s1')).toBeDefined();
  decider.pass(20);
  relay.did(decider.send(other, [{ id: 'z', to: 'bob' }]));
  expect(relay.real.ids.session('ann s1')).toBeUndefined();
  expect([relay.real.ids.links, relay.real.count]).toEqual([3, 4]);
});

test('only EPOCH says that the relay was down: a jump in a CLOCK ages sessions', () => {
  const relay = new Relay();
  relay.send('bob');
  relay.decider.pass(12 * MINUTE);
  relay.did(relay.decider.clock());
  expect(relay.real.ids.session('ann s1')).toBeDefined();
  relay.did(relay.decider.send({ from: 'ben', session: 's1' }, [{ id: 'x', to: 'bob' }]));
  expect(relay.real.ids.session('ann s1')).toBeUndefined();
  expect(relay.real.down).toBe(0);
});

test('sessions are forgotten before a SEND run and before a REPEAT, and by nothing else', () => {
  for (const by of ['send', 'repeat'] as const) {
    const relay = new Relay();
    const { decider } = relay;
    relay.send('bob');
    decider.pass(12 * MINUTE);
    relay.did(decider.clock(), decider.open('bob'), decider.acknowledge('bob', 1), decider.closed());
    expect(relay.real.ids.sessions.length).toBe(1);
    // Even its own session is forgotten: it begins anew.
    if (by === 'send') relay.send('bob');
    else relay.did(decider.repeat(ANN, 'other', { seq: 1, proof: { high: 1, low: 1 } }));
    expect([relay.real.ids.sessions.length, relay.real.ids.links]).toEqual([1, 1]);
  }
});

test('the wall clock is what the last entry says, and the age clock never goes back', () => {
  const relay = new Relay();
  relay.send('bob');
  relay.did({ entry: { verb: 'CLOCK', at: 5, t: 1000 }, frames: [] });
  expect(relay.real).toMatchObject({ at: 5, t: 1000 });
  relay.did({ entry: { verb: 'EPOCH', at: 3, t: 900 }, frames: [] });
  expect(relay.real).toMatchObject({ at: 3, t: 1000, down: 0 });
});

test('a number that is not the next one is damage: too high, too low, missing', () => {
  const relay = new Relay();
  relay.send('bob', 'bob', 'w-1');
  relay.ack('w-1', 1);
  for (const [to, numbers] of [
    ['bob', [1, 2, 4, 1_000_000_003]],
    ['carol', [2, 7]],
    ['w-2', [1, 3]],
    ['w-1', [1, 3]],
  ] as const)
    for (const seq of numbers) refused(relay, relay.sendAs(seq, { to }));
  const { entry, frames } = relay.decider.send(ANN, [{ id: 'n', to: 'bob' }]);
  refused(relay, { entry: { ...entry, first: new Map([['carol', 1]]) } as Entry, frames });
  const times = { at: relay.real.at, t: relay.real.t };
  for (const seq of [1, 2, 4]) {
    const messages = [{ id: 'a', to: 'bob', seq, ttl: 604_800, kind: 'receipt', size: 1 }] as const;
    refused(relay, { entry: { verb: 'ACK', to: 'carol', seq: 1, ...times, messages }, frames: [] });
    refused(relay, { entry: { verb: 'EXPIRE', to: 'bob', numbers: [1], ...times, messages }, frames: [] });
    refused(relay, { entry: { verb: 'LOST', ...times, parts: [], gone: [], messages }, frames: [] });
  }
});

test('after a loss a higher number is accepted, and those between are recorded as unknown', () => {
  const relay = new Relay();
  relay.send('bob', 'bob', 'w-1');
  relay.lose();
  relay.did(relay.sendAs(6, { to: 'bob' }), relay.sendAs(7, { to: 'bob' }));
  relay.did(relay.sendAs(4, { to: 'carol' }), relay.sendAs(1, { to: 'w-2' }), relay.sendAs(2, { to: 'w-1' }));
  expect([relay.held('bob'), relay.held('carol')]).toEqual([[1, 2, 6, 7], [4]]);
  expect(relay.real.gap?.unknown).toEqual([
    { to: 'bob', first: 3, last: 5 },
    { to: 'carol', first: 1, last: 3 },
  ]);
  // A lower number is still damage.
  refused(relay, relay.sendAs(7, { to: 'bob' }));
  refused(relay, relay.sendAs(5, { to: 'bob' }));
});

test('after a loss MOVE brings back missing messages, wherever they belong', () => {
  const relay = new Relay();
  relay.send('bob');
  // These are lost.
  const { decider } = relay;
  const lost = decider.send(ANN, [
    { id: 'x', to: 'bob', ttl: 60 },
    { id: 'y', to: 'bob', notify: 'ann' },
  ]);
  const other = decider.send({ ...ANN, session: 's2' }, [{ id: 'x', to: 'carol' }]);
  expect([lost.entry, other.entry]).toMatchObject([{ first: new Map([['bob', 2]]) }, { verb: 'SEND' }]);
  relay.lose();
  relay.did(relay.sendAs(5, { to: 'bob' }));
  relay.did(decider.move('bob', [2, 3]), decider.move('carol', [1]));
  expect([relay.held('bob'), relay.held('carol')]).toEqual([[1, 2, 3, 5], [1]]);
  expect(relay.real.mailboxes.get('bob')?.held.get(3)).toMatchObject({ index: 1, notify: true });
  expect(relay.real.nextOf('bob')).toBe(6);
  // The ttl counts from the time of sending.
  const first = relay.real.deadlines.first;
  expect(first).toMatchObject({ t: (lost.entry as Entry<'SEND'>).t + 60_000, seq: 2 });
  // A second MOVE moves them.
  relay.did(decider.move('bob', [2, 3]));
  expect(relay.held('bob')).toEqual([1, 2, 3, 5]);
  expect(relay.real.deadlines.length).toBe(1);
});

/** A relay that has lost messages 1 to 3 of bob and knows the fourth. */
function afterLoss(): { readonly relay: Relay; readonly late: Decision } {
  const relay = new Relay();
  const { decider } = relay;
  decider.send(
    ANN,
    ['x', 'y', 'z'].map((id) => ({ id, to: 'bob' })),
  );
  relay.lose();
  relay.did(relay.sendAs(4, { to: 'bob' }));
  return { relay, late: decider.move('bob', [2]) };
}

test('after a loss MOVE does not bring back what was acknowledged after it', () => {
  const { relay, late } = afterLoss();
  relay.ack('bob', 2);
  relay.did(late);
  expect([relay.held('bob'), relay.real.count]).toEqual([[4], 1]);
  relay.ack('bob', 4);
  relay.did(late);
  expect([relay.held('bob'), relay.real.count, relay.real.empty.length]).toEqual([[], 0, 1]);
});

test('after a loss MOVE does not bring back what has expired after it', () => {
  const { relay, late } = afterLoss();
  relay.did(late);
  relay.expire('bob', 2, 3);
  relay.did(late, relay.decider.move('bob', [3]));
  expect(relay.held('bob')).toEqual([4]);
});

test('after a loss MOVE brings back missing messages even to a throwaway name that was forgotten too early', () => {
  const relay = new Relay();
  const { decider } = relay;
  relay.send('w-1', 'w-2', 'w-2', 'w-2', 'w-2');
  // The second message of w-1 is lost.
  const { entry } = decider.send(ANN, [{ id: 'x', to: 'w-1' }]);
  expect(entry).toMatchObject({ first: new Map([['w-1', 2]]) });
  relay.real.lose();
  const { real } = relay;
  const times = { at: 1, t: 1 };
  real.apply({ verb: 'ACK', to: 'w-2', seq: 4, ...times, messages: [] }, 1e6);
  real.apply({ verb: 'ACK', to: 'w-1', seq: 1, ...times, messages: [] }, 2e6);
  real.apply(decider.move('w-1', [2]).entry, 3e6);
  expect(relay.held('w-1')).toEqual([2]);
});

test('after a loss an ACK of numbers that nobody knows raises the next number', () => {
  const relay = new Relay();
  relay.send('bob', 'bob');
  relay.lose();
  relay.ack('bob', 9);
  expect(relay.real.mailboxes.get('bob')).toMatchObject({ acknowledged: 9, next: 10, count: 0 });
  refused(relay, relay.sendAs(9, { to: 'bob' }));
  relay.did(relay.sendAs(10, { to: 'bob' }));
  expect(relay.real.gap?.unknown).toEqual([]);
});

test('LOST removes what cannot be read, counts everything as tried, and puts new numbers above all known ones', () => {
  const relay = new Relay();
  relay.send('bob', 'bob', 'bob', 'carol', 'w-1', 'w-2');
  relay.did(relay.decider.open('bob'));
  relay.ack('w-2', 1);
  relay.lose();
  relay.did(relay.sendAs(50, { to: 'carol' }));
  const floor = 50 + LOSS_GAP;
  expect(LOSS_GAP).toBe(1_000_000_000);
  expect(relay.real.lossFloor).toBe(floor);
  const gone = [
    { to: 'bob', numbers: [2] },
    { to: 'w-1', numbers: [1] },
  ];
  relay.did(relay.decider.lost(gone, ['bob', 'w-9', 'dave'], 777));
  expect(relay.held('bob')).toEqual([1, 3, floor + 1]);
  expect(relay.held('carol')).toEqual([1, 50]);
  expect([relay.held('w-9'), relay.held('dave')]).toEqual([[floor + 1], [floor + 1]]);
  expect(relay.real.mailboxes.get('bob')).toMatchObject({ tried: floor, open: false, next: floor + 2 });
  expect(relay.real.mailboxes.get('carol')).toMatchObject({ tried: floor, next: floor + 1 });
  expect(relay.real.mailboxes.has('w-1')).toBe(false);
  expect(relay.real.marks).toEqual({ throwaway: floor, other: floor });
  // From here on numbers must follow each other again.
  expect(relay.real.gap).toBeUndefined();
  refused(relay, relay.sendAs(floor + 5, { to: 'carol' }));
  relay.send('carol', 'w-1', 'nobody');
  expect([relay.held('carol').at(-1), relay.held('w-1'), relay.held('nobody')]).toEqual([
    floor + 1,
    [floor + 1],
    [floor + 1],
  ]);
});

test('a number that is only named by an entry after the loss counts as given out, too', () => {
  const named = (relay: Relay): readonly (readonly [number, Decision])[] => {
    const { decider } = relay;
    const proof = { high: 1, low: 1 };
    return [
      [70, decider.repeat(ANN, 'a', { seq: 70, proof })],
      [71, decider.acknowledge('nobody', 71)],
      [73, decider.expire('nobody', [72, 73])],
      [74, relay.sendAs(74, { to: 'bob' })],
    ];
  };
  for (let which = 0; which < 4; which++) {
    const relay = new Relay();
    relay.lose();
    const [highest, decision] = named(relay)[which] as readonly [number, Decision];
    relay.did(decision);
    expect(relay.real.lossFloor).toBe(highest + LOSS_GAP);
  }
  // The same for one that a MOVE brings.
  const { relay, late } = afterLoss();
  relay.did({ ...late, entry: { ...late.entry, numbers: [90] } as Entry });
  expect(relay.real.lossFloor).toBe(90 + LOSS_GAP);
});

test('after a checkpoint no mailbox has the serial of a forgotten one, so no message expires by the ttl of another', async () => {
  const relay = new Relay();
  relay.send({ to: 'w-1', ttl: 60 }, 'bob');
  relay.ack('w-1', 1);
  const restored = await new Checkpoint(relay.real, relay.log.length).restore();
  const at = relay.log.length;
  // The previous message to bob has no ttl.
  relay.send({ to: 'bob', ttl: 600 });
  replay(relay.log.slice(at), restored);
  equal(restored, relay.real);
  expect(describeState(restored).deadlines).toHaveLength(1);
});

test('what is gone is released: deadlines when there are many, the numbers of forgotten mailboxes immediately', () => {
  const state = new State();
  const [times, key] = [
    { at: 1, t: 1 },
    { high: 1, low: 1 },
  ];
  for (let n = 1; n <= 3000; n++) {
    const to = `w-${n}`;
    const message = { id: 'a', to, ttl: 60, size: 1, key, proof: key };
    state.apply({ verb: 'SEND', ...ANN, first: new Map([[to, n]]), ...times, messages: [message] }, 2 * n);
    state.apply({ verb: 'ACK', to, seq: n, ...times, messages: [] }, 2 * n + 1);
  }
  expect([state.count, state.bySerial.size]).toEqual([0, 0]);
  expect(state.deadlines.length).toBeLessThan(1100);
});

test('the size of a checkpoint is estimated too high rather than too low', () => {
  const relay = new Relay();
  const size = (): number => new Checkpoint(relay.real, 0).drain();
  expect(snapshotSize(relay.real)).toBeGreaterThanOrEqual(size());
  const long = { from: `a${'n'.repeat(31)}`, session: 's'.repeat(64) };
  for (let n = 0; n < 30; n++)
    relay.write(
      relay.decider.send({ ...long, from: `${long.from.slice(2)}${n + 10}` }, [
        { id: 'a', to: `w-${'n'.repeat(28)}${n + 10}`, ttl: 60 },
      ]),
    );
  expect(snapshotSize(relay.real)).toBeGreaterThanOrEqual(size());
});

test('the same holds when most of a page was acknowledged', () => {
  const state = new State();
  const held = new HeldMessages(state.total);
  // The last of 1,024 messages is held; all others were acknowledged, and their ids are forgotten.
  for (let seq = 1; seq <= 1024; seq++) held.put(seq, { lsn: seq, index: 0, size: 1, at: 1, notify: false });
  state.restore({ name: 'bob', next: 1025, acknowledged: 1023, tried: 0, open: false, serial: 0, held });
  expect(state.count).toBe(1);
  expect(snapshotSize(state)).toBeGreaterThanOrEqual(new Checkpoint(state, 0).drain());
});
