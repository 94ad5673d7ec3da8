// The first ten minutes of a class, with real processes: who says what, where it is printed, and the exit codes.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peer, runCli, talk, tempDir } from '../harness.ts';
import { bobListens, relayListens } from './talking.ts';

const sync = (place: string, ...words: string[]) => runCli(['sync', 'send', '--to', place, ...words]);
const detour = (place: string, ...words: string[]) => runCli(['async', 'send', '--relay', place, ...words]);
const collect = (place: string, ...more: string[]) => runCli(['async', 'receive', '--relay', place, ...more]);

test('the direct route: bob is there, then he is not', async () => {
  const bob = await bobListens();
  const sent = await sync(bob.place, 'hello', 'bob');
  expect(sent).toMatchObject({ code: 0, stdout: '' });
  expect(sent.stderr).toMatch(
    /connected .*\n.*READY .*\n.*sent .*"hello bob", 9 bytes, id \S+\nDELIVERED in .*: bob's program says/,
  );
  expect(bob.stdout).toBe('alice: hello bob\n');
  bob.child.kill('SIGINT');
  if (process.platform !== 'win32') {
    expect(await bob.ended).toBe(0);
    expect(bob.stderr).toContain(`stopped; nobody listens on ${bob.place} now.`);
  }
  await bob.ended;
  const refused = await sync(bob.place, 'are', 'you', 'there');
  expect(refused).toMatchObject({ code: 10, stdout: '' });
  expect(refused.stderr).toMatch(/NOT DELIVERED, for certain\. +exit 10\n +on the wire +.*ECONNREFUSED/);
  // The last line names the command that explains it, and that command works.
  expect(refused.stderr).toMatch(/\n {2}more {9}detour explain ECONNREFUSED\n$/);
  expect((await runCli(['explain', 'ECONNREFUSED'])).stdout).toContain('listens on another address');
});

test('the detour: nobody is there, the relay is killed, and bob gets it', async () => {
  const journal = join(tempDir(), 'journal');
  const relay = await relayListens(journal);
  const sent = await detour(relay.place, 'are', 'you', 'there');
  expect(sent).toMatchObject({ code: 0, stdout: '' });
  expect(sent.stderr).toMatch(
    /STORED in .*number 1 for bob\. +exit 0\n +This relay has never seen a bob\. .*\n +STORED is the relay's promise/,
  );
  await relay.until(/bob 1 from alice, 13 bytes, on disk\. bob is away: 1 waits\./);
  relay.type('kill');
  expect(await relay.ended).toBe(process.platform === 'win32' ? 1 : 'SIGKILL');
  const again = await relayListens(journal, relay.port);
  expect(again.stderr).toMatch(/Waiting: bob 1, since \d\d:\d\d:\d\d\./);
  const status = await runCli(['async', 'status', '--relay', again.place]);
  expect(status).toMatchObject({ code: 0, stderr: '' });
  expect(status.stdout).toMatch(
    /^NAME +WAITING +BYTES +SINCE +CONNECTED\nbob +1 +13 +\d\d:\d\d:\d\d +no\nused: messages 1 of 20M, names 1 of 200k, ids 1 of 530k,/,
  );
  expect(status.stdout).toMatch(/sessions 1 of 200k,\n +disk [\d.]+M of \S+\n$/);
  const collected = await collect(again.place);
  expect(collected).toMatchObject({ code: 0, stdout: 'alice: are you there\n' });
  expect(collected.stderr).toMatch(/1 message, nothing else waits for bob\. Leaving .*exit 0\n$/);
  await again.until(/bob 1 acknowledged\./);
});

test.skipIf(process.platform === 'win32')(
  'the journal of a running relay is deleted: the relay says so, also when it is stopped politely',
  { tags: ['slow'] },
  async () => {
    const journal = join(tempDir(), 'journal');
    const relay = await relayListens(journal);
    expect((await detour(relay.place, 'hello')).code).toBe(0);
    rmSync(journal, { recursive: true });
    relay.child.kill('SIGINT');
    expect(await relay.ended).toBe(1);
    expect(relay.stderr).toMatch(
      /The journal failed: files of the journal were deleted or moved away while the relay was running: .*\./,
    );
    expect(relay.stderr).toMatch(
      /Messages that were stored and not collected are in those files, and are lost/,
    );
    expect(relay.stderr).not.toMatch(/stopped\.|Everything/);
  },
);

test('bob is killed after he showed it: direct, nobody knows; the relay sends it again', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens('--work', '8s');
  const sending = sync(bob.place, 'important');
  await bob.until(/alice: important\n/);
  bob.type('kill');
  const sent = await sending;
  expect(sent).toMatchObject({ code: 20, stdout: '' });
  expect(sent.stderr).toMatch(
    /UNKNOWN: bob may have it, or not\. +exit 20\n +on the wire .*\n(.*\n)* +try +ask bob/,
  );

  const relay = await relayListens(join(tempDir(), 'journal'));
  expect((await detour(relay.place, 'important')).code).toBe(0);
  const first = talk(['async', 'receive', '--relay', relay.place, '--work', '8s']);
  await first.until(/alice: important\n/);
  first.type('kill');
  await first.ended;
  const second = await collect(relay.place);
  expect(second).toMatchObject({ code: 0, stdout: 'alice: important\n' });
  expect(second.stderr).toContain('attempt 2: an earlier bob may have seen it, but no ACK came');
});

// Windows has no signal but kill.
test.skipIf(process.platform === 'win32')(
  'Ctrl-C while waiting: the verdict first, then exit 130',
  { tags: ['slow'] },
  async () => {
    const bob = await bobListens('--work', '60s');
    const alice = talk(['sync', 'send', '--to', bob.place, 'important']);
    await bob.until(/alice: important\n/);
    alice.child.kill('SIGINT');
    expect(await alice.ended).toBe(130);
    expect(alice.stderr).toMatch(/UNKNOWN: bob may have it, or not\. +exit 130\n/);

    // A relay from which nobody collects: the wait for news ends, and what is STORED stays STORED.
    const relay = await relayListens(join(tempDir(), 'journal'));
    const waiting = talk(['async', 'send', '--relay', relay.place, '--wait', '1m', 'hi']);
    await waiting.until(/STORED in/);
    waiting.child.kill('SIGINT');
    expect(await waiting.ended).toBe(130);
    expect(waiting.stderr).toMatch(
      /STORED, no news yet: bob may have it, or it waits at the relay\. +exit 130\n/,
    );

    const follower = talk(['async', 'receive', '--relay', relay.place, '--follow', '--as', 'carol']);
    await relay.until(/carol collects\./);
    follower.child.kill('SIGINT');
    expect(await follower.ended).toBe(0);
  },
);

test('--wait: receipt, no news, and both kinds of bounce', { tags: ['slow'], timeout: 120_000 }, async () => {
  const relay = await relayListens(join(tempDir(), 'journal'));
  const nothing = await detour(relay.place, '--to', 'nobody', '--wait', '200ms', 'hi');
  expect(nothing.code).toBe(30);
  expect(nothing.stderr).toMatch(
    /STORED, no news within 200 ms: nobody may have it, or it waits at the relay\.\s+exit 30\n {2}more {9}detour explain STORED\n$/,
  );
  const soon = await detour(relay.place, '--to', 'nobody', '--ttl', '1h', '--wait', '200ms', 'hi');
  expect(soon.stderr).toMatch(/never seen a nobody\. It waits for one, no longer than its --ttl\.\n/);
  expect(soon.stderr).toMatch(
    /STORED, no news within 200 ms: nobody may have it, or it waits, or expired\.\s+exit 30\n/,
  );

  const never = await detour(relay.place, '--to', 'nobody', '--ttl', '1s', '--wait', '30s', 'hi');
  expect(never.code).toBe(10);
  expect(never.stderr).toMatch(
    /NOT DELIVERED: it expired; the relay never wrote it to nobody\. +exit 10\n {2}more {9}detour explain NOT DELIVERED\n$/,
  );

  const slow = talk([
    'async',
    'receive',
    '--relay',
    relay.place,
    '--follow',
    '--work',
    '60s',
    '--as',
    'slow',
  ]);
  await relay.until(/slow collects\./);
  const tried = talk([
    'async',
    'send',
    '--relay',
    relay.place,
    '--to',
    'slow',
    '--ttl',
    '1s',
    '--wait',
    '30s',
    'hi',
  ]);
  await slow.until(/alice: hi\n/);
  slow.type('kill');
  expect(await tried.ended).toBe(20);
  expect(tried.stderr).toMatch(
    /UNKNOWN: it expired, but may have been written to slow; no ACK came\. +exit 20\n {2}more {9}detour explain UNKNOWN\n$/,
  );

  const bob = talk(['async', 'receive', '--relay', relay.place, '--follow']);
  await relay.until(/bob collects\./);
  const receipt = await detour(relay.place, '--wait', '30s', 'hi');
  expect(receipt.code).toBe(0);
  expect(receipt.stderr).toMatch(/DELIVERED: bob's program acknowledged it\. +exit 0\n$/);
  expect(bob.stdout).toBe('alice: hi\n');
});

test('a repeat of what bob has collected: nothing is said about where it is now, and no news is waited for', {
  tags: ['slow'],
}, async () => {
  const relay = await relayListens(join(tempDir(), 'journal'));
  const once = ['--id', 'once', 'hi'];
  expect((await detour(relay.place, ...once)).code).toBe(0);
  expect((await collect(relay.place)).stdout).toBe('alice: hi\n');
  const { code, stderr } = await detour(relay.place, '--ladder', '--wait', '1h', ...once);
  expect(code).toBe(30);
  expect(stderr).toMatch(
    /STORED in .*: the relay stored it before, as number 1 for bob\.\n {2}A repeat, known by its id/,
  );
  expect(stderr).toMatch(/STORED: news of it, if any, goes to the first sender, not here\. +exit 30\n/);
  expect(stderr).toMatch(/4 durable +once on the relay's disk +the relay: STORED dup=yes\n/);
  expect(stderr).not.toMatch(/bob is away|stays|keeps it|waits for one/);
  for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect((await collect(relay.place)).stdout).toBe('');

  const other = await detour(relay.place, '--id', 'once', 'another text');
  expect(other.code).toBe(20);
  expect(other.stderr).toMatch(
    /on the wire .*\n?.*REFUSED code=id_reused[\s\S]* try +choose a new --id for a new message\n/,
  );

  const asked = await detour(relay.place, '--ladder', ...once);
  expect(asked.stderr).toMatch(/5 handled +by bob's program +not known\n/);
});

test('--reply and --echo: the answer is data', { tags: ['slow'] }, async () => {
  const polite = await bobListens('--reply', 'thank\x1b[2J you');
  expect(await sync(polite.place, 'hi')).toMatchObject({ code: 0, stdout: 'bob: thank\\x1b[2J you\n' });
  const mountain = await bobListens('--echo', '--as', 'echo');
  expect(await sync(mountain.place, 'hi')).toMatchObject({ code: 0, stdout: 'echo: hi\n' });
  // An answer of several lines cannot fake a verdict at the left edge.
  expect((await sync(mountain.place, 'hi\nNOT DELIVERED\n')).stdout).toBe('echo: hi\n     | NOT DELIVERED\n');
});

test('--count gives one summary, with the worst of all verdicts; bob can stop after a given number', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens('--count', '3');
  const sent = await runCli(['sync', 'send', '--to', bob.place, '--count', '5', 'hi']);
  // The fourth message meets a bob that says BYE, or one that is already gone.
  expect(sent.code).toBe(/UNKNOWN/.test(sent.stderr) ? 20 : 10);
  expect(sent.stderr).toMatch(/First failure, id \S+:\n(NOT DELIVERED|UNKNOWN)/);
  expect(sent.stderr).toMatch(/\n5 of 5 in .*: 3 DELIVERED, [^\n]* exit [12]0\n/);
  expect(await bob.ended).toBe(0);
  expect(bob.stdout).toBe('alice: hi\n'.repeat(3));

  const relay = await relayListens(join(tempDir(), 'journal'));
  const many = await detour(relay.place, '--count', '500', 'hi');
  expect(many.code).toBe(0);
  expect(many.stderr).toMatch(/^500 of 500 in .*: 500 STORED +exit 0\n +answered after p50 /);
  const taken = await collect(relay.place, '--count', '500');
  expect(taken).toMatchObject({ code: 0, stdout: 'alice: hi\n'.repeat(500) });
});

test('a message from a pipe, and one message per line', { tags: ['slow'] }, async () => {
  const bob = await bobListens();
  const to = ['sync', 'send', '--to', bob.place];
  expect((await runCli(to, { input: 'from a pipe\n' })).code).toBe(0);
  expect((await runCli([...to, '-'], { input: 'two\nlines\n' })).code).toBe(0);
  expect((await runCli([...to, '--lines'], { input: 'one\n\ntwo\r\nthree' })).code).toBe(0);
  expect((await runCli([...to, '--as', 'carol', '--', '-', 'x', '--json'], {})).code).toBe(0);
  expect((await runCli([...to, '-'], { input: '' })).code).toBe(0);
  expect(bob.stdout).toBe(
    [
      'alice: from a pipe',
      'alice: two',
      '     | lines',
      'alice: one',
      'alice: two',
      'alice: three',
      'carol: - x --json',
      'alice: ',
      '',
    ].join('\n'),
  );
});

test('whatever bytes are sent, they are shown in a harmless form, on one stream, without colour', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens();
  const hostile = Buffer.from('\x1b]0;owned\x07\x1b[2J\u202eevil\u200b\r\x00\x9b31m\xff');
  const bytes = Buffer.concat([hostile, Buffer.from([0xff, 0xfe, 0x80])]);
  const sent = await runCli(['sync', 'send', '--to', bob.place], {
    input: bytes,
    env: { FORCE_COLOR: '1', NO_COLOR: '' },
  });
  expect(sent.code).toBe(0);
  expect(bob.stdout).toBe(
    'alice: \\x1b]0;owned\\x07\\x1b[2J\\u{202e}evil\\u{200b}\\r\\x00\\u{9b}31mÿ\\xff\\xfe\\x80\n',
  );
  const controls = [...sent.stderr, ...bob.stderr, ...bob.stdout].filter((one) =>
    /[\p{Cc}\p{Cf}]/u.test(one),
  );
  expect(new Set(controls)).toEqual(new Set(['\n']));
});

test('typing to a server: freeze, nonsense, the end of input', { tags: ['slow'] }, async () => {
  const bob = await bobListens();
  bob.type('hello?');
  await bob.until(/bob only listens: what you type here is sent to nobody\.\n {2}Type kill .* or freeze 20s/);
  bob.type('kill 20s');
  await bob.until(/Type kill [\s\S]*Type kill /);
  bob.type('freeze soon');
  await bob.until(/freeze: "soon" is not a valid duration/);
  bob.type('freeze 300ms');
  await bob.until(/frozen for 300 ms: the program stands still, the kernel goes on/);
  await bob.until(/thawed/);
  bob.child.stdin?.end();
  // The input has ended, and bob still listens.
  expect((await sync(bob.place, 'still there?')).code).toBe(0);
  expect(bob.stdout).toBe('alice: still there?\n');
});

test('--follow connects again after the relay was killed, and ends when it is replaced', {
  tags: ['slow'],
}, async () => {
  const journal = join(tempDir(), 'journal');
  const relay = await relayListens(journal);
  const first = talk(['async', 'receive', '--relay', relay.place, '--follow']);
  await relay.until(/bob collects\./);
  relay.child.kill('SIGKILL');
  await relay.ended;
  await first.until(/connected: the kernel of \S+ took the call\n {2}READY: the relay's program is there\n/);
  await first.until(/the relay's side closed without BYE \(FIN\)|was reset \(ECONNRESET: RST\)/);
  await first.until(
    /refused the connection \(ECONNREFUSED.*\); calling again in .*\n {2}the same again; calling/,
  );
  const again = await relayListens(journal, relay.port);
  await again.until(/bob collects\./);
  expect((await detour(again.place, 'after the crash')).code).toBe(0);
  await first.until(/alice: after the crash\n/);

  const second = talk(['async', 'receive', '--relay', again.place, '--follow']);
  await second.until(/bob waits for mail/);
  expect(await first.ended).toBe(11);
  expect(first.stderr).toMatch(
    /1 message, then another bob, from 127\.0\.0\.1, took over the mailbox\. +exit 11\n.*give each a name: --as anna/s,
  );
  expect((await detour(again.place, 'for the second')).code).toBe(0);
  await second.until(/alice: for the second\n/);
  expect(second.stdout).toBe('alice: for the second\n');
});

test('--follow says no more than it knows of a program that takes the call and does not greet', async () => {
  const place = await peer(() => {});
  const bob = talk(['async', 'receive', '--relay', place, '--follow', '--timeout', '200ms']);
  await bob.until(
    /connected: the kernel of \S+ took the call\n {2}no READY from \S+ within 200 ms: it is frozen, or/,
  );
  await bob.until(/the same again; calling again in/);
  expect(bob.stderr).not.toMatch(/READY: the relay/);
});

test('two senders at the same time, at both servers', { tags: ['slow'] }, async () => {
  const bob = await bobListens('--work', '300ms');
  const both = await Promise.all([sync(bob.place, '--as', 'ann', 'x'), sync(bob.place, '--as', 'ben', 'y')]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(bob.stdout.split('\n').sort()).toEqual(['', 'ann: x', 'ben: y']);
  const relay = await relayListens(join(tempDir(), 'journal'));
  const stored = await Promise.all(
    ['ann', 'ben'].map((as) => detour(relay.place, '--as', as, '--count', '50', 'hi')),
  );
  expect(stored.map(({ code }) => code)).toEqual([0, 0]);
  const { stdout } = await collect(relay.place);
  expect(stdout.split('\n').sort()).toEqual(['', ...Array(50).fill('ann: hi'), ...Array(50).fill('ben: hi')]);
});
