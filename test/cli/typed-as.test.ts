// A hint shows a command as this person types it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { typedAs } from '../../src/cli/typed-as.ts';
import { asTyped, setCommandName } from '../../src/core/command-name.ts';
import { CATALOG, explainFailure } from '../../src/errors/catalog.ts';
import { detourCommand } from '../../src/lab/demo/your-turn.ts';
import { runCli, tempDir } from '../harness.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHIM = join(ROOT, 'scripts', 'detour.mjs');
const NPX = { npm_lifecycle_event: 'npx', npm_config_prefix: '/usr', npm_config_local_prefix: '/home/ann/d' };
const NODE = '/home/ann/d/scripts/detour.mjs';

afterEach(() => setCommandName('detour'));

test.for([
  ['npx in a clone, npm 11', { ...NPX, npm_lifecycle_script: "'detour'" }, NODE, 'npx detour'],
  ['npx in a clone, npm 10', { ...NPX, npm_lifecycle_script: 'detour "--help"' }, NODE, 'npx detour'],
  ['npm start', { npm_lifecycle_script: 'node scripts/detour.mjs demo' }, NODE, 'npx detour'],
  ['npx with an unknown npm', {}, '/home/ann/e/node_modules/.bin/detour', 'npx detour'],
  [
    'npx for another folder',
    { ...NPX, npm_config_prefix: '/home/ann/d', npm_lifecycle_script: "'detour'" },
    NODE,
    'npx --prefix /home/ann/d detour',
  ],
  ['npm link, npm install -g', {}, '/usr/bin/detour', 'detour'],
  ['the shim, in the clone', {}, NODE, 'node scripts/detour.mjs'],
  [
    'the shim, from elsewhere',
    {},
    '/opt/my detour/scripts/detour.mjs',
    "node '/opt/my detour/scripts/detour.mjs'",
  ],
  ['the line to paste', { DETOUR_COMMAND: 'detour' }, NODE, 'detour'],
  [
    'a container',
    { DETOUR_COMMAND: 'docker compose exec alice detour' },
    NODE,
    'docker compose exec alice detour',
  ],
  [
    'a script of a project that is not about detour',
    { npm_lifecycle_script: 'vitest run' },
    '/x/main.js',
    'detour',
  ],
  ['the compiled program', {}, '/home/ann/d/dist/cli/main.js', 'detour'],
] as const)('%s', ([, env, program, typed]) => {
  expect(typedAs({ env, program, cwd: '/home/ann/d', platform: 'linux' })).toBe(typed);
});

test('on Windows a global installation is known by the batch file beside node_modules', () => {
  const folder = tempDir();
  const program = join(folder, 'node_modules', 'detour', 'scripts', 'detour.mjs');
  const start = { env: {}, program, cwd: folder, platform: 'win32' } as const;
  expect(typedAs(start)).toMatch(/^node /);
  writeFileSync(join(folder, 'detour.cmd'), '');
  expect(typedAs(start)).toBe('detour');
});

test('what a person or the network put into a hint stays as it is', () => {
  setCommandName('npx detour');
  const folder = '~/my detour demo';
  expect(asTyped`detour journal ${folder}, or detour demo`).toBe(
    'npx detour journal ~/my detour demo, or npx detour demo',
  );
  expect(asTyped('take the detour; detour asks; `detour link` and ./detour sync')).toBe(
    'take the detour; detour asks; `npx detour link` and ./detour sync',
  );
});

test('every command in a hint is shown with it', () => {
  setCommandName('npx detour');
  const files = readdirSync(new URL('../../src/cli/commands', import.meta.url));
  const commands = files.map((file) => file.replace('.ts', '').replace('-', ' '));
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands) expect(asTyped(`try detour ${command}`)).toBe(`try npx detour ${command}`);
});

test('the catalogue shows it, under a failure too', () => {
  setCommandName('npx detour');
  const context = { peer: 'bob', address: '127.0.0.1:1', handedOver: false, earlier: 'none' } as const;
  expect(explainFailure('ECONNREFUSED', 'connect', { ...context, route: 'sync' }).tryNext).toMatch(
    /: npx detour async send$/,
  );
  const texts = CATALOG.flatMap((entry) => Object.values(entry).filter((value) => typeof value === 'string'));
  const bare = texts.flatMap(
    (text) => /.{0,20}(?<!npx )\bdetour (?:a?sync|explain) .{0,20}/.exec(asTyped(text)) ?? [],
  );
  expect(bare).toEqual([]);
});

test('a real process: the shim, npx, a link, the line to paste', { tags: ['slow'] }, ({ skip }) => {
  if (process.platform === 'win32') skip('links need rights on Windows');
  const folder = join(tempDir(), 'bin');
  mkdirSync(folder);
  symlinkSync(SHIM, join(folder, 'detour'));
  const help = (command: string, args: string[], env: NodeJS.ProcessEnv = {}): string =>
    execFileSync(command, [...args, '--help'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
    });
  expect(help(process.execPath, [SHIM, 'sync', 'send'])).toMatch(
    /^Usage: node scripts\/detour\.mjs sync send /,
  );
  expect(help(process.execPath, [join(folder, 'detour'), 'sync', 'send'])).toMatch(
    /^Usage: detour sync send /,
  );
  expect(help('npx', ['detour', 'sync', 'send'], { HOME: tempDir() })).toMatch(
    /^Usage: npx detour sync send /,
  );
  const pasted = `${detourCommand('bash, zsh', SHIM)}\ncd /\ndetour doctor`;
  expect(help('bash', ['-c', `${pasted} --help`])).toContain('$ detour doctor --to');
});

test('what a program reads does not depend on it', async () => {
  const env = { DETOUR_COMMAND: 'npx detour' };
  const way = ['doctor', '--to', '127.0.0.1:1'];
  expect((await runCli(way, { env })).stdout).toContain('`npx detour sync receive --port 1`');
  expect((await runCli([...way, '--json'], { env })).stdout).toContain('`detour sync receive --port 1`');
});
