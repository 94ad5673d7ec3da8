// What an answer to a question claims is what comes when the command is run that it names. The stories are whole runs, and slow.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CATALOG, lookup } from '../../src/errors/catalog.ts';
import { runCli, start, talk, tempDir } from '../harness.ts';
import { bobListens, relayListens } from './talking.ts';

const NOWHERE = '127.0.0.1:1';

/** The text under "try". */
function tryNext(code: string): string {
  const [entry] = lookup(code);
  const text = entry?.tryNext ?? '';
  return typeof text === 'string' ? text : `${text.sync} ${text.async}`;
}

/** A relay without mail. `journal`: its folder; `send` and `receive` talk to it. */
async function relay() {
  const journal = join(tempDir(), 'journal');
  const { place, ...rest } = await relayListens(journal);
  const to = ['--relay', place];
  return {
    ...rest,
    place,
    journal,
    send: (args: readonly string[], input?: string) =>
      runCli(['async', 'send', ...to, ...args], input === undefined ? {} : { input }),
    receive: () => runCli(['async', 'receive', ...to]),
  };
}

/** What each question's command shows. */
const SHOWN: Readonly<Record<string, () => Promise<void>>> = {
  async retry() {
    expect(tryNext('retry')).toContain('detour async send --id once hello, twice');
    const { send, receive } = await relay();
    for (const text of ['STORED in', 'A repeat, known by its id'])
      expect((await send(['--id', 'once', 'hello'])).stderr).toContain(text);
    expect((await receive()).stdout).toBe('alice: hello\n');
    for (let time = 0; time < 2; time += 1) await send(['hello']);
    expect((await receive()).stdout).toBe('alice: hello\nalice: hello\n');
  },
  async exactly_once() {
    await told(3, /UNKNOWN.*Shown twice \(attempt 2\): at least once/s);
  },
  async relay_dies() {
    await told(6, /STORED.*KILLED.*shown \S+ ■/s);
    await told(7, /◄refused.*NOT DELIVERED +exit 10/s);
  },
  async where() {
    const { place, send, journal } = await relay();
    await send(['hello']);
    expect((await runCli(['async', 'status', '--relay', place])).stdout).toMatch(/bob +1\b/);
    expect((await runCli(['journal', journal])).stdout).toMatch(/SEND id=\S+ to=bob size=5\n +\| hello/);
    const bob = await bobListens();
    const ladder = await runCli(['sync', 'send', '--to', bob.place, '--ladder', 'hello']);
    expect(ladder.stderr).toMatch(/who vouches for it\n.*1 handed over.*5 handled/s);
  },
  async brokers() {
    const { send } = await relay();
    expect((await send(['--ladder', 'hello'])).stderr).toMatch(/4 durable +on .*the relay.*STORED/);
  },
  async await() {
    expect(readFileSync(join(import.meta.dirname, '../../src/sync/sender.ts'), 'utf8')).toContain('await ');
    const refused = await runCli(['sync', 'send', '--to', NOWHERE, 'hello']);
    expect([refused.code, refused.stderr]).toEqual([10, expect.stringContaining('ECONNREFUSED')]);
    const { send } = await relay();
    expect((await send(['hello'])).code).toBe(0);
  },
  async timeout() {
    const bob = await bobListens('--work', '8s');
    const alice = await runCli(['sync', 'send', '--to', bob.place, '--timeout', '2s', 'hello']);
    expect([alice.code, alice.stderr]).toEqual([20, expect.stringContaining('UNKNOWN')]);
    await bob.until(/alice: hello/);
  },
  async order() {
    const { send, receive } = await relay();
    await send(['--lines'], 'one\ntwo\nthree\n');
    expect((await receive()).stdout).toBe('alice: one\nalice: two\nalice: three\n');
    expect(tryNext('order')).toContain('async send --lines');
  },
  async ack() {
    const bob = await bobListens();
    const alice = talk(['sync', 'send', '--to', bob.place, '--ladder', '--lines', '--timeout', '2s']);
    alice.type('one');
    await alice.until(/DELIVERED/);
    bob.type('freeze 20s');
    await bob.until(/frozen for 20 s/);
    alice.type('two');
    await alice.until(/UNKNOWN/);
    const [, second = ''] = alice.stderr.split('DELIVERED');
    // Only Linux shows what the other kernel has acknowledged.
    if (process.platform === 'linux') expect(second).toMatch(/2 acknowledged +by the other kernel +that of/);
    expect(second).toMatch(/- {2}3 read +by bob's program +not known/);
  },
  async stream() {
    const bob = await bobListens();
    const link = start(['link', '--listen', '0', '--to', bob.place, '--slice', '3']);
    const { port } = await link.until('listening');
    await link.until('fault');
    const alice = await runCli(['sync', 'send', '--to', `127.0.0.1:${port}`, 'hello']);
    expect([alice.code, alice.stderr]).toEqual([0, expect.stringContaining('DELIVERED')]);
  },
};

async function told(story: number, shows: RegExp): Promise<void> {
  const { code, stdout } = await runCli(['demo', String(story), '--fast']);
  expect(code).toBe(0);
  expect(stdout).toMatch(shows);
}

const QUESTIONS = CATALOG.filter(({ layer }) => layer === 'questions').map(({ code }) => code);

test('every question is answered by a command that is run here', () => {
  expect(Object.keys(SHOWN)).toEqual(QUESTIONS);
});

for (const code of QUESTIONS)
  test(`the command that answers: ${code}`, {
    tags: code === 'order' ? [] : ['slow'],
    timeout: 60_000,
  }, async () => {
    await SHOWN[code]?.();
  });

test('the stories that UNKNOWN names', { tags: ['slow'], timeout: 60_000 }, async () => {
  expect(tryNext('UNKNOWN')).toMatch(/detour demo 3 .*detour demo 8 /);
  await told(8, /= UNKNOWN.*the same id again, and it is kept once/s);
});
