// `detour trace` as a person uses it: log files in, a diagram out, and a clear message if that is impossible.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Recorded } from '../../src/core/event.ts';
import { formatJson, parseRecorded } from '../../src/trace/line.ts';
import { runInside } from '../cli/inside.ts';
import { MAIN, runCli } from '../harness.ts';
import { type Actor, detourKill, directKill } from './histories.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'detour-trace-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
};
const logs = (actors: readonly Actor[]): string[] =>
  actors.map(({ actor, pid, log }) =>
    write(`${actor}-${pid}.log`, log.map((one) => `${formatJson(one)}\n`).join('')),
  );

async function trace(...all: readonly (string | { input: Buffer })[]) {
  const args = ['trace', ...all.filter((one) => typeof one === 'string')];
  const input = all.find((one) => typeof one !== 'string');
  const { code: exit, ...said } = await (input === undefined ? runInside(args) : runCli(args, input));
  return { ...said, exit };
}

describe('detour trace', () => {
  it('draws the logs of several processes in one diagram, whatever their clocks say', async () => {
    const { stdout, stderr, exit } = await trace('--width', '80', ...logs(detourKill(3_600_000)));
    expect(exit).toBe(0);
    expect(stdout).toMatch(/SEND k3f9-1 size=9 ──+►│/);
    expect(stdout.indexOf('KILLED')).toBeLessThan(stdout.indexOf('new bob'));
    expect(stderr).toContain(
      'the clock of relay (pid 4720) contradicts the frames: its times were moved 3600.000 s back',
    );
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('prints the events in causal order with --json', async () => {
    const { stdout, exit } = await trace('--json', ...logs(directKill(-60_000)));
    expect(exit).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => parseRecorded(line));
    const verbs = events.flatMap((one) => ('verb' in one ? [`${one.actor} ${one.event} ${one.verb}`] : []));
    expect(verbs.indexOf('bob received SEND')).toBeGreaterThan(verbs.indexOf('alice sent SEND'));
    expect(verbs.indexOf('alice received READY')).toBeGreaterThan(verbs.indexOf('bob sent READY'));
    expect(verbs).toHaveLength(6);
  });

  it('reports what it could not match', async () => {
    const [alice, bob] = directKill() as [Actor, Actor];
    const deaf = bob.log.filter((one) => one.event !== 'received');
    const file = write('deaf.log', deaf.map((one) => `${formatJson(one)}\n`).join(''));
    const { stderr } = await trace(...logs([alice]), file);
    expect(stderr).toContain(
      'sent, but the log of the other end does not say that it was received: SEND number 2 of connection 1, alice',
    );
  });

  it('names both processes and what each says if they contradict each other, and ends with 1', async () => {
    const [alice, bob] = directKill() as [Actor, Actor];
    const lie = bob.log.map((one) =>
      one.event === 'received' && one.verb === 'SEND'
        ? { ...one, fields: { ...one.fields, id: 'x', size: 7 } }
        : one,
    );
    const file = write('lie.log', lie.map((one) => `${formatJson(one)}\n`).join(''));
    for (const more of [[], ['--json']]) {
      const { stdout, stderr, exit } = await trace(...more, ...logs([alice]), file);
      expect(exit).toBe(1);
      expect(stderr.trim()).toBe(
        'the logs contradict each other: alice (pid 4712) says that it sent SEND id=k3f9-1 size=9, number 2 of connection 1; ' +
          'bob (pid 4711) says that it received SEND id=x size=7',
      );
      expect(stdout).not.toMatch(/SEND k3f9-1 size=9 ─+►│/);
    }
    const without = bob.log.filter((one) => one.event !== 'sent');
    const closed = { ...(bob.log.at(-1) as Recorded), event: 'closed', conn: 1 } as Recorded;
    const whole = write('mute.log', [...without, closed].map((one) => `${formatJson(one)}\n`).join(''));
    const never = await trace(...logs([alice]), whole);
    expect(never.exit).toBe(1);
    expect(never.stderr).toContain(
      'the logs contradict each other: alice (pid 4712) says that it received READY, number 1 of connection 1; ' +
        'bob (pid 4711) logged that connection and did not send it',
    );
  });

  it('draws only some messages', async () => {
    const files = logs(directKill());
    expect((await trace('--id', 'k3f9-1', '--brief', ...files)).stdout).toContain('SEND k3f9-1');
    const none = await trace('--id', 'nothing', ...files);
    expect(none).toMatchObject({ exit: 2, stdout: '' });
    expect(none.stderr).toContain('the logs contain no message with the id nothing');
    expect((await trace('--last', '0', ...files)).exit).toBe(2);
  });

  it.skipIf(process.platform !== 'linux')(
    'reads stdin, a pipe in place of a file, and what PowerShell wrote',
    async () => {
      const [alice = '', bob = ''] = logs(directKill());
      const plain = await trace(alice, bob);
      expect(plain.exit).toBe(0);
      expect(await trace(alice, '-', { input: readFileSync(bob) })).toEqual(plain);
      const wide = write('wide.log', '');
      writeFileSync(wide, `\ufeff${readFileSync(bob, 'utf8')}`, 'utf16le');
      expect(await trace(alice, wide)).toEqual(plain);
      const shell = `"${process.execPath}" "${MAIN}" trace <(cat "${alice}") <(cat "${bob}")`;
      const { stdout, status } = spawnSync('bash', ['-c', shell], { encoding: 'utf8' });
      expect({ stdout, status }).toEqual({ stdout: plain.stdout, status: 0 });
    },
  );

  it('says what is wrong with a file', async () => {
    const missing = await trace(join(dir, 'none.log'));
    expect(missing).toMatchObject({ exit: 1, stdout: '' });
    expect(missing.stderr).toContain('none.log: there is no such file (ENOENT)');
    expect((await trace(dir)).stderr).toContain('that is a folder');
    expect((await trace(write('empty.log', ''))).stderr).toContain('empty.log has no complete line in it');
    const bad = await trace(write('bad.log', '{"time":1}\n'));
    expect(bad.stderr).toContain('bad.log, line 1: an event without a valid "time"');
    expect((await trace()).exit).toBe(2);
  });
});

describe('detour trace --roster', () => {
  const HOSTILE = '=1+1;@x"\u001b]0;owned\u0007\u202e.log';

  /** The relay's log, alice's, and a copy of it under a hostile name. */
  const handedIn = (): readonly [relay: string, alice: string, copy: string, bad: string] => {
    const [alice, relay] = detourKill();
    const [one = '', other = ''] = logs([relay, alice].filter((actor) => actor !== undefined));
    const by = (name: string): string => (one.includes(name) ? one : other);
    const copy = write(HOSTILE, readFileSync(by('alice-'), 'utf8'));
    return [by('relay-'), by('alice-'), copy, write('bad.log', 'nonsense\u001b[2J\n')];
  };

  it.skipIf(process.platform === 'win32')(
    'lists who was there, as a table, as CSV and as JSON, and ends with 1 if something is wrong',
    async () => {
      const [relay, alice, copy, bad] = handedIn();
      const fine = await trace('--roster', relay, alice, relay);
      expect(fine).toMatchObject({ exit: 0, stderr: '' });
      expect(fine.stdout).toMatch(/^ session {2,}name +from +messages +guesses +relay +log\n/);
      expect(fine.stdout).toMatch(/^ s-alice +alice +127\.0\.0\.1 +1 STORED +agrees +\S*alice-4721\.log$/m);
      expect(fine.stdout).toContain("1 agrees with the relay's log.");
      const absent = await trace('--roster', relay, relay);
      expect(absent.exit).toBe(0);
      expect(absent.stdout).toMatch(/^ s-alice +alice +127\.0\.0\.1 +no log$/m);
      expect(absent.stdout).toContain("0 agree with the relay's log; 1 is without a log.");

      const table = await trace('--roster', relay, alice, copy, bad);
      expect(table.exit).toBe(1);
      expect(table.stdout).toMatch(/^ {5}! it is there again: \S*alice-4721\.log$/m);
      expect(table.stdout).toContain('! ');
      expect(table.stdout).toContain('bad.log, line 1: not JSON');

      const csv = await trace('--roster', relay, '--csv', alice, copy, bad);
      expect(csv.exit).toBe(1);
      const records = csv.stdout.split('\r\n');
      expect(records).toHaveLength(5);
      expect(records[0]).toMatch(/^"session","name","file","relay","again_in",.*"guesses","right"$/);
      expect(records[1]).toContain('"s-alice","alice",');
      expect(records[2]).toContain(`/=1+1;'@x""\\x1b]0;owned\\x07\\u{202e}.log",`);

      const json = await trace('--roster', relay, '--json', alice, copy, bad);
      const rows: unknown[] = json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(rows).toMatchObject([
        { session: 's-alice', relay: 'agrees', again_in: [copy], verdicts: { STORED: 1 } },
        { session: 's-alice', relay: 'agrees', again_in: [alice] },
        { file: bad, relay: 'unreadable' },
      ]);
      for (const { stdout } of [table, csv, json]) expect(stdout).not.toMatch(/[^\r\n\x20-\x7e]/);
    },
  );

  it('says what it needs', async () => {
    const [relay, alice] = handedIn();
    expect(await trace('--csv', alice)).toMatchObject({ exit: 2, stdout: '' });
    expect(await trace('--csv', '--json', '--roster', relay, alice)).toMatchObject({ exit: 2, stdout: '' });
    const wrong = await trace('--roster', alice, relay);
    expect(wrong).toMatchObject({ exit: 1, stdout: '' });
    expect(wrong.stderr).toContain('alice-4721.log is not the log of a relay');
  });
});

test('the first line of a log says which detour was started, how and where; a long message is shortened', async () => {
  const file = join(dir, 'alice.log');
  const message = 'x'.repeat(1000);
  const args = ['sync', 'send', '--to', '127.0.0.1:1', '--log', file, 'two words', message];
  expect((await runCli(args)).code).toBe(10);
  const [first = '', second = ''] = readFileSync(file, 'utf8').split('\n');
  const shortened = file.length > 40 ? `${file.slice(0, 40)}…` : file;
  expect(parseRecorded(first)).toMatchObject({
    event: 'started',
    actor: 'alice',
    version: JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
    argv: `sync send --to 127.0.0.1:1 --log ${shortened} "two words" ${'x'.repeat(40)}…`,
    system: expect.stringContaining(process.platform),
    node: process.versions.node,
    host: hostname(),
  });
  expect(parseRecorded(second).event).toBe('connecting');
});
