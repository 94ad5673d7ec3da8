// What other programs meet: --json, pipes that are closed early, and the command that repeats an UNKNOWN, run exactly as it was printed.

import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parseRecorded } from '../../src/trace/line.ts';
import { MAIN, runCli, start, talk, tempDir } from '../harness.ts';
import { bobListens, relayListens } from './talking.ts';

/** The lines of --json; each is checked field by field. */
function events(stdout: string): { event: string; [key: string]: unknown }[] {
  expect(stdout.endsWith('\n')).toBe(true);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      parseRecorded(line);
      const found: { time: string; actor: string; event: string } = JSON.parse(line);
      expect(found.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
      expect(found.actor).toMatch(/^[a-z]+$/);
      return found;
    });
}

test('--json: one event per line and nothing else, the verdict last', { tags: ['slow'] }, async () => {
  const bob = start(['sync', 'receive', '--port', '0', '--reply', 'thanks']);
  const place = `127.0.0.1:${(await bob.until('listening')).port}`;
  const relay = start(['async', 'relay', '--port', '0', '--journal', join(tempDir(), 'journal')]);
  const away = `127.0.0.1:${(await relay.until('listening')).port}`;

  for (const [args, code, verdict, why] of [
    [['sync', 'send', '--to', place, 'hi'], 0, 'DELIVERED', 'ok'],
    [['sync', 'send', '--to', '127.0.0.1:1', 'hi'], 10, 'NOT_DELIVERED', 'ECONNREFUSED'],
    [['sync', 'send', '--to', away, 'hi'], 10, 'NOT_DELIVERED', 'wrong_door'],
    [['async', 'send', '--relay', away, 'hi'], 0, 'STORED', 'ok'],
    [['async', 'send', '--relay', away, '--as', 'relay', 'hi'], 10, 'NOT_DELIVERED', 'wrong_name'],
    [['async', 'send', '--relay', away, '--to', 'relay', 'hi'], 10, 'NOT_DELIVERED', 'wrong_name'],
    [
      ['async', 'send', '--relay', '127.0.0.1:1', '--id', 'x', '--timeout', '1s', 'hi'],
      20,
      'UNKNOWN',
      'ECONNREFUSED',
    ],
    [['async', 'send', '--relay', away, '--count', '20', 'hi'], 0, 'STORED', 'ok'],
    [
      ['async', 'send', '--relay', away, '--to', 'eve', '--ttl', '1s', '--wait', '30s', 'hi'],
      10,
      'NOT_DELIVERED',
      'ok',
    ],
    [['async', 'send', '--relay', away, '--to', 'eve', '--wait', '100ms', 'hi'], 30, 'STORED', 'ok'],
  ] as const) {
    const found = await runCli([...args, '--json']);
    expect([args, found.code, found.stderr]).toEqual([args, code, '']);
    const told = events(found.stdout);
    expect(told.at(-1)).toMatchObject({ event: 'verdict', verdict, code: why, exit: code });
    expect(told.filter(({ event }) => event === 'verdict')).toHaveLength(1);
    const outcomes = told.filter(({ event }) => event === 'outcome');
    expect(outcomes).toHaveLength(args.some((arg) => arg === '--count') ? 20 : 1);
    expect(outcomes.at(-1)).toMatchObject({ verdict, code: why });
    // The verdict is printed before the goodbye, which may take long.
    const farewell = told.findIndex(({ event, verb }) => event === 'sent' && verb === 'BYE');
    if (farewell >= 0) expect(told.findIndex(({ event }) => event === 'outcome')).toBeLessThan(farewell);
  }

  const collected = await runCli(['async', 'receive', '--relay', away, '--json']);
  expect(collected).toMatchObject({ code: 0, stderr: '' });
  const shown = events(collected.stdout).filter(({ event }) => event === 'shown');
  expect(shown).toHaveLength(21);
  expect(shown[0]).toMatchObject({ from: 'alice', text: 'hi', size: 2, seq: 1, attempt: 1 });
  // A server says nothing on stderr, either.
  expect(bob.stderr + relay.stderr).toBe('');
});

test('a body that is not text is in the events as base64', { tags: ['slow'] }, async () => {
  const bob = start(['sync', 'receive', '--port', '0']);
  const place = `127.0.0.1:${(await bob.until('listening')).port}`;
  const body = Buffer.from([0, 255, 10, 128]);
  await runCli(['sync', 'send', '--to', place], { input: body });
  await runCli(['sync', 'send', '--to', place, 'grüße "\\ \n\u2028']);
  expect(await bob.until('shown', ({ size }) => size === 4)).toMatchObject({
    base64: body.toString('base64'),
  });
  expect(await bob.until('shown', ({ size }) => size !== 4)).toMatchObject({ text: 'grüße "\\ \n\u2028' });
});

test('the reader of our output leaves early: no crash, and what nobody saw does not count as shown', {
  tags: ['slow'],
}, async () => {
  const bob = await bobListens();
  bob.child.stdout?.destroy();
  const sent = await runCli(['sync', 'send', '--to', bob.place, '--count', '3', 'hi']);
  expect(sent.code).toBe(20);
  expect(sent.stderr).not.toMatch(/DELIVERED in/);
  expect(bob.stderr).not.toMatch(/defect/);

  const relay = await relayListens(join(tempDir(), 'journal'));
  expect((await runCli(['async', 'send', '--relay', relay.place, '--count', '100', 'x'])).code).toBe(0);
  const deaf = talk(['async', 'receive', '--relay', relay.place]);
  deaf.child.stdout?.destroy();
  expect(await deaf.ended).toBe(1);
  expect(deaf.stderr).not.toMatch(/defect|\n\s+at /);
  // Nothing that it could not write was acknowledged: all hundred messages are still there.
  const { stdout } = await runCli(['async', 'receive', '--relay', relay.place]);
  expect(stdout.length).toBeGreaterThanOrEqual(99 * 'alice: x\n'.length);
});

test.skipIf(process.platform === 'win32')(
  '`| head` ends a command that prints a lot',
  { tags: ['slow'] },
  async () => {
    const journal = join(tempDir(), 'journal');
    const relay = await relayListens(journal);
    expect((await runCli(['async', 'send', '--relay', relay.place, '--count', '2000', 'x'])).code).toBe(0);
    const shell = promisify(execFile);
    const run = async (args: string): Promise<string> => {
      const { stdout, stderr } = await shell('sh', [
        '-c',
        `"$0" "$1" ${args} | head -n 1`,
        process.execPath,
        MAIN,
      ]);
      expect(stderr).not.toMatch(/defect|\n\s+at /);
      return stdout;
    };
    expect((await run(`journal "${journal}"`)).split('\n')).toHaveLength(2);
    expect(await run('explain')).not.toBe('');
    expect(await run(`async receive --relay ${relay.place}`)).toBe('alice: x\n');
  },
);

test('there is no colour in a pipe, whatever the environment asks for', { tags: ['slow'] }, async () => {
  const bob = await bobListens();
  for (const env of [{ FORCE_COLOR: '3', NO_COLOR: undefined }, { NO_COLOR: '1' }, { CLICOLOR_FORCE: '1' }]) {
    for (const args of [
      ['sync', 'send', '--to', bob.place, 'hi'],
      ['sync', 'send', '--to', '127.0.0.1:1', 'hi'],
      ['explain'],
      ['--help'],
    ]) {
      const { stdout, stderr } = await runCli(args, { env });
      expect(stdout + stderr).not.toContain('\u001b');
    }
  }
});

test('the command that repeats an UNKNOWN makes one message, never two', { tags: ['slow'] }, async () => {
  // A relay that reads SEND and goes away without an answer.
  const sends: string[] = [];
  const fake = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('READY version=1 role=relay as=relay max=1048576 window=256 store=s\n');
    socket.on('data', (bytes) => {
      if (!bytes.includes('SEND ')) return;
      sends.push(bytes.toString());
      socket.end();
    });
  });
  await new Promise<void>((resolve) => fake.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void fake.close());
  const address = fake.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const text = 'one, not two: a/b+c=d? @e';
  const to = ['--to', 'carol', '--as', 'dave', '--ttl', '1h', '--relay', `127.0.0.1:${port}`];
  const sent = await runCli(['async', 'send', ...to, '--timeout', '1s', text]);
  expect(sent.code).toBe(20);
  expect(sends.length).toBeGreaterThan(0);
  // Not ten times a second: a relay that greets and closes is no better than none.
  expect(sends.length).toBeLessThan(12);
  const [, command = ''] = / {2}try +detour (.*)\n +\(the same id/.exec(sent.stderr) ?? [];
  expect(command).toMatch(/^async send --id \S+ .*"one, not two/);
  await new Promise((resolve) => fake.close(resolve));

  const relay = await relayListens(join(tempDir(), 'journal'), port);
  const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const first = await runCli(words);
  expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('number 1 for carol')]);
  const second = await runCli(words);
  expect(second.code).toBe(0);
  expect(second.stderr).toMatch(/stored it before, as number 1 for carol\.[\s\S]*A repeat, known by its id/);
  const { stdout } = await runCli(['async', 'receive', '--as', 'carol', '--relay', relay.place]);
  expect(stdout).toBe(`dave: ${text}\n`);
});
