// `detour link` as a process between real detour processes: what a sender concludes when the network breaks at a chosen moment.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prng } from '../../../src/core/prng.ts';
import { send } from '../../../src/index.ts';
import { FAULTS } from '../../../src/lab/faults/faults.ts';
import type { Actor } from '../../../src/lab/stage/actor.ts';
import { parseRow, SYN_SENT } from '../../../src/net/proc-net-tcp.ts';
import { wrongInside, wrongOf } from '../../cli/several.ts';
import { runCli, start, talk, tempDir } from '../../harness.ts';

async function bobListens(...more: string[]): Promise<Actor & { place: string }> {
  const bob = start(['sync', 'receive', '--port', '0', ...more]);
  return Object.assign(bob, { place: `127.0.0.1:${(await bob.until('listening')).port}` });
}

/** Has a SYN to this address gone out without an answer? Only Linux shows it; elsewhere true. */
function hangs(place: string): boolean {
  if (process.platform !== 'linux') return true;
  const port = Number(place.replace(/.*:/, '')).toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/self/net/tcp', 'latin1').split('\n').map(parseRow);
  return rows.some(({ remote, state }) => remote === `0100007F:${port}` && state === SYN_SENT);
}

/** A link and its place. */
async function linkTo(to: string, ...more: string[]): Promise<Actor & { place: string }> {
  const link = start(['link', '--listen', '0', '--to', to, ...more]);
  const { port } = await link.until('listening');
  return Object.assign(link, { place: `127.0.0.1:${port}` });
}

test('sync: whole, cut in the middle of the body, healed, refused', { tags: ['slow'] }, async () => {
  const bob = await bobListens();
  const link = await linkTo(bob.place);
  const whole = await runCli(['sync', 'send', '--to', link.place, 'hello']);
  expect(whole.code).toBe(0);
  expect(whole.stderr).toMatch(/DELIVERED/);

  link.type('limit 50000');
  await link.until('fault', ({ fault }) => fault === 'limit');
  const input = 'x'.repeat(100_000);
  const middle = await runCli(['sync', 'send', '--to', link.place, '--timeout', '2s'], { input });
  expect(middle.code).toBe(20);
  expect(middle.stderr).toMatch(/UNKNOWN/);
  const cut = await link.until('fault', ({ fault, value }) => fault === 'cut' && value === 'limit');
  const before = await link.until('fault', ({ fault }) => fault === 'limit');
  expect(cut.up + cut.down - before.up - before.down).toBe(50_000);
  expect(bob.events.filter(({ event }) => event === 'shown')).toHaveLength(1);

  // What was held was in the network, and arrives now: UNKNOWN was the truth.
  link.type('heal');
  await bob.until('shown', ({ size }) => size === 100_000);

  link.type('refuse');
  await link.until('fault', ({ fault }) => fault === 'refuse');
  const refused = await runCli(['sync', 'send', '--to', link.place, 'hello']);
  expect(refused.code).toBe(10);
  expect(refused.stderr).toMatch(/NOT DELIVERED.*ECONNREFUSED/s);

  link.child.kill('SIGINT');
  expect(await link.ended).toBe(0);
});

test('sync: cut after SEND has arrived: the answer does not come, UNKNOWN at the deadline', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens('--work', '5s');
  const log = join(tempDir(), 'link.log');
  const link = await linkTo(bob.place, '--log', log);
  const sending = runCli(['sync', 'send', '--to', link.place, '--timeout', '10s', 'hello']);
  await bob.until('shown');
  link.type('cut');
  await link.until('fault');
  await bob.until('sent', ({ verb }) => verb === 'RECEIVED');
  const { code, stderr } = await sending;
  expect(code).toBe(20);
  expect(stderr).toMatch(/UNKNOWN/);
  const drawn = await runCli(['trace', log]);
  expect(drawn.code).toBe(0);
  expect(drawn.stdout).toMatch(/! cut/);
});

test('a full backlog: the deadline ends the connect and not one byte left; a sender that waits longer gets in when it heals', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens();
  const link = await linkTo(bob.place);
  link.type('full');
  await link.until('fault', ({ fault }) => fault === 'full');
  const refuses = link.events.some(({ event }) => event === 'notice');
  const short = await runCli(['sync', 'send', '--to', link.place, '--timeout', '1s', 'hello']);
  expect(short.code).toBe(10);
  expect(short.stderr.replaceAll(/\s+/g, ' ')).toMatch(
    refuses ? /NOT DELIVERED.*ECONNREFUSED/ : /NOT DELIVERED.*no connection.*not one byte of it left/,
  );
  expect(link.events.filter(({ event }) => event === 'linked')).toHaveLength(0);
  if (refuses) return;
  const alice = start(['sync', 'send', '--to', link.place, '--timeout', '60s', 'hello']);
  await alice.until('connecting');
  // While it heals nobody listens for a moment. That is over long before her SYN is sent again, after a second.
  while (!hangs(link.place)) await new Promise((resolve) => setTimeout(resolve, 5));
  link.type('heal');
  expect((await alice.until('verdict')).verdict).toBe('DELIVERED');
  await bob.until('shown');
});

test('async: a reset after SEND: the sender tries again, and the message is kept once', {
  tags: ['slow'],
}, async () => {
  const relay = start(['async', 'relay', '--port', '0', '--journal', join(tempDir(), 'journal')]);
  const place = `127.0.0.1:${(await relay.until('listening')).port}`;
  const link = await linkTo(place);
  // A long line, so that there is time to break it while the answer is on its way.
  link.type('latency 1s');
  await link.until('fault');
  const alice = start(['async', 'send', '--relay', link.place, '--timeout', '60s', '--id', 'once', 'hello']);
  await alice.until('received', ({ verb }) => verb === 'READY');
  link.type('stall down');
  await relay.until('sent', ({ verb }) => verb === 'STORED');
  link.type('reset');
  link.type('latency 0s');
  link.type('heal');
  expect(await alice.ended).toBe(0);
  expect((await alice.until('verdict')).verdict).toBe('STORED');
  const sends = relay.events.filter((event) => event.event === 'received' && event.verb === 'SEND');
  expect(sends).toHaveLength(2);
  expect(relay.events.filter(({ event }) => event === 'stored')).toHaveLength(1);
  const answers = alice.events.filter((event) => event.event === 'received' && event.verb === 'STORED');
  expect(answers).toMatchObject([{ fields: { id: 'once', dup: 'yes' } }]);
});

test('half a message: the receiver says how much arrived, and that it has no effect', {
  tags: ['slow'],
}, async () => {
  const bob = talk(['sync', 'receive', '--port', '0']);
  const [, place = ''] = await bob.until(/listens on (\S+),/);
  // Slow enough to be reported. The bar is only for a terminal; here only its end is printed.
  const link = await linkTo(place, '--rate', '500kB/s', '--limit', '500000');
  const alice = start(['sync', 'send', '--to', link.place, '-']);
  alice.child.stdin?.end('x'.repeat(1_000_000));
  await link.until('fault', ({ fault }) => fault === 'cut');
  link.type('reset');
  const [, have] = await bob.until(/ {2}only (\d+) of 1000000 bytes came: half a message has no effect\n/);
  expect(Number(have)).toBeGreaterThan(0);
  expect(Number(have)).toBeLessThanOrEqual(500_000);
  expect((await alice.until('verdict')).verdict).toBe('UNKNOWN');
  expect(bob.stderr).not.toContain('[=');
  expect(bob.stdout).toBe('');
});

test('typed: what it says, status, nonsense, and a polite end', async () => {
  const link = talk([
    'link',
    '--listen',
    '0',
    '--to',
    '127.0.0.1:1',
    '--latency',
    '200ms',
    '--jitter',
    '5ms',
    '--seed',
    '42',
  ]);
  await link.until(/link listens on 127\.0\.0\.1:\d+, pid \d+; forwards calls to 127\.0\.0\.1:1\n/);
  await link.until(/jitter 5ms \(--seed 42\)/);
  for (const { word } of FAULTS)
    expect(link.stderr).toMatch(new RegExp(`type: [^]*\\b${word}\\b[^]* Ctrl-C`));
  for (const [line, says] of [
    ['status', /whole, latency 200 ms, jitter 5\.0 ms; connections 0, 0 bytes up, 0 down, 0 held/],
    ['x'.repeat(100_000), /Unknown command: it has more than 200 bytes/],
    // What it begins with does not count.
    [`kill${' '.repeat(300)}`, /(?:Unknown command: it has more than 200 bytes[^U]*){2}/],
    ['cutt', /unknown command "cutt": use one of cut, heal/],
    ['stall', /"stall" needs a value after it\. For example: stall down/],
    ['stall left', /"left" is not a direction: use up or down/],
    ['slice 0', /"0" is not a count/],
    ['slice 3', /slice 3;/],
    ['cut now', /"cut" takes no value: "now" is too much/],
    ['rate 5', /"5" is not a speed/],
    ['limit 1 2', /"limit" takes only one value: "2" is too much/],
    ['  cut  ', /cut; passed so far: 0 bytes up, 0 down/],
    ['freeze 1ms', /thawed/],
    ['rate 1kB/s', /rate 1kB\/s;/],
    ['status', /cut, latency 200 ms, jitter 5\.0 ms, 1000 bytes a second, slice 3/],
  ] as const) {
    link.type(line);
    await link.until(says);
  }
  link.child.kill('SIGINT');
  expect(await link.ended).toBe(0);
  expect(link.stderr).toMatch(/stopped; no connection was open\.\n$/);
});

test('--chance: which calls are faulty is said, and the same seed draws the same ones again', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens();
  const link = await linkTo(bob.place, '--chance', '40%', '--seed', '7', '--slice', '1');
  expect((await link.until('notice')).text).toBe('the faults hold for 40 % of the calls (--seed 7)');
  const random = prng(7);
  for (let call = 1; call <= 4; call += 1) {
    expect((await send(link.place, 'hello')).verdict).toBe('DELIVERED');
    const { faulty } = await link.until('linked', ({ line }) => line === call);
    expect(faulty).toBe(random() < 0.4 ? 'yes' : 'no');
  }
  const told = talk(['link', '--listen', '0', '--to', bob.place, '--chance', '100%', '--seed', '7']);
  const [, place = ''] = await told.until(/link listens on (\S+),/);
  await told.until(/the faults hold for 100 % of the calls \(--seed 7\)/);
  await send(place, 'hello');
  await told.until(/call 1 from \S+, faulty\n/);
});

test('a script runs its commands at their times', async () => {
  const script = join(tempDir(), 'script');
  writeFileSync(script, '# a comment\n\n20ms cut # and behind a command\r\n40ms heal\n30ms stall up\n');
  const link = await linkTo('127.0.0.1:1', '--script', script);
  await link.until('fault', ({ fault }) => fault === 'heal');
  expect(link.events.flatMap((event) => (event.event === 'fault' ? [event.fault] : []))).toEqual([
    'cut',
    'stall',
    'heal',
  ]);
});

test('wrong usage: one sentence, exit code 2; a port in use: 1', async () => {
  const dir = tempDir();
  const script = join(dir, 'script');
  writeFileSync(script, '1s cut\n2s\n');
  const second = join(dir, 'second');
  writeFileSync(second, 'cut\n');
  const binary = join(dir, 'bin');
  writeFileSync(binary, Buffer.from([0x31, 0x73, 0xff, 0x00]));
  // What `>` writes in Windows PowerShell.
  const wide = join(dir, 'wide');
  writeFileSync(wide, '\ufeff1s cut\r\n2s\r\n', 'utf16le');
  const none = join(dir, 'none');
  writeFileSync(none, '# nothing\n\n');
  const bob = await bobListens();
  const port = bob.place.replace(/.*:/, '');
  const usage = (says: RegExp, ...args: string[]) => ({ args: ['link', ...args], code: 2, says });
  expect(
    await wrongInside([
      usage(/would call itself: it listens on 127\.0\.0\.1:4101/, '--listen', '4101'),
      usage(/would call itself/, '--listen', '5000', '--host', '0.0.0.0', '--to', 'localhost:5000'),
      ...['LOCALHOST', '127.1', '0', '2130706433', '[::ffff:127.0.0.1]'].map((own) =>
        usage(/would call itself/, '--listen', '5000', '--to', `${own}:5000`),
      ),
      usage(/script, line 2: a command is missing: use one of cut, heal/, '--script', script),
      usage(/bin is not text/, '--script', binary),
      usage(/wide, line 2: a command is missing/, '--script', wide),
      usage(/none contains no command/, '--script', none),
      usage(/second, line 1: "cut" is not a valid duration/, '--script', second),
      usage(/cannot be read \(ENOENT\)/, '--script', join(dir, 'nowhere')),
      usage(/too many arguments/, 'cut'),
      ...['0%', '101%', '10', 'x%'].map((text) => usage(/is not a chance: write 10%/, '--chance', text)),
      usage(/"3B" is not a count/, '--slice', '3B'),
    ]),
  ).toEqual([]);
  expect(
    await wrongOf([
      {
        args: ['link', '--listen', port, '--to', '127.0.0.1:1'],
        code: 1,
        says: /EADDRINUSE\): a detour receiver named bob answers there.*try .*--listen/,
      },
    ]),
  ).toEqual([]);
});
