// What `detour doctor` says: each check on what the test prepares, and the way to real servers, to a port where nobody listens, and to silence.

import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Check } from '../../src/cli/doctor/check.ts';
import {
  checkAddresses,
  checkFirewall,
  checkNode,
  checkPort,
  checkTerminal,
  watchClock,
} from '../../src/cli/doctor/computer.ts';
import { checkDisk, checkJournal, checkRoom, checkSync } from '../../src/cli/doctor/disk.ts';
import { checkWay, startCommand, type Way } from '../../src/cli/doctor/way.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Event } from '../../src/core/event.ts';
import { ownAddresses } from '../../src/net/address.ts';
import { type NetContext, netContext } from '../../src/net/context.ts';
import { holdLock } from '../../src/net/lock.ts';
import { FakeClock } from '../fake-clock.ts';
import { peer, talk, tempDir } from '../harness.ts';
import { startBob, startTheRelay } from '../servers.ts';
import { runInside } from './inside.ts';

const quiet: NetContext = netContext(undefined, systemClock, false);

const portOf = (place: string): number => Number(place.split(':').at(-1));

/** A port of this computer where nobody listens. */
async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

describe('this computer', () => {
  test.each([
    ['20.19.0', 'ok'],
    ['22.1.0', 'ok'],
    ['20.18.9', 'fails'],
    ['18.20.0', 'fails'],
  ])('Node %s: %s', (version, state) => {
    expect(checkNode(version, '20.19')).toMatchObject({ state });
  });

  test('a clock that runs, one that is set meanwhile, and one that was never set', () => {
    const clock = new FakeClock(Date.UTC(2026, 8, 1));
    const check = watchClock(clock);
    clock.advance(300);
    expect(check()).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('in 300 ms it moved 0.0 ms'),
    });
    clock.set(-2000);
    expect(check()).toMatchObject({ state: 'warning', found: expect.stringContaining('moved 2.0 s away') });
    expect(watchClock(new FakeClock(0))()).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('1970-01-01'),
    });
  });

  test('a port: free; taken by a stranger, which fails; taken by detour, which is a warning', async () => {
    const port = await unusedPort();
    expect(await checkPort(port, 'a relay', quiet)).toEqual({
      what: `port ${port}`,
      state: 'ok',
      found: 'free, for a relay',
    });
    const strange = portOf(await peer((socket) => socket.end('220 mail\r\n')));
    expect(await checkPort(strange, 'a relay', quiet)).toMatchObject({
      state: 'fails',
      found: expect.stringContaining('something that is not detour answers there'),
    });
    const { port: relay } = await startTheRelay();
    expect(await checkPort(relay, 'a relay', quiet)).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('a detour relay named relay answers there'),
    });
  });

  test.each<[columns: number, env: NodeJS.ProcessEnv, platform: string, states: string[]]>([
    [80, { LANG: 'de_DE.UTF-8' }, 'linux', ['ok', 'ok']],
    [79, { LANG: 'de_DE.utf8' }, 'linux', ['warning', 'ok']],
    [0, {}, 'linux', ['warning', 'warning']],
    [100, { LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, 'linux', ['warning']],
    [100, { LANG: 'de_DE.UTF-8', TERM: 'dumb' }, 'linux', ['warning']],
    [100, {}, 'darwin', ['ok', 'warning']],
    [100, {}, 'win32', ['ok', 'ok']],
  ])('a terminal of %d columns with %j on %s', (columns, env, platform, states) => {
    const checks = checkTerminal({ isTTY: true, columns }, env, platform);
    expect(checks.map(({ state }) => state)).toEqual(states);
  });

  test('plain output needs no width', () => {
    expect(checkTerminal({ isTTY: true, columns: 40 }, {}, 'linux', true)).toMatchObject([{ state: 'ok' }]);
  });

  test('what is no terminal has no width', () => {
    expect(checkTerminal({ columns: 100 }, {}, 'linux')).toMatchObject([{ state: 'warning' }]);
  });

  test('its addresses, or that it has none', () => {
    expect(checkAddresses([{ address: '192.0.2.7', card: 'eth0' }])).toMatchObject({
      state: 'ok',
      found: '192.0.2.7 (eth0)',
    });
    expect(checkAddresses([])).toMatchObject({ state: 'warning' });
  });

  test('a firewall that is on, with the command that opens it; and one that cannot be seen', () => {
    const root = tempDir();
    mkdirSync(join(root, 'etc/ufw'), { recursive: true });
    writeFileSync(join(root, 'etc/ufw/ufw.conf'), '# ENABLED=yes\nENABLED=no\n');
    expect(checkFirewall('linux', root).found).toContain('neither ufw nor firewalld is on');
    writeFileSync(join(root, 'etc/ufw/ufw.conf'), 'ENABLED=yes\n');
    expect(checkFirewall('linux', root).advice).toContain('sudo ufw allow 4100:4102/tcp');
    mkdirSync(join(root, 'run/firewalld'), { recursive: true });
    expect(checkFirewall('linux', root).found).toContain('firewalld and ufw is on');
    expect(checkFirewall('win32', root).found).toBe('cannot be seen from here');
  });
});

describe("the journal's folder", () => {
  test('that does not exist yet is not created, and nothing is left behind', async () => {
    const home = tempDir();
    const checks = await checkDisk(join(home, 'not', 'yet'));
    expect(checks.map(({ what }) => what)).toEqual(['journal', 'disk', 'sync']);
    expect(checks[0]).toMatchObject({ state: 'ok', found: expect.stringContaining('does not exist yet') });
    expect(checks[2]?.found).toMatch(/^20 writes of 4096 bytes, each with fdatasync: median [\d.]+ m?s/);
    expect(readdirSync(home)).toEqual([]);
  });

  test('that a relay uses is a warning; a file in its place fails, and nothing more is measured', async () => {
    const dir = tempDir();
    expect(await checkJournal(dir, undefined)).toMatchObject({ state: 'ok' });
    const release = await holdLock(dir, undefined);
    expect(await checkJournal(dir, undefined)).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('another relay'),
    });
    await release();
    writeFileSync(join(dir, 'file'), '');
    expect(await checkDisk(join(dir, 'file'))).toMatchObject([{ what: 'journal', state: 'fails' }]);
  });

  test('on a network file system is a warning, and fails if another computer uses it', async () => {
    const dir = tempDir();
    expect(await checkJournal(dir, 'NFS')).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('network file system (NFS)'),
    });
    writeFileSync(join(dir, 'lock.computer'), 'another\n');
    expect(await checkJournal(dir, 'NFS')).toMatchObject({
      state: 'fails',
      found: expect.stringContaining('the computer another uses'),
    });
  });

  test.skipIf(process.platform === 'win32')('where everybody may write fails', async () => {
    const dir = tempDir();
    chmodSync(dir, 0o777);
    expect(await checkJournal(dir, undefined)).toMatchObject({
      state: 'fails',
      advice: expect.stringContaining('chmod o-w'),
    });
  });

  test.each([
    [1e12, 'ok'],
    [199_000_000, 'warning'],
    [7_999_999, 'fails'],
  ])('with %d bytes free: %s', (free, state) => {
    expect(checkRoom('/somewhere', free).state).toBe(state);
  });

  test('in which nobody may write fails', () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, '');
    expect(checkSync(file)).toMatchObject({ state: 'fails', found: expect.stringContaining('ENOTDIR') });
  });
});

/** Looks at the way to a server. @returns the checks as `state what`, and all of them by name */
async function wayTo(way: Partial<Way> & { readonly port: number }, context = quiet) {
  const checks: Check[] = [];
  const { role = 'relay', timeoutMs = 60_000, port } = way;
  await checkWay({ role, timeoutMs, to: { host: '127.0.0.1', port } }, context, async (check) => {
    checks.push(check);
  });
  const named = Object.fromEntries(checks.map((check) => [check.what, check]));
  return { states: checks.map(({ what, state }) => `${state} ${what}`), named };
}

const REACHED = ['ok name', 'ok connect', 'ok READY', 'ok PONG', 'warning message'];

describe('the way', () => {
  test('to a relay and to a receiver: every rung, with neither HELLO nor SEND', async () => {
    const relay = await startTheRelay();
    const { states, named } = await wayTo({ port: relay.port });
    expect(states).toEqual(REACHED);
    expect(named.READY?.found).toContain('a detour relay named relay greeted');
    expect(named.message?.advice).toContain(`detour async send --relay 127.0.0.1:${relay.port} hello`);
    const verbs = relay.events.flatMap((event) => (event.event === 'received' ? [event.verb] : []));
    expect(verbs).toEqual(['PING', 'BYE']);
    const bob = await startBob();
    expect((await wayTo({ port: bob.port, role: 'receiver' })).states).toEqual(REACHED);
  });

  test('to a port where nobody listens is a reject, with the command for the other end', async () => {
    const port = await unusedPort();
    const { states, named } = await wayTo({ port });
    expect(states).toEqual(['ok name', 'fails connect', 'warning READY', 'warning PONG']);
    expect(named.connect?.found).toMatch(/^a reject after .*ECONNREFUSED/);
    expect(named.connect?.advice).toContain(`\`detour async relay --port ${port}\``);
  });

  test('where no answer to the SYN comes until the deadline is a drop', async () => {
    const clock = new FakeClock();
    const late = (event: Event): void => {
      if (event.event === 'connecting') queueMicrotask(() => clock.advance(10_000));
    };
    const port = portOf(await peer(() => {}));
    const { states, named } = await wayTo({ port, timeoutMs: 10_000 }, netContext(late, clock, false));
    expect(states).toEqual(['ok name', 'fails connect', 'warning READY', 'warning PONG']);
    expect(named.connect?.found).toMatch(/^a drop, no answer after 10 s: /);
  });

  test('to a kernel without a program, and to a program that does not answer', async () => {
    const clock = new FakeClock();
    const when = (name: Event['event']) =>
      netContext(
        (event) => {
          if (event.event === name) queueMicrotask(() => clock.advance(10_000));
        },
        clock,
        true,
      );
    const silent = portOf(await peer(() => {}));
    const connected = await wayTo({ port: silent, timeoutMs: 10_000 }, when('connected'));
    expect(connected.states).toEqual(['ok name', 'ok connect', 'fails READY', 'warning PONG']);
    expect(connected.named.READY?.found).toContain('no READY in time');
    const frozen = portOf(
      await peer((socket) => socket.write('READY version=1 role=relay as=relay max=9 window=1 store=s\n')),
    );
    const greeted = await wayTo({ port: frozen, timeoutMs: 10_000 }, when('sent'));
    expect(greeted.states).toEqual(['ok name', 'ok connect', 'ok READY', 'fails PONG']);
  });

  test('to a server of the other mode says which it is', async () => {
    const { port } = await startBob();
    const { states, named } = await wayTo({ port });
    expect(states[2]).toBe('fails READY');
    expect(named.READY?.found).toContain('this is a synchronous receiver');
    expect(named.READY?.advice).toContain('`detour explain wrong_door`');
  });

  test.each<[Way['role'], string, number, string]>([
    ['relay', '192.0.2.7', 4100, 'detour async relay --host 0.0.0.0'],
    ['relay', 'localhost', 4109, 'detour async relay --port 4109'],
    ['receiver', 'bob.local', 4101, 'detour sync receive --host 0.0.0.0'],
    ['receiver', '::1', 4101, 'detour sync receive'],
    ['relay', '2001:db8::7', 4100, 'detour async relay --host ::'],
  ])('to a %s at %s:%d: what to type there', (role, host, port, command) => {
    expect(startCommand({ role, to: { host, port }, timeoutMs: 1 })).toBe(command);
  });
});

test('the command: a line for each check, the exit code says whether one fails, and --json has the same checks', async () => {
  const port = await unusedPort();
  const args = ['doctor', '--journal', join(tempDir(), 'j'), '--relay', `127.0.0.1:${port}`];
  const shown = await runInside(args);
  expect(shown).toMatchObject({ code: 1, stderr: '' });
  expect(shown.stdout).toMatch(/^ {2}!! {2}connect {4}a reject after /m);
  expect(shown.stdout).toMatch(/^This will fail: .*connect\. +exit 1$/m);
  const json = await runInside([...args, '--json']);
  const events = json.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const checked = events.flatMap(({ event, what }) => (event === 'checked' ? [what] : []));
  const lines = [...shown.stdout.matchAll(/^ {2}(?:ok|--|!!) {2}(\S+(?: \d+)?)/gm)].map(([, what]) => what);
  expect(json.code).toBe(1);
  expect(checked.length).toBeGreaterThan(12);
  expect(checked).toEqual(lines);
});

test('a server on all addresses prints those that others type, and what anybody there can do; one on 127.0.0.1 does not', {
  tags: ['slow'],
}, async () => {
  const journal = join(tempDir(), 'j');
  const listening = async (...args: string[]): Promise<string> => {
    const server = talk([...args, '--port', '0']);
    await server.until(/polite stop/);
    server.killNow();
    await server.ended;
    return server.stderr;
  };
  const [own] = ownAddresses('0.0.0.0');
  const says = own === undefined ? /no address that others could reach/ : /can send as anybody.* read along/;
  const relay = await listening('async', 'relay', '--journal', journal, '--host', '0.0.0.0');
  expect(relay).toMatch(says);
  expect(relay).toContain(own === undefined ? '' : `--relay ${own.address}:`);
  const receiver = await listening('sync', 'receive', '--host', '0.0.0.0');
  expect(receiver).toMatch(says);
  expect(receiver).toContain(own === undefined ? '' : `--to ${own.address}:`);
  expect(await listening('async', 'relay', '--journal', journal)).not.toMatch(/others|anybody/);
});
