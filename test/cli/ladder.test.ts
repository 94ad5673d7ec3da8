// `--ladder` with real processes: how far one message comes when all is well, when the program is frozen, and when the cable is cut, on
// both routes. Only Linux shows the second rung.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Recorded } from '../../src/core/event.ts';
import { runCli, start, talk, tempDir } from '../harness.ts';
import { wrongOf } from './several.ts';
import { bobListens, relayListens } from './talking.ts';

const LINUX = process.platform === 'linux';

type Rung = Extract<Recorded, { event: 'rung' }>;

/** The rungs of a message, in the order in which they were reported: `handed reached kernel`. */
function rungs(events: readonly Recorded[], id?: string): string[] {
  return events
    .filter((event): event is Rung => event.event === 'rung' && (id === undefined || event.id === id))
    .map(({ rung, state, by }) => [rung, state, by].filter(Boolean).join(' '));
}

const SECOND = LINUX ? 'acknowledged reached ack' : 'acknowledged unseen';

test('sync: each rung by its own answer; --json has them, too', async () => {
  const bob = await bobListens();
  const alice = start(['sync', 'send', '--to', bob.place, '--ladder', 'hello']);
  expect(await alice.ended).toBe(0);
  expect(rungs(alice.events)).toEqual([
    'handed reached kernel',
    SECOND,
    'read reached PONG',
    'durable none',
    'handled reached RECEIVED',
  ]);
  const verdict = alice.events.at(-1);
  expect(verdict).toMatchObject({ event: 'verdict', verdict: 'DELIVERED', exit: 0 });
});

test.runIf(LINUX)(
  'a frozen program: its kernel has the message and the program does not; thawed, it shows it',
  { tags: ['slow'] },
  async () => {
    const bob = await bobListens();
    const alice = talk(['sync', 'send', '--to', bob.place, '--ladder', '--lines', '--timeout', '2s']);
    alice.type('one');
    await alice.until(/DELIVERED/);
    bob.child.kill('SIGSTOP');
    alice.type('two');
    await alice.until(/UNKNOWN: bob may have it/);
    const [, second = ''] = alice.stderr.split('DELIVERED');
    expect(second).toMatch(/1 handed over +to my kernel +my kernel\n/);
    expect(second).toMatch(new RegExp(`2 acknowledged +by the other kernel +that of ${bob.place}\\n`));
    expect(second).toMatch(/ - {2}3 read +by bob's program +not known\n/);
    expect(second).toMatch(/ - {2}4 durable +on a disk +nobody: sync keeps nothing\n/);
    expect(second).toMatch(/ - {2}5 handled +by bob's program +not known\nUNKNOWN/);
    expect(bob.stdout).not.toMatch(/two/);
    bob.child.kill('SIGCONT');
    await bob.until(/alice: two/);
    alice.child.stdin?.end();
    expect(await alice.ended).toBe(20);
    for (const line of alice.stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  },
);

test.runIf(LINUX)(
  'a frozen program and a long message: part of it does not even reach its kernel',
  { tags: ['slow'] },
  async () => {
    const bob = await bobListens();
    const alice = start(['sync', 'send', '--to', bob.place, '--ladder', '--lines', '--timeout', '2s']);
    alice.child.stdin?.write('one\n');
    await alice.until('outcome');
    bob.child.kill('SIGSTOP');
    alice.child.stdin?.end(`${'x'.repeat(1_000_000)}\n`);
    const { id } = await alice.until('outcome', ({ verdict }) => verdict === 'UNKNOWN');
    bob.child.kill('SIGCONT');
    expect(rungs(alice.events, id).filter((rung) => !rung.startsWith('handed'))).toEqual([
      'acknowledged unknown',
      'read unknown',
      'durable none',
      'handled unknown',
    ]);
    const { left } = await alice.until('rung', (event) => event.id === id && event.rung === 'acknowledged');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(1_000_100);
  },
);

test('nothing was handed over: that is certain', async () => {
  const { code, stderr } = await runCli(['sync', 'send', '--to', '127.0.0.1:1', '--ladder', 'hi']);
  expect(code).toBe(10);
  for (const rung of ['1 handed', '2 acknowledged', '3 read', '5 handled'])
    expect(stderr).toMatch(new RegExp(` - {2}${rung}.* no, for certain\n`));
});

test('async: durable on the relay; whether bob handled it is not asked, or the receipt says it', {
  tags: ['slow'],
}, async () => {
  const relay = await relayListens(join(tempDir(), 'journal'));
  const stored = start(['async', 'send', '--relay', relay.place, '--ladder', 'hi']);
  expect(await stored.ended).toBe(0);
  const first = ['handed reached kernel', SECOND, 'read reached PONG', 'durable reached STORED'];
  expect(rungs(stored.events)).toEqual([...first, 'handled unasked']);

  const bob = talk(['async', 'receive', '--relay', relay.place, '--follow']);
  await bob.until(/alice: hi/);
  const waits = talk(['async', 'send', '--relay', relay.place, '--ladder', '--wait', '20s', '--', 'ho']);
  expect(await waits.ended).toBe(0);
  expect(waits.stderr).toMatch(
    /4 durable +on the relay's disk +the relay: STORED\nSTORED in .*\n(?: {2}.*\n)* +\S+ m?s {2}5 handled +by bob's program +the relay: receipt\nDELIVERED/,
  );
  for (const line of waits.stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  bob.child.kill('SIGKILL');
  await bob.ended;

  const bounced = start([
    'async',
    'send',
    '--relay',
    relay.place,
    '--to',
    'eve',
    '--ladder',
    '--ttl',
    '1s',
    '--wait',
    '20s',
    'hi',
  ]);
  expect(await bounced.ended).toBe(10);
  expect(rungs(bounced.events)).toEqual([...first, 'handled no']);
});

test('through a cut link: the kernel that acknowledges is that of the link', { tags: ['slow'] }, async () => {
  const bob = await bobListens();
  const link = start(['link', '--listen', '0', '--to', bob.place]);
  const place = `127.0.0.1:${(await link.until('listening')).port}`;
  const alice = start(['sync', 'send', '--to', place, '--ladder', '--lines', '--timeout', '2s']);
  alice.child.stdin?.write('one\n');
  await alice.until('outcome');
  link.child.stdin?.write('cut\n');
  await link.until('fault');
  alice.child.stdin?.end('two\n');
  const { id } = await alice.until('outcome', ({ verdict }) => verdict === 'UNKNOWN');
  expect(rungs(alice.events, id)).toEqual([
    'handed reached kernel',
    SECOND,
    'read unknown',
    'durable none',
    'handled unknown',
  ]);
  expect(bob.stdout).not.toMatch(/two/);
});

test('there is no ladder for many messages', async () => {
  const says = /--ladder shows the rungs of one message, but --count sends many\. try Give one of the two/;
  expect(
    await wrongOf([
      { args: ['sync', 'send', '--ladder', '--count', '2', 'hi'], code: 2, says },
      { args: ['async', 'send', '--ladder', '--count', '2', 'hi'], code: 2, says },
    ]),
  ).toEqual([]);
});

test('trace draws a ladder, and leaves it out with --brief', async () => {
  const dir = tempDir();
  const bob = await bobListens();
  const log = join(dir, 'alice.log');
  await runCli(['sync', 'send', '--to', bob.place, '--ladder', '--log', log, 'hello']);
  const full = await runCli(['trace', log]);
  expect(full.stdout).toMatch(/\+ rung 3 read/);
  const brief = await runCli(['trace', '--brief', log]);
  expect(brief.stdout).not.toMatch(/rung/);
});
