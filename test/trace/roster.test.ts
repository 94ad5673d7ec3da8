// The roster: whose log agrees with the relay's, and how somebody who renames, copies or invents a run is found.

import { expect, test } from 'vitest';
import { DetourError } from '../../src/core/error.ts';
import type { Recorded } from '../../src/core/event.ts';
import { formatJson, parseRecorded } from '../../src/trace/line.ts';
import type { Log } from '../../src/trace/read.ts';
import { type HandedIn, type RosterRow, relayRecord, rosterOf } from '../../src/trace/roster.ts';
import { Actor, Connection, LATER } from './histories.ts';

const PORT = 4100;

/** A class: a relay, and everybody who sends one message through it. */
class Class {
  readonly relay = new Actor('relay', 700).listen(-80, 'relay', PORT);
  #ms = 0;

  /**
   * Sends a message.
   * @param upTo how far it comes: the whole exchange; a SEND that is lost or that gets no answer; or the sender is killed before she reads it
   */
  send(name: string, session: string, upTo: 'all' | 'lost' | 'unanswered' | 'killed' = 'all'): Actor {
    this.#ms += 10;
    const ms = this.#ms;
    const id = `${session}-1`;
    const actor = new Actor(name, 1000 + ms);
    const { relay } = this;
    actor.at(ms - 1, {
      event: 'started',
      version: '0.2.0',
      argv: `async send --as ${name} hi`,
      system: 'linux',
      node: '22',
      host: `pc-${name}`,
    });
    const call = new Connection(actor, relay, ms, PORT);
    const ready = { version: 1, role: 'relay', as: 'relay', max: 1000, window: 256, store: 'the-store-1' };
    call.frame(relay, ms + 0.1, 'READY', ready);
    call.frame(actor, ms + 0.2, 'HELLO', { version: 1, as: name, session, try: 1 });
    const send = { id, to: 'bob', size: 2 };
    if (upTo === 'killed') {
      call.frame(actor, ms + 0.4, 'SEND', send);
      call.frame(relay, ms + 0.6, 'STORED', { id, seq: 1, present: 'never' }, LATER);
      return actor;
    }
    if (upTo !== 'all') {
      if (upTo === 'lost') call.frame(actor, ms + 0.4, 'SEND', send, LATER);
      else call.frame(actor, ms + 0.4, 'SEND', send);
      actor.at(ms + 5, { event: 'outcome', verdict: 'UNKNOWN', code: 'deadline', id, ms: 5 });
      return actor;
    }
    call.frame(actor, ms + 0.4, 'SEND', send);
    call.frame(relay, ms + 0.6, 'STORED', { id, seq: 1, present: 'never' });
    actor.at(ms + 0.8, { event: 'outcome', verdict: 'STORED', code: 'ok', id, ms: 1 });
    call.frame(actor, ms + 0.9, 'BYE');
    call.frame(relay, ms + 1.1, 'BYE');
    actor.at(ms + 1.3, { event: 'closed', conn: call.connOf(actor) });
    relay.at(ms + 1.4, { event: 'closed', conn: call.connOf(relay) });
    return actor;
  }
}

const logOf = (file: string, ...runs: readonly (readonly Recorded[])[]): Log => ({
  file,
  // Through a line and back, because a log cuts tokens and orders keys.
  events: runs.flat().map((one) => parseRecorded(formatJson(one))),
  skipped: 0,
  torn: false,
});

const roster = (relay: Actor, ...logs: readonly HandedIn[]): RosterRow[] =>
  rosterOf(relayRecord(logOf('relay.log', relay.log)), logs);

/** A log whose events were changed by hand. */
const edited = (events: readonly Recorded[], change: (one: Recorded) => Recorded | undefined): Recorded[] =>
  events.flatMap((one) => change(structuredClone(one)) ?? []);

/** The log with one text in place of another, in every line. */
const replaced = (events: readonly Recorded[], from: string, to: string): Recorded[] =>
  events.map((one) => parseRecorded(formatJson(one).replaceAll(from, to)));

const NOBODY_ELSE = { also: [], remarks: [] };

test('an honest log agrees: whole, killed early, with a message that was lost on the way, of two runs', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x');
  const bob = all.send('bob', 'bbbb2222-x', 'lost');
  const carol = [all.send('carol', 'cccc3333-x', 'unanswered'), all.send('carol', 'dddd4444-x')];
  const dave = all.send('dave', 'eeee5555-x', 'killed');
  all.send('eve', 'ffff6666-x');
  const rows = roster(
    all.relay,
    logOf('1.log', alice.log),
    logOf('2.log', bob.log),
    logOf('3.log', ...carol.map(({ log }) => log)),
    logOf('4.log', dave.log),
  );
  const sent = { DELIVERED: 0, STORED: 0, NOT_DELIVERED: 0, UNKNOWN: 0 };
  expect(rows).toMatchObject([
    {
      file: '1.log',
      session: 'aaaa1111',
      name: 'alice',
      standing: 'agrees',
      address: '127.0.0.1',
      started: { host: 'pc-alice', version: '0.2.0' },
      verdicts: { ...sent, STORED: 1 },
      ...NOBODY_ELSE,
    },
    { file: '2.log', standing: 'agrees', verdicts: { ...sent, UNKNOWN: 1 }, ...NOBODY_ELSE },
    { file: '3.log', session: 'cccc3333', standing: 'agrees', ...NOBODY_ELSE },
    { file: '3.log', session: 'dddd4444', standing: 'agrees', ...NOBODY_ELSE },
    { file: '4.log', standing: 'agrees', verdicts: sent, ...NOBODY_ELSE },
    { file: undefined, session: 'ffff6666', name: 'eve', standing: 'missing' },
  ]);
});

test('a log without the line `started`, as an older detour wrote it, agrees as well', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x').log.filter(({ event }) => event !== 'started');
  expect(roster(all.relay, logOf('1.log', alice))).toMatchObject([
    { standing: 'agrees', started: undefined, ...NOBODY_ELSE },
  ]);
});

test('each run of a file has its own first line, even if the system gave both the same pid', () => {
  const all = new Class();
  const runs = [all.send('alice', 'aaaa1111-x', 'lost'), all.send('alice', 'bbbb2222-x')];
  const log = logOf('1.log', ...runs.map(({ log: run }) => edited(run, (one) => ({ ...one, pid: 1 }))));
  expect(roster(all.relay, log).map(({ standing, started }) => [standing, started?.time])).toEqual(
    runs.map(({ log: run }) => ['agrees', run[0]?.time]),
  );
});

test('a log that was handed in twice is found, whatever its files are called', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x');
  const rows = roster(all.relay, logOf('a.log', alice.log), logOf('b.log', alice.log));
  expect(rows).toMatchObject([
    { standing: 'agrees', also: ['b.log'] },
    { standing: 'agrees', also: ['a.log'] },
  ]);
  const later = edited(alice.log, (one) => ({ ...one, time: one.time.replace('2026', '2025') }));
  const moved = roster(all.relay, logOf('a.log', alice.log), logOf('b.log', later));
  expect(moved.map(({ also }) => also)).toEqual([['b.log'], ['a.log']]);
  const joined = roster(all.relay, logOf('a.log', alice.log, alice.log));
  expect(joined.map(({ also }) => also)).toEqual([['a.log'], ['a.log']]);
});

test('a copy under another name contradicts the relay, and names the log that it was copied from', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x');
  const stolen = replaced(alice.log, 'alice', 'mallory');
  const [, row] = roster(all.relay, logOf('a.log', alice.log), logOf('m.log', stolen));
  expect(row).toMatchObject({
    name: 'alice',
    standing: 'differs',
    also: ['a.log'],
    remarks: ['it says HELLO as=mallory, the relay says HELLO as=alice'],
  });
  // Only the lines are renamed, and the frames are as they were.
  const actors = edited(alice.log, (one) => ({ ...one, actor: 'mallory' }));
  expect(roster(all.relay, logOf('m.log', actors))).toMatchObject([
    { name: 'alice', standing: 'differs', remarks: ['its lines are by mallory, its HELLO is by alice'] },
  ]);
});

test('a copy under a session of its own is found, with an invented session and with a real one', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x');
  const own = all.send('mallory', 'bbbb2222-x', 'lost');
  const invented = replaced(replaced(alice.log, 'alice', 'mallory'), 'aaaa1111', 'cccc3333');
  const [first, second] = roster(all.relay, logOf('a.log', alice.log), logOf('m.log', invented));
  expect(second).toMatchObject({ session: 'cccc3333', standing: 'unseen', also: ['a.log'] });
  expect(first).toMatchObject({ standing: 'agrees', also: ['m.log'] });
  // Not even new times help, because the relay knows what mallory really did.
  const passedOff = edited(
    replaced(replaced(alice.log, 'alice', 'mallory'), 'aaaa1111', 'bbbb2222'),
    (one) => ({ ...one, time: one.time.replace('2026', '2025') }),
  );
  const [, row] = roster(all.relay, logOf('a.log', alice.log), logOf('m.log', passedOff));
  expect(row).toMatchObject({ session: 'bbbb2222', standing: 'differs', also: [] });
  expect(row?.remarks[0]).toContain('STORED bbbb2222-x-1');
  expect(roster(all.relay, logOf('m.log', own.log))[0]).toMatchObject({ standing: 'agrees' });
});

test('a run that the relay never saw is said to be one, and that it names another relay', () => {
  const home = new Class();
  const alice = home.send('alice', 'aaaa1111-x');
  const school = new Class();
  school.send('bob', 'bbbb2222-x');
  expect(roster(school.relay, logOf('a.log', alice.log))[0]).toMatchObject({
    session: 'aaaa1111',
    standing: 'unseen',
    remarks: [],
  });
  const elsewhere = replaced(alice.log, 'the-store', 'my-store');
  expect(roster(school.relay, logOf('a.log', elsewhere))[0]).toMatchObject({
    standing: 'unseen',
    remarks: ['it names another relay, with the store my-store'],
  });
});

test.each<[string, (one: Recorded) => Recorded | undefined, string]>([
  [
    'a better verdict',
    (one) => (one.event === 'outcome' ? { ...one, verdict: 'STORED' } : one),
    'it says STORED of aaaa1111-x-1: no STORED came',
  ],
  [
    'a verdict of a message that was never sent',
    (one) => (one.event === 'outcome' ? { ...one, verdict: 'DELIVERED', id: 'other' } : one),
    'it says DELIVERED of other: neither RECEIVED nor a receipt came',
  ],
  [
    'another size',
    (one) =>
      one.event === 'sent' && one.verb === 'SEND' ? { ...one, fields: { ...one.fields, size: 9 } } : one,
    'it says SEND size=9, the relay says SEND size=2',
  ],
  [
    'no SEND',
    (one) => ('verb' in one && one.verb === 'SEND' ? undefined : one),
    'it lacks SEND aaaa1111-x-1, which the relay received',
  ],
  [
    'no connection',
    (one) => ('verb' in one && one.verb === 'HELLO' ? { ...one, fields: { ...one.fields, try: 2 } } : one),
    'it lacks the connection try=1, which the relay saw',
  ],
  [
    'a hole',
    (one) => ('verb' in one && one.verb === 'HELLO' ? undefined : one),
    'connection 1: after sent 0 comes sent 2',
  ],
  [
    'a message that nobody sent',
    (one) =>
      one.event === 'outcome'
        ? { ...one, event: 'shown', id: 'x', from: 'bob', seq: 7, size: 1, text: 'y' }
        : one,
    'it shows x, which it did not receive',
  ],
])('a log that was edited is found: %s', (_, change, remark) => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x', 'unanswered');
  const [row] = roster(all.relay, logOf('a.log', edited(alice.log, change)));
  expect(row).toMatchObject({ standing: 'differs' });
  expect(row?.remarks).toContain(remark);
});

test('an answer that was invented, together with its verdict, is found', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x', 'unanswered');
  const { time, actor, pid } = alice.log.at(-1) as Recorded;
  const fields = { id: 'aaaa1111-x-1', seq: 1, present: 'never' };
  const invented: Recorded[] = [
    ...alice.log.slice(0, -1),
    { event: 'received', conn: 1, n: 2, verb: 'STORED', fields, time, actor, pid },
    { event: 'outcome', verdict: 'STORED', code: 'ok', id: 'aaaa1111-x-1', ms: 1, time, actor, pid },
  ];
  expect(roster(all.relay, logOf('a.log', invented))[0]).toMatchObject({
    standing: 'differs',
    remarks: ['it received STORED aaaa1111-x-1, which the relay did not send'],
  });
});

test('two programs under one session are found in the log of the relay', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x');
  all.send('mallory', 'aaaa1111-y');
  const [row] = roster(all.relay, logOf('a.log', alice.log));
  expect(row?.standing).toBe('differs');
  expect(row?.remarks).toContain('the relay saw its connection try=1 twice: two programs used it');
});

test('if the beginning of a log was left out, what is not in the rest proves nothing', () => {
  const all = new Class();
  const alice = all.send('alice', 'aaaa1111-x');
  const bob = all.send('bob', 'bbbb2222-x');
  const half = relayRecord({
    ...logOf('relay.log', bob.log.length > 0 ? all.relay.log.slice(-7) : []),
    skipped: 9,
  });
  expect(rosterOf(half, [logOf('a.log', alice.log), logOf('b.log', bob.log)])).toMatchObject([
    { standing: 'uncertain', ...NOBODY_ELSE },
    { standing: 'agrees', ...NOBODY_ELSE },
  ]);
  const note = 'the first 9 bytes of its file were not read';
  const late = { ...logOf('a.log', alice.log.slice(5)), skipped: 9 };
  expect(roster(all.relay, late)[0]).toMatchObject({ standing: 'none', remarks: [note] });
  const invented = edited(alice.log, (one) => ('verb' in one ? undefined : one));
  const whole = { ...logOf('a.log', invented), skipped: 9 };
  expect(roster(all.relay, whole)[0]).toMatchObject({ standing: 'differs' });
});

/** A log of `detour demo`, with a guess before each of two routes. */
function demoLog(pid: number, ms: number): Actor {
  const demo = new Actor('demo', pid);
  const at = { story: 'killed', route: 'direct' } as const;
  const other = { story: 'killed', route: 'detour' } as const;
  return demo
    .at(ms, { event: 'guess', ...at, guess: 'DELIVERED' })
    .at(ms + 1, { event: 'guess', ...other, guess: 'STORED' })
    .at(ms + 2, { event: 'scene', ...at, verdict: 'UNKNOWN' })
    .at(ms + 3, { event: 'scene', ...other, verdict: 'STORED' });
}

test('guesses come with the verdicts that followed; those that were copied or made afterwards are found', () => {
  const { relay } = new Class();
  const mine = demoLog(5, 1);
  const [row] = roster(relay, logOf('a.log', mine.log));
  expect(row).toMatchObject({ standing: 'none', session: undefined, ...NOBODY_ELSE });
  expect(row?.guesses).toEqual([
    { story: 'killed', route: 'direct', guess: 'DELIVERED', verdict: 'UNKNOWN' },
    { story: 'killed', route: 'detour', guess: 'STORED', verdict: 'STORED' },
  ]);
  const copied = edited(mine.log, (one) => ({ ...one, pid: 6 }));
  const rows = roster(
    relay,
    logOf('a.log', mine.log),
    logOf('b.log', copied),
    logOf('c.log', demoLog(7, 2.5).log),
  );
  expect(rows.map(({ also }) => also)).toEqual([['b.log'], ['a.log'], []]);
  const [first, second, ...scenes] = mine.log as [Recorded, Recorded, ...Recorded[]];
  expect(roster(relay, logOf('a.log', [...scenes, first, second]))[0]).toMatchObject({
    standing: 'differs',
    remarks: [
      'it guesses killed, direct, after that was played',
      'it guesses killed, detour, after that was played',
    ],
  });
});

test('a file that is no log is a row of its own, and the log of a receiver is not the log of a relay', () => {
  const all = new Class();
  const error = new DetourError('bad_log', 'x.log is not text');
  expect(roster(all.relay, { file: 'x.log', error })).toMatchObject([
    { file: 'x.log', standing: 'unreadable', remarks: ['x.log is not text'] },
  ]);
  const receiver = new Actor('bob', 3).listen(0, 'receiver', 4101);
  expect(() => roster(receiver)).toThrow('relay.log is not the log of a relay');
});

test('a direct run is called one: the relay cannot know it', () => {
  const all = new Class();
  const alice = new Class().send('alice', 'aaaa1111-x', 'lost');
  const direct = replaced(alice.log, '"role":"relay"', '"role":"receiver"');
  expect(roster(all.relay, logOf('a.log', direct))[0]).toMatchObject({ standing: 'direct', ...NOBODY_ELSE });
});
