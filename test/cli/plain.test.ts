// Plain output of every command: ASCII alone, no escape sequence, one line for each event; asked for by --plain, TERM=dumb or a locale.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { formatJson } from '../../src/trace/line.ts';
import { runCli, talk, tempDir } from '../harness.ts';
import { detourKill } from '../trace/histories.ts';
import { runInside } from './inside.ts';
import { bobListens } from './talking.ts';
import { hasTerminals, inTerminal } from './terminal.ts';

/** Printable ASCII and line ends. */
const ASCII = /^[\n\x20-\x7e]*$/;

let dir = '';
const logs: string[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'detour-plain-'));
  for (const { actor, pid, log } of detourKill()) {
    const file = join(dir, `${actor}-${pid}.log`);
    writeFileSync(file, log.map((one) => `${formatJson(one)}\n`).join(''));
    logs.push(file);
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Commands that need no network, with what must be in their output. */
const here = (): [args: string[], says: RegExp][] => [
  [['--help'], /both ends must be there/],
  ...[
    ...['sync send', 'sync receive', 'async relay', 'async send', 'async receive', 'async status', 'link'],
    ...['demo', 'compare', 'check', 'explain', 'trace', 'journal', 'doctor'],
  ].map((words): [string[], RegExp] => [[...words.split(' '), '--help'], /--plain {2,}one event a line/]),
  [['explain'], /In full: detour explain CODE/],
  [['explain', 'ECONNRESET'], /^ {2}specified in RFC 9293 section 3\.6\.1 \(SHLD-3\), section 3\.5\.2;/m],
  [['explain', 'ladder'], /handed to my kernel \(the write called back\), acknowledged by/],
  [['trace', ...logs], /^0\.8 ms, alice -> relay: SEND k3f9-1 size=9 \(sent at 0\.7 ms\)$/m],
  [['trace', '--roster', logs[1] ?? '', ...logs], /agrees? with the relay's log/],
  [['trace', '--csv', ...logs], /detour trace --roster RELAY-LOG --csv LOG\.\.\./],
  [['compare', '--why'], /theory/i],
  [['check', 'relay', '--list'], /^ {2}1 /m],
  [['sync', 'sned'], /unknown command/],
];

test('what needs no network is ASCII, and is the same with --plain, with TERM=dumb and with a locale without UTF-8', async () => {
  for (const [args, says] of here()) {
    const asked = await runInside([...args, '--plain']);
    expect(`${asked.stdout}${asked.stderr}`, args.join(' ')).toMatch(ASCII);
    expect(`${asked.stdout}${asked.stderr}`).toMatch(says);
    for (const [name, value] of [
      ['TERM', 'dumb'],
      ['LC_ALL', 'C'],
    ] as const) {
      vi.stubEnv(name, value);
      expect(await runInside(args).finally(() => vi.unstubAllEnvs())).toEqual(asked);
    }
  }
});

test('--plain counts before the command, too, and not after --', async () => {
  const asked = await runInside(['trace', ...logs, '--plain']);
  expect(await runInside(['--plain', 'trace', ...logs])).toEqual(asked);
  const drawn = await runInside(['trace', ...logs]);
  expect(drawn.stdout).toContain('►');
  expect((await runInside(['explain', 'ECONNRESET', '--', '--plain'])).stdout).toContain('§');
});

test('both routes, with their servers: what detour says is ASCII, and a text of others stays', {
  tags: ['slow'],
}, async () => {
  const text = 'grüße … 世界';
  const journal = join(tempDir(), 'journal');
  const relay = talk(['async', 'relay', '--plain', '--port', '0', '--journal', journal]);
  const [, place = ''] = await relay.until(/listens on (\S+), pid[\s\S]*polite stop/);
  const bob = await bobListens('--plain', '--reply', 'ok');
  const runs = [
    ['sync', 'send', '--to', bob.place, '--ladder', text],
    ['async', 'send', '--relay', place, '--ladder', text],
    ['async', 'status', '--relay', place],
    ['async', 'receive', '--relay', place],
    ['journal', journal],
    ['sync', 'send', '--to', place, 'to the wrong one'],
  ];
  const said: string[] = [];
  for (const args of runs) {
    const { stdout, stderr } = await runCli([...args, '--plain']);
    said.push(stdout + stderr);
    expect((stdout + stderr).replaceAll(text, ''), args.join(' ')).toMatch(ASCII);
  }
  expect(said[0]).toContain(`sent             "${text}"`);
  expect(said[2]).toMatch(/^NAME bob, WAITING 1, BYTES 18, SINCE \S+, CONNECTED no$/m);
  expect(said[3]).toContain(`alice: ${text}\n`);
  expect(said[4]).toContain(`| ${text}\n`);
  expect(said[5]).toMatch(/^ {2}try {10}call a receiver .* detour async send$/m);
  for (const server of [relay, bob])
    expect((server.stdout + server.stderr).replaceAll(text, '')).toMatch(ASCII);
  expect(bob.stderr).toContain('  type: kill, freeze 20s, Ctrl-C = polite stop\n');
  // Without UTF-8 other characters are escaped, and no sign of a text becomes something that was not sent.
  const poor = await runCli(['sync', 'send', '--to', bob.place, text], { env: { LC_ALL: 'C' } });
  expect(poor.stderr).toContain('"gr\\u{fc}\\u{df}e \\u{2026} \\u{4e16}\\u{754c}"');
  const link = talk(['link', '--plain', '--listen', '0', '--to', bob.place]);
  await link.until(/polite stop/);
  expect(link.stderr).toMatch(ASCII);
});

test.skipIf(!hasTerminals)('on a terminal nothing is redrawn', async () => {
  const bob = await bobListens();
  const shown = async (...more: string[]): Promise<string> => {
    const run = inTerminal(['sync', 'send', '--to', bob.place, '--count', '50', ...more, 'hello']);
    await run.until(/answered after/);
    return run.stdout.replaceAll('\r\n', '\n');
  };
  expect(await shown()).toContain('\x1b');
  expect(await shown('--plain')).toMatch(ASCII);
});
