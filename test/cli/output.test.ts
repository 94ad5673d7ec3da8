// Output that cannot be written: a full disk, a reader that has left, a terminal that has gone, a terminal that is stopped. Nobody is told
// that all went well, no message is lost by it, and no server stands still.

import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Process } from '../../src/lab/stage/process.ts';
import { MAIN, runCli, tempDir } from '../harness.ts';
import { bobListens, relayListens } from './talking.ts';
import { hasTerminals, inTerminal } from './terminal.ts';

const FULL = 'The output cannot be written: the disk is full (ENOSPC).';

/** Runs `detour …args` in a shell that sends its output elsewhere. */
async function redirected(where: string, args: readonly string[]) {
  const command = ['sh', '-c', `exec "$@" ${where}`, 'sh', process.execPath, MAIN, ...args];
  const run = new Process(command, { env: { NO_COLOR: '1' }, patienceMs: 600_000 });
  onTestFinished(() => run.killNow());
  run.input('');
  return { code: await run.ended, stdout: run.stdout, stderr: run.stderr };
}

/** A relay with a message for bob, a receiver that answers, and a log. */
async function stage() {
  const log = join(tempDir(), 'alice.log');
  const journal = join(tempDir(), 'journal');
  const relay = await relayListens(journal);
  const bob = await bobListens('--reply', 'thanks');
  const stored = await runCli(['async', 'send', '--relay', relay.place, '--log', log, 'keep']);
  expect(stored.code).toBe(0);
  return { log, journal, relay: ['--relay', relay.place], to: ['--to', bob.place] };
}

describe.skipIf(process.platform !== 'linux')('a full disk', () => {
  test('what could not be shown is said, is no success, and stays at the relay', {
    tags: ['slow'],
  }, async () => {
    const { relay, log } = await stage();
    for (const args of [
      ['async', 'receive', ...relay],
      ['trace', log],
    ])
      expect(await redirected('>/dev/full', args)).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /^(?:bob collects .*\n)?The output cannot be written: the disk is full \(ENOSPC\)\.\n$/,
        ),
      });
    expect((await runCli(['async', 'receive', ...relay])).stdout).toBe('alice: keep\n');
  });

  test('every command that prints to stdout', { tags: ['slow'] }, async () => {
    const { log, journal, relay, to } = await stage();
    for (const args of [
      ['--help'],
      ['--version'],
      ['sync', 'send', '--help'],
      ['explain'],
      ['explain', 'EPIPE'],
      ['explain', '--json'],
      ['trace', log],
      ['trace', '--json', log],
      ['journal', journal],
      ['journal', '--json', journal],
      ['journal', '--check', journal],
      ['journal', '--follow', journal],
      ['async', 'status', ...relay],
      ['async', 'status', '--json', ...relay],
      ['async', 'receive', ...relay],
      ['async', 'receive', '--follow', ...relay],
      ['async', 'receive', '--json', ...relay],
      ['async', 'send', '--json', ...relay, 'hi'],
      ['sync', 'send', ...to, 'hi'],
      ['sync', 'send', '--json', ...to, 'hi'],
      ['sync', 'receive', '--json', '--port', '0'],
      ['async', 'relay', '--json', '--port', '0', '--journal', join(tempDir(), 'journal')],
      ['link', '--json', '--listen', '0', ...to],
      ['compare', '--why'],
      ['demo', '--fast'],
    ]) {
      const { code, stderr } = await redirected('>/dev/full', args);
      expect([args, code, stderr.split(FULL).length - 1]).toEqual([args, 1, 1]);
      expect(stderr).not.toMatch(/bug in detour|\n\s+at /);
    }
  });

  test('every command that talks on stderr: its work is done, but not all of it could be said', {
    tags: ['slow'],
  }, async () => {
    const { journal, relay, to } = await stage();
    for (const [args, exit] of [
      [['journal', journal], 1],
      [['async', 'send', ...relay, 'hi'], 1],
      [['async', 'receive', ...relay], 1],
      [['sync', 'send', ...to, 'hi'], 1],
      [['sync', 'send', '--to', '127.0.0.1:1', 'hi'], 10],
      [['sync', 'send', '--no-such-flag'], 2],
    ] as const)
      expect([args, (await redirected('2>/dev/full', args)).code]).toEqual([args, exit]);
    expect((await runCli(['async', 'receive', ...relay])).stderr).toMatch(/\n0 messages, nothing else waits/);
  });

  test('a verdict stays what it is, and the exit code that is shown is the one that comes', {
    tags: ['slow'],
  }, async () => {
    const { to } = await stage();
    const { code, stderr } = await redirected('>/dev/full', ['sync', 'send', ...to, 'hi']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be written.*\nDELIVERED in .* exit 1\n$/);
  });
});

test('a reader that has left is told to nobody else, and is no success', { tags: ['slow'] }, async () => {
  const { log, journal, relay } = await stage();
  for (const args of [
    ['explain'],
    ['--help'],
    ['trace', log],
    ['journal', journal],
    ['async', 'status', ...relay],
  ]) {
    const run = new Process([process.execPath, MAIN, ...args], { patienceMs: 600_000 });
    run.child.stdout?.destroy();
    expect([args, await run.ended]).toEqual([args, 1]);
    expect(run.stderr).toContain(
      'The output cannot be written: the program that read it has ended (EPIPE).\n',
    );
  }
});

test('a receiver that cannot show anything stops, and whoever comes next learns that nobody listens', async () => {
  const bob = await bobListens();
  bob.child.stdout?.destroy();
  const sent = await runCli(['sync', 'send', '--to', bob.place, 'hi']);
  expect(sent.code).toBe(20);
  expect(await bob.ended).toBe(1);
  expect(bob.stderr).toMatch(/cannot be written: .* \(EPIPE\)\.\n[\s\S]*stopped; nobody listens/);
  expect((await runCli(['sync', 'send', '--to', bob.place, 'hi'])).code).toBe(10);
});

describe.skipIf(!hasTerminals)('a terminal', () => {
  test('Ctrl-S stops what a relay says, and not the relay', { tags: ['slow'] }, async () => {
    const relay = inTerminal(['async', 'relay', '--port', '0', '--journal', join(tempDir(), 'journal')]);
    const [, place = ''] = await relay.until(/listens on (\S+:\d+), pid[\s\S]*polite stop/);
    await relay.do('stop');
    for (const text of ['one', 'two'])
      expect((await runCli(['async', 'send', '--relay', place, text])).code).toBe(0);
    expect(relay.stdout).not.toContain('bob 1');
    await relay.do('go on');
    await relay.until(/bob 1 from alice[\s\S]*bob 2 from alice/);
    // Stopped again, it still ends when it is told to.
    await relay.do('stop');
    expect((await runCli(['async', 'send', '--relay', place, 'three'])).code).toBe(0);
    await relay.do('end');
    expect(await relay.ended).toBe(0);
  });

  test('Ctrl-S stops what a link says, and not the link', { tags: ['slow'] }, async () => {
    const bob = await bobListens();
    const link = inTerminal(['link', '--listen', '0', '--to', bob.place]);
    const [, place = ''] = await link.until(/listens on (\S+:\d+), pid[\s\S]*polite stop/);
    await link.do('stop');
    expect((await runCli(['sync', 'send', '--to', place, 'hi'])).code).toBe(0);
    await link.do('go on');
    await link.until(/call 1 from/);
  });

  test('bob does not answer what a stopped terminal has not shown', { tags: ['slow'] }, async () => {
    const bob = inTerminal(['sync', 'receive', '--port', '0']);
    const [, place = ''] = await bob.until(/listens on (\S+:\d+), pid[\s\S]*polite stop/);
    await bob.do('stop');
    expect((await runCli(['sync', 'send', '--to', place, '--timeout', '1s', 'hi'])).code).toBe(20);
    await bob.do('go on');
    await bob.until(/alice: hi/);
  });

  test('a server whose terminal has gone stops, and a message that could not be shown is not acknowledged', {
    tags: ['slow'],
  }, async () => {
    const relay = await relayListens(join(tempDir(), 'journal'));
    const bob = inTerminal(['async', 'receive', '--follow', '--relay', relay.place]);
    await bob.until(/READY: the relay's program is there/);
    await bob.do('take away');
    expect((await runCli(['async', 'send', '--relay', relay.place, 'keep'])).code).toBe(0);
    expect(await bob.ended).toBe(1);
    expect((await runCli(['async', 'receive', '--relay', relay.place])).stdout).toBe('alice: keep\n');

    const other = inTerminal(['async', 'relay', '--port', '0', '--journal', join(tempDir(), 'journal')]);
    const [, place = ''] = await other.until(/listens on (\S+:\d+), pid[\s\S]*polite stop/);
    await other.do('take away');
    await runCli(['async', 'send', '--relay', place, 'hi']);
    expect(await other.ended).toBe(1);
  });
});
