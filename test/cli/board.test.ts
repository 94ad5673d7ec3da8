// `detour board` as a process: what it says, and that nothing is left when it ends, however it ends.

import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatJson } from '../../src/trace/line.ts';
import { runCli, type Talking, talk, tempDir } from '../harness.ts';
import { command, event, http, watch } from '../lab/board/http.ts';
import { until } from '../servers.ts';

/** Starts a board on a port of its own. */
async function board(...args: readonly string[]): Promise<{ run: Talking; port: number; token: string }> {
  const run = talk(['board', '--port', '0', ...args], { NO_COLOR: '1' });
  const [, port = '', token = ''] = await run.until(/ open {3}http:\/\/[\w.]+:(\d+)\/(?:#token=([\w-]+))?\n/);
  return { run, port: Number(port), token };
}

test('two logs that grow are shown on a page without a token; Ctrl-C ends it politely', async () => {
  const dir = tempDir();
  const [bob, alice] = [join(dir, 'bob.log'), join(dir, 'alice.log')];
  writeFileSync(bob, `${formatJson(event(1))}\n`);
  const { run, port, token } = await board(bob, alice);
  expect(token).toBe('');
  const page = await watch(port);
  await page.until(() => page.events.length === 1);
  appendFileSync(alice, `${formatJson(event(1, 'x', 'alice'))}\n`);
  await page.until(() => page.events.length === 2);
  expect((await page.first('hello')).mode).toBe('logs');
  const other = talk(['board', '--port', String(port), bob]);
  await other.until(new RegExp(`^port ${port} is taken: the board takes ${port + 1}`, 'm'));
  await other.kill();
  run.child.kill('SIGINT');
  await page.until(() => page.closed);
  expect(page.messages.at(-1)).toEqual({ kind: 'gone' });
  expect(await run.ended).toBe(process.platform === 'win32' ? expect.anything() : 0);
});

test('others may watch: their addresses are printed without the token, and the board answers to them', async () => {
  const dir = tempDir();
  const log = join(dir, 'bob.log');
  writeFileSync(log, `${formatJson(event(1))}\n`);
  const { run, port } = await board('--host', '0.0.0.0', log);
  const said = await run.until(/watch {2}(http:\/\/([\d.]+):\d+\/)|no address that others could reach/);
  const { 1: address = '', 2: name = '' } = said;
  if (address === '') return;
  expect(new URL(address)).toMatchObject({ port: String(port), hash: '' });
  expect((await http(port, '/', { host: name, headers: { host: `${name}:${port}` } })).status).toBe(200);
});

/** The processes that a process has started, from Linux' /proc. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Does a process still run? Of one that has ended, a zombie may be left until its new parent looks. */
function isThere(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

const linux = process.platform === 'linux';

// The last one is what happens when a terminal window is closed.
test.runIf(linux).each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'after %s no process and no folder of the stage is left, and every page is told',
  { tags: ['slow'] },
  async (signal) => {
    const tmp = tempDir();
    const run = talk(['board', '--port', '0'], { TMPDIR: tmp });
    const [, digits, token = ''] = await run.until(/http:\/\/127\.0\.0\.1:(\d+)\/#token=([\w-]+)\n/);
    const port = Number(digits);
    const page = await watch(port);
    const isUp = (): boolean =>
      page.messages.some(
        (one) =>
          one.kind === 'stage' && one.stage.actors.filter(({ state }) => state === 'running').length >= 3,
      );
    await page.until(isUp);
    expect((await command(port, token, '{"actor":"direct/bob","do":"freeze"}')).status).toBe(204);
    const pids = childrenOf(run.pid);
    expect(pids.length).toBeGreaterThanOrEqual(6);
    expect(readdirSync(tmp)).not.toEqual([]);
    run.child.kill(signal);
    await page.until(() => page.closed);
    expect(page.messages.at(-1)).toEqual({ kind: 'gone' });
    expect(await run.ended).toBe({ SIGINT: 0, SIGTERM: 143, SIGHUP: 129 }[signal]);
    expect(readdirSync(tmp)).toEqual([]);
    // A process that was killed takes a moment to end.
    await until(() => !pids.some(isThere));
  },
);

test('what the person gets who types it wrongly', async () => {
  const { code, stderr } = await runCli(['board', '--port', '0', '--host', '192.0.2.1']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/this computer has no such address/)]);
});
