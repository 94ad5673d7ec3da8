// Who has a copy? Small histories are played to their end, with a death at every place and with logs missing; where the copies really are is
// known here. "yes" and "no" must be true each time; what nobody recorded must not be said.

import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/core/event.ts';
import { type Copy, copiesOf, type Has } from '../../../src/lab/board/copies.ts';
import { historiesOf } from '../../../src/lab/board/histories.ts';
import type { Route } from '../../../src/lab/board/messages.ts';
import { merge } from '../../../src/trace/merge.ts';
import { Actor, Connection, detourKill, directKill, LATER } from '../../trace/histories.ts';

type Place = Copy['place'];
/** Where a copy really is. `either`: the program may have kept it or not. */
type Truth = Partial<Record<Place, boolean | 'either'>>;

/** The copies after the last event of these logs. */
function copiesIn(actors: readonly Actor[], route: Route): Copy[] {
  const merged = merge(actors.map(({ log }) => log).filter((log) => log.length > 0));
  const { histories, fates } = historiesOf(merged);
  const [history] = histories;
  return history === undefined ? [] : [...copiesOf(history, fates, route, merged.events.length - 1)];
}

const has = (actors: readonly Actor[], route: Route): Partial<Record<Place, Has>> =>
  Object.fromEntries(copiesIn(actors, route).map((copy) => [copy.place, copy.has]));

const ID = { id: 'x', size: 1 };
const SHOWN: Event = { event: 'shown', id: 'x', from: 'alice', size: 1, text: 'a' };
const KILL: Event = { event: 'stopping', why: 'kill' };

/** What happened so far in a history, in the world and in the logs. */
interface World {
  readonly alice: Actor;
  readonly server: Actor;
  readonly bob: Actor;
  readonly truth: Truth;
  /** What was true before the death, and the logs that mention the death. In the other logs, it has not happened yet. */
  readonly before: Truth;
  readonly witnesses: readonly Actor[];
}

/** The truth as far as these logs go. */
const truthIn = ({ truth, before, witnesses }: World, logs: readonly Actor[]): Truth =>
  witnesses.some((actor) => logs.includes(actor)) ? truth : before;

// The direct route: the steps that happen one after the other. Some are in no log.
const DIRECT_STEPS = [
  'sent',
  'at the kernel',
  'received',
  'written',
  'shown',
  'answered',
  'heard',
  'verdict',
] as const;
const DEATHS = ['nobody', 'bob', 'bob silently', 'alice silently'] as const;

/** Plays the direct route for some steps; then somebody dies. */
function direct(steps: number, death: (typeof DEATHS)[number]): World {
  const bob = new Actor('bob', 1).listen(-1, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 0, 4101);
  const truth: Truth = { sender: false, way: false, receiver: false, shown: false };
  let arrive = (_: number): void => {};
  let hear = (_: number): void => {};
  for (const [index, step] of DIRECT_STEPS.slice(0, steps).entries()) {
    const ms = 1 + index;
    if (step === 'sent') {
      arrive = call.frame(alice, ms, 'SEND', ID, LATER);
      Object.assign(truth, { sender: true, way: true });
    } else if (step === 'at the kernel') Object.assign(truth, { way: 'either', receiver: true });
    else if (step === 'received') {
      arrive(ms);
      truth.way = false;
    } else if (step === 'written') truth.shown = true;
    else if (step === 'shown') bob.at(ms, SHOWN);
    else if (step === 'answered') {
      hear = call.frame(bob, ms, 'RECEIVED', { id: 'x' }, LATER);
      truth.receiver = 'either';
    } else if (step === 'heard') hear(ms);
    else {
      alice.at(ms, { event: 'verdict', verdict: 'DELIVERED', code: 'ok', id: 'x', ms: 1, exit: 0 });
      truth.sender = false;
    }
  }
  const before = { ...truth };
  let witnesses: Actor[] = [];
  if (death === 'bob' || death === 'bob silently') {
    witnesses = death === 'bob' ? [alice, bob] : [alice];
    if (death === 'bob') bob.at(20, KILL);
    call.fin(alice, 21);
    truth.receiver = false;
    // What his kernel had is gone with him.
    truth.way = false;
  } else if (death === 'alice silently') {
    witnesses = [bob];
    call.fin(bob, 21);
    truth.sender = false;
    // He has read everything before the FIN.
    if (truth.way !== false) Object.assign(truth, { way: false, receiver: false });
  }
  return { alice, server: bob, bob, truth, before, witnesses };
}

/** Does an answer say what is true? What may be either way must not be claimed. */
function isTrue(answer: Has, truth: boolean | 'either'): boolean {
  if (answer === 'unknown') return true;
  return truth === (answer === 'yes');
}

describe('on the direct route every answer is true', () => {
  for (const death of DEATHS)
    test.each(DIRECT_STEPS.map((step, index) => [step, index + 1] as const))(
      `after "%s"; who dies: ${death}`,
      (step, steps) => {
        const world = direct(steps, death);
        const { alice, bob } = world;
        for (const logs of [[alice, bob], [alice], [bob]]) {
          const truth = truthIn(world, logs);
          for (const { place, name, has: answer, why } of copiesIn(logs, 'direct'))
            expect(
              isTrue(answer, truth[place] ?? 'either') ||
                // Both are true while the bytes are in a kernel: on the way from program to program, and in bob's kernel.
                (place === 'way' && answer === 'yes' && step === 'at the kernel'),
              `${logs.map(({ actor }) => actor)}: ${name}: ${answer}; ${why}; in truth ${truth[place]}`,
            ).toBe(true);
        }
      },
    );
});

const DETOUR_STEPS = [
  'sent',
  'received',
  'written',
  'stored',
  'answered',
  'heard',
  'verdict',
  'sent on',
  'received by bob',
  'shown',
  'acknowledged',
  'acknowledgement received',
  'deleted',
] as const;
const DETOUR_DEATHS = ['nobody', 'relay', 'relay silently', 'bob', 'bob silently'] as const;

/** Plays the detour for some steps; then somebody dies. */
function detour(steps: number, death: (typeof DETOUR_DEATHS)[number]): World {
  const relay = new Actor('relay', 1).listen(-1, 'relay', 4100);
  const alice = new Actor('alice', 2);
  const bob = new Actor('bob', 3);
  const call = new Connection(alice, relay, 0, 4100);
  const mail = new Connection(bob, relay, 0.5, 4100);
  const truth: Truth = {
    sender: false,
    way: false,
    memory: false,
    disk: false,
    receiver: false,
    shown: false,
  };
  const message = { ...ID, seq: 1, from: 'alice', at: 1, held: 1, attempt: 1 };
  let arrive = (_: number): void => {};
  for (const [index, step] of DETOUR_STEPS.slice(0, steps).entries()) {
    const ms = 1 + index;
    if (step === 'sent') {
      arrive = call.frame(alice, ms, 'SEND', { ...ID, to: 'bob' }, LATER);
      Object.assign(truth, { sender: true, way: true });
    } else if (step === 'received') {
      arrive(ms);
      Object.assign(truth, { way: false, memory: true });
    } else if (step === 'written') truth.disk = true;
    else if (step === 'stored')
      relay.at(ms, {
        event: 'stored',
        id: 'x',
        from: 'alice',
        to: 'bob',
        seq: 1,
        size: 1,
        held: 1,
        present: 'yes',
      });
    else if (step === 'answered') {
      arrive = call.frame(relay, ms, 'STORED', { id: 'x', seq: 1, present: 'yes' }, LATER);
      truth.memory = 'either';
    } else if (step === 'heard') {
      arrive(ms);
      truth.sender = 'either';
    } else if (step === 'verdict') {
      alice.at(ms, { event: 'verdict', verdict: 'STORED', code: 'ok', id: 'x', ms: 1, exit: 0 });
      truth.sender = false;
    } else if (step === 'sent on') {
      arrive = mail.frame(relay, ms, 'MESSAGE', message, LATER);
      Object.assign(truth, { way: true, receiver: 'either' });
    } else if (step === 'received by bob') {
      arrive(ms);
      Object.assign(truth, { way: false, receiver: true, shown: 'either' });
    } else if (step === 'shown') {
      bob.at(ms, { ...SHOWN, seq: 1 } as Event);
      truth.shown = true;
    } else if (step === 'acknowledged') {
      arrive = mail.frame(bob, ms, 'ACK', { seq: 1 }, LATER);
      truth.receiver = 'either';
    } else if (step === 'acknowledgement received') {
      arrive(ms);
      // It is being deleted, and nobody has said so yet.
      Object.assign(truth, { disk: 'either', memory: 'either' });
    } else {
      relay.at(ms, { event: 'acknowledged', to: 'bob', seq: 1, held: 0 });
      Object.assign(truth, { disk: false, memory: false });
    }
  }
  const before = { ...truth };
  const witnesses = {
    nobody: [],
    relay: [relay, alice, bob],
    'relay silently': [alice, bob],
    bob: [bob, relay],
    'bob silently': [relay],
  }[death];
  if (death.startsWith('relay')) {
    if (death === 'relay') relay.at(30, KILL);
    call.fin(alice, 31);
    mail.fin(bob, 31);
    truth.memory = false;
    // What bob had not read before this FIN has not come.
    if (truth.way === true) Object.assign(truth, { way: false, receiver: false });
  } else if (death.startsWith('bob')) {
    if (death === 'bob') bob.at(30, KILL);
    mail.fin(relay, 31);
    truth.receiver = false;
    if (truth.way === true && truth.memory === 'either') truth.way = false;
  }
  return { alice, server: relay, bob, truth, before, witnesses };
}

describe('on the detour every answer is true', () => {
  for (const death of DETOUR_DEATHS)
    test.each(DETOUR_STEPS.map((step, index) => [step, index + 1] as const))(
      `after "%s"; who dies: ${death}`,
      (_, steps) => {
        const world = detour(steps, death);
        const { alice, server, bob } = world;
        for (const logs of [
          [alice, server, bob],
          [alice, server],
          [server, bob],
          [alice, bob],
          [alice],
          [server],
          [bob],
        ]) {
          const truth = truthIn(world, logs);
          for (const { place, name, has: answer, why } of copiesIn(logs, 'detour'))
            expect(
              isTrue(answer, truth[place] ?? 'either'),
              `${logs.map(({ actor }) => actor)}: ${name}: ${answer}; ${why}; in truth ${truth[place]}`,
            ).toBe(true);
        }
      },
    );
});

describe('what is known is said', () => {
  test.each<[number, (typeof DEATHS)[number], Partial<Record<Place, Has>>]>([
    [1, 'nobody', { sender: 'yes', way: 'yes', receiver: 'unknown', shown: 'no' }],
    [3, 'nobody', { sender: 'yes', way: 'no', receiver: 'yes', shown: 'unknown' }],
    [5, 'nobody', { sender: 'yes', way: 'no', receiver: 'yes', shown: 'yes' }],
    [8, 'nobody', { sender: 'no', way: 'no', receiver: 'unknown', shown: 'yes' }],
    [1, 'bob', { sender: 'yes', way: 'no', receiver: 'no', shown: 'no' }],
    [3, 'bob', { sender: 'yes', way: 'no', receiver: 'no', shown: 'unknown' }],
    [3, 'bob silently', { receiver: 'unknown', shown: 'unknown' }],
    [5, 'bob', { receiver: 'no', shown: 'yes' }],
    [3, 'alice silently', { sender: 'unknown', receiver: 'yes' }],
  ])('direct, after %s steps, who dies: %s', (steps, death, expected) => {
    const { alice, bob } = direct(steps, death);
    expect(has([alice, bob], 'direct')).toMatchObject(expected);
  });

  test.each<[number, (typeof DETOUR_DEATHS)[number], Partial<Record<Place, Has>>]>([
    [1, 'nobody', { sender: 'yes', way: 'yes', memory: 'no', disk: 'no', receiver: 'no', shown: 'no' }],
    [2, 'nobody', { way: 'no', memory: 'yes', disk: 'unknown', receiver: 'no' }],
    [4, 'nobody', { disk: 'yes' }],
    [7, 'nobody', { sender: 'no', disk: 'yes', receiver: 'no', shown: 'no' }],
    [8, 'nobody', { way: 'yes', disk: 'yes', receiver: 'unknown', shown: 'no' }],
    [10, 'nobody', { disk: 'yes', receiver: 'yes', shown: 'yes' }],
    [13, 'nobody', { memory: 'no', disk: 'no', receiver: 'unknown', shown: 'yes' }],
    // Its memory is gone, its disk stays.
    [7, 'relay', { memory: 'no', disk: 'yes' }],
    [2, 'relay', { memory: 'no', disk: 'unknown' }],
    [9, 'bob', { disk: 'yes', receiver: 'no', shown: 'unknown' }],
  ])('detour, after %s steps, who dies: %s', (steps, death, expected) => {
    const { alice, server, bob } = detour(steps, death);
    expect(has([alice, server, bob], 'detour')).toMatchObject(expected);
  });

  test('of bob who was killed after showing it: direct, nobody has a copy but his screen; detour, it was shown again', () => {
    expect(has(directKill(), 'direct')).toEqual({ sender: 'no', way: 'no', receiver: 'no', shown: 'yes' });
    expect(has(detourKill(), 'detour')).toMatchObject({ sender: 'no', disk: 'unknown', shown: 'yes' });
  });

  test('bob’s kernel has it when it has acknowledged it, unless a link was between', () => {
    for (const between of [false, true]) {
      const bob = new Actor('bob', 1).listen(-1, 'receiver', 4101);
      const alice = new Actor('alice', 2);
      const call = new Connection(alice, bob, 0, 4101);
      call.frame(alice, 0.5, 'HELLO', { version: 1, as: 'alice', session: 's', try: 1 });
      if (between)
        alice.log.forEach((recorded, index) => {
          if (recorded.event === 'connected') alice.log[index] = { ...recorded, remote: '127.0.0.1:4500' };
        });
      call.frame(alice, 1, 'SEND', ID, LATER);
      alice.at(2, {
        event: 'rung',
        conn: 1,
        id: 'x',
        rung: 'acknowledged',
        state: 'reached',
        by: 'ack',
        ms: 1,
      });
      expect(has([alice, bob], 'direct').receiver).toBe(between ? 'unknown' : 'yes');
    }
  });

  test('a receipt or a bounce is another message than the one it is about', () => {
    const { alice, server, bob } = detour(7, 'nobody');
    const notice = { id: 'x', from: 'relay', size: 9, seq: 5 };
    server.at(40, { event: 'stored', ...notice, to: 'alice', held: 1, present: 'no', kind: 'bounce' });
    server.at(41, { event: 'expired', to: 'alice', seq: 5, id: 'x', from: 'relay', tried: 'no' });
    alice.at(42, { event: 'shown', ...notice, kind: 'bounce', text: 'x expired' });
    expect(has([alice, server, bob], 'detour')).toMatchObject({ disk: 'yes', shown: 'no' });
  });

  test('an acknowledgement is for everything up to its number', () => {
    const { alice, server, bob } = detour(7, 'nobody');
    server.at(40, { event: 'acknowledged', to: 'bob', seq: 3, held: 0 });
    expect(has([alice, server, bob], 'detour')).toMatchObject({ disk: 'no', shown: 'yes' });
  });
});
