// The verification: honest records pass, and every way to lie is caught.

import { describe, expect, it } from 'vitest';
import type { Recorded } from '../../../src/core/event.ts';
import type { Scene } from '../../../src/lab/demo/story.ts';
import { type ProcessRecord, verifyScene } from '../../../src/lab/demo/verify.ts';
import type { Exit } from '../../../src/lab/stage/process.ts';
import { Actor, Connection, detourKill, directKill } from '../../trace/histories.ts';

const scene = (expect: Scene['expect']): Scene => ({
  lanes: ['alice', 'bob'],
  expect,
  play: () => Promise.reject(new Error('not to be played')),
  lesson: () => [],
});

const record = ({ actor, log }: Actor, exit?: Exit): ProcessRecord => ({
  name: actor,
  recorded: log,
  printed: log,
  exit,
});

/** A conversation in which all goes well. */
function delivered(): [Actor, Actor] {
  const bob = new Actor('bob', 1).listen(-50, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 0, 4101);
  call.frame(bob, 1, 'READY', { as: 'bob' });
  call.frame(alice, 2, 'SEND', { id: 'x-1', size: 9 });
  bob.at(3, { event: 'shown', id: 'x-1', from: 'alice', size: 9, text: 'hello bob' });
  call.frame(bob, 4, 'RECEIVED', { id: 'x-1' });
  alice.at(5, { event: 'verdict', verdict: 'DELIVERED', code: 'ok', id: 'x-1', ms: 5, exit: 0 });
  return [alice, bob];
}

const faultsOf = (
  alice: ProcessRecord,
  others: readonly ProcessRecord[],
  expectation: Scene['expect'],
): readonly string[] => verifyScene(scene(expectation), alice, [alice, ...others]).faults;

describe('the verification', () => {
  it('finds nothing if all is as expected', () => {
    const [alice, bob] = delivered();
    expect(faultsOf(record(alice, 0), [record(bob)], { verdict: 'DELIVERED', shown: 1 })).toEqual([]);
    const [killed, victim] = directKill() as [Actor, Actor];
    expect(faultsOf(record(killed, 20), [record(victim)], { verdict: 'UNKNOWN', shown: 1 })).toEqual([]);
    const [sender, ...others] = detourKill() as [Actor, ...Actor[]];
    const rest = others.map((one) => record(one));
    // What he wrote last was still in the pipe when he was killed.
    const unread = { ...record(victim, 'SIGKILL'), printed: victim.log.slice(0, -2) };
    expect(unread.printed.some(({ event }) => event === 'shown')).toBe(false);
    expect(faultsOf(record(killed, 20), [unread], { verdict: 'UNKNOWN', shown: 1 })).toEqual([]);
    expect(faultsOf(record(sender, 0), rest, { verdict: 'STORED', shown: 2 })).toEqual([]);
  });

  /** Changes the records of the conversation in which all went well. */
  const lie = (
    who: 'alice' | 'bob',
    change: (log: readonly Recorded[]) => readonly Recorded[],
    only?: 'printed' | 'recorded',
  ) => {
    const [alice, bob] = delivered();
    const changed = (actor: Actor, exit?: number): ProcessRecord => {
      const honest = record(actor, exit);
      if (actor.actor !== who) return honest;
      const log = change(actor.log);
      return {
        ...honest,
        recorded: only === 'printed' ? actor.log : log,
        printed: only === 'recorded' ? actor.log : log,
      };
    };
    return faultsOf(changed(alice, 0), [changed(bob)], { verdict: 'DELIVERED', shown: 1 });
  };
  const without = (event: string) => (log: readonly Recorded[]) =>
    log.filter((recorded) => recorded.event !== event);
  const swapped = (log: readonly Recorded[]): readonly Recorded[] => {
    const shown = log.filter(({ event }) => event === 'shown');
    return [...log.filter(({ event }) => event !== 'shown'), ...shown];
  };

  it.each([
    ['answers before showing', 'bob', swapped, undefined, 'answered RECEIVED before it had shown'],
    [
      'prints that he answered before he showed',
      'bob',
      swapped,
      'printed',
      'answered RECEIVED before it had shown',
    ],
    ['never shows', 'bob', without('shown'), undefined, 'shown 0 times, not once'],
    ['shows it only in his log', 'bob', without('shown'), 'printed', 'its output and its log differ'],
    [
      'shows it only in his log although he ended by himself',
      'bob',
      (log: readonly Recorded[]) => log.slice(0, 4),
      'printed',
      'only in its log',
    ],
    ['shows something else', 'bob', change('shown', { text: 'buy now' }), undefined, 'not what alice wrote'],
    ['says no verdict', 'alice', without('verdict'), undefined, 'no verdict'],
    [
      'is too modest',
      'alice',
      change('verdict', { verdict: 'UNKNOWN', exit: 20 }),
      undefined,
      'UNKNOWN, not DELIVERED',
    ],
    [
      'says that it certainly failed',
      'alice',
      change('verdict', { verdict: 'NOT_DELIVERED' }),
      undefined,
      'but somebody has it',
    ],
    [
      'exits with another code than she says',
      'alice',
      change('verdict', { exit: 10 }),
      undefined,
      'exit code',
    ],
    ['has an answer that nobody gave', 'bob', without('sent'), undefined, 'without its cause'],
  ] as const)('catches a liar that %s', (_what, who, how, only, found) => {
    expect(lie(who, how, only).join('; ')).toContain(found);
  });

  it('catches a relay that promises before it has stored, and a bob that acknowledges mail he has not shown', () => {
    const [alice, relay, ...bobs] = detourKill() as [Actor, Actor, ...Actor[]];
    const early = { ...record(relay), recorded: without('stored')(relay.log) };
    const faults = faultsOf(record(alice, 0), [early, ...bobs.map((one) => record(one))], {
      verdict: 'STORED',
      shown: 2,
    });
    expect(faults.join('; ')).toContain('STORED before it had stored');
    expect(faults.join('; ')).toContain('the relay had not stored it');
    const blind = bobs.map((one) => ({ ...record(one), recorded: without('shown')(one.log) }));
    const more = faultsOf(record(alice, 0), [record(relay), ...blind], { verdict: 'STORED' });
    expect(more.join('; ')).toContain('sent ACK before it had shown');
  });

  it('checks the verdict of a second alice, too', () => {
    const [alice, bob] = delivered();
    const again = (verdict: 'DELIVERED' | 'NOT_DELIVERED', exit: number): ProcessRecord =>
      record(
        new Actor('alice', 3).at(9, { event: 'verdict', verdict, code: 'ok', id: 'x-1', ms: 5, exit }),
        exit,
      );
    const expected = { verdict: 'DELIVERED', shown: 1, repeat: 'DELIVERED' } as const;
    const faults = (second: readonly ProcessRecord[]): string =>
      faultsOf(record(alice, 0), [record(bob), ...second], expected).join('; ');
    expect(faults([again('DELIVERED', 0)])).toBe('');
    expect(faults([again('DELIVERED', 20)])).toContain('exit code 20 does not match DELIVERED');
    expect(faults([again('NOT_DELIVERED', 10)])).toMatch(
      /the second alice says NOT_DELIVERED, not DELIVERED.*somebody has it/,
    );
    expect(faults([])).toContain('the second alice says undefined, not DELIVERED');
  });

  it('measures how long alice had to stay, and when bob had it', () => {
    const [alice, bob] = delivered();
    const verification = verifyScene(scene({ verdict: 'DELIVERED' }), record(alice, 0), [
      record(alice, 0),
      record(bob),
    ]);
    expect(verification.kept).toBe(5);
    expect(verification.took).toBeCloseTo(1, 3);
  });

  it('accepts that the last events of a killed process reached only its file', () => {
    const [alice, bob] = directKill() as [Actor, Actor];
    const cut = { ...record(bob), printed: bob.log.slice(0, -1) };
    expect(faultsOf(record(alice, 20), [cut], { verdict: 'UNKNOWN', shown: 1 })).toEqual([]);
  });
});

function change(event: string, to: object): (log: readonly Recorded[]) => readonly Recorded[] {
  return (log) => log.map((recorded) => (recorded.event === event ? { ...recorded, ...to } : recorded));
}
