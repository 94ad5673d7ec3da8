// Who may import whom. The tree must show the lesson: each mode can be read, and taught, alone. A rule that is not checked is a wish.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** What each folder may import beside itself and core/, which everybody may. A path that ends in `.ts` is that one file. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  errors: [],
  wire: ['errors'],
  net: ['wire', 'errors'],
  exchange: ['net', 'wire', 'errors'],
  sync: ['exchange', 'net', 'wire', 'errors'],
  async: ['exchange', 'net', 'wire', 'errors', 'async/log'],
  'async/log': ['wire/frame.ts', 'errors', 'net/lock.ts'],
  trace: ['wire', 'errors'],
  lab: ['errors', 'wire', 'net', 'exchange', 'sync', 'async', 'async/log', 'trace'],
  cli: ['errors', 'wire', 'net', 'exchange', 'sync', 'async', 'async/log', 'trace', 'lab'],
};

/** Modules that reach the network, and the folders in which they may appear. */
const SOCKETS = new Set(['net', 'http', 'https', 'http2', 'tls', 'dgram'].map((name) => `node:${name}`));
const SOCKET_FOLDERS = /^(net|lab\/faults)\//;

/** Packages from the registry, and where each may appear. */
const PACKAGES: Readonly<Record<string, (file: string) => boolean>> = {
  pino: (file) => file === 'trace/log.ts',
  commander: (file) => folderOf(file) === 'cli',
};

/** Pure rules: not even a module of Node's own. */
const WITHOUT_NODE = new Set([
  'async/state.ts',
  'async/status.ts',
  'async/admission.ts',
  'async/gap.ts',
  'async/held.ts',
  'async/ids.ts',
  'core/chunks.ts',
  'core/clock.ts',
  'core/deadlines.ts',
  'core/error.ts',
  'core/event.ts',
  'core/id-table.ts',
  'core/pages.ts',
  'core/prng.ts',
  'core/visible.ts',
  'core/words.ts',
  'core/wrap.ts',
  'core/hash.ts',
  'core/queue.ts',
]);

/** The folder whose rules a file obeys. */
function folderOf(file: string): string {
  if (file.startsWith('async/log/')) return 'async/log';
  return file.split('/')[0] ?? '';
}

/** Everything that a source text imports: static, re-exported, for its side effects, dynamic, as a type. */
function importsOf(source: string): string[] {
  const found: string[] = [];
  for (const pattern of [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g,
  ]) {
    for (const [, specifier = ''] of source.matchAll(pattern)) found.push(specifier);
  }
  // What is not a plain literal cannot be checked here, so it is not allowed.
  if (/\bimport\s*\(\s*[^\s'"`]/.test(source)) found.push('(computed)');
  if (/\brequire\s*\(/.test(source) || /\bcreateRequire\b/.test(source)) found.push('(require)');
  return found;
}

/** What is wrong with the imports of one file; empty if nothing is. */
function faultsOf(file: string, source: string): string[] {
  const folder = folderOf(file);
  const allowed = MAY_IMPORT[folder];
  if (allowed === undefined) return [`${file}: no rule for the folder ${folder}`];
  const faults: string[] = [];
  for (const specifier of importsOf(source)) {
    const fault = faultOf(file, folder, allowed, specifier);
    if (fault !== undefined) faults.push(`${file}: ${specifier}: ${fault}`);
  }
  return faults;
}

function faultOf(
  file: string,
  folder: string,
  allowed: readonly string[],
  specifier: string,
): string | undefined {
  if (specifier.startsWith('.')) {
    const target = relative(SRC, join(SRC, dirname(file), specifier)).replaceAll('\\', '/');
    if (target.startsWith('..')) return 'outside src/';
    const to = folderOf(target);
    if (to === folder || to === 'core' || allowed.includes(to) || allowed.includes(target)) return undefined;
    return `${folder} may not import ${to}`;
  }
  if (specifier.startsWith('node:')) {
    if (WITHOUT_NODE.has(file)) return 'no module of Node here';
    if (SOCKETS.has(specifier) && !SOCKET_FOLDERS.test(file)) return 'sockets only in net/ and lab/faults/';
    return undefined;
  }
  const rule = PACKAGES[specifier];
  if (rule === undefined) return 'not a package of this project (modules of Node are written node:…)';
  return rule(file) ? undefined : 'this package has one place, and this is not it';
}

function sources(dir: string = SRC): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [relative(SRC, path).replaceAll('\\', '/')] : [];
  });
}

describe('who imports whom', () => {
  const files = sources();

  test('there are files to look at, in every folder that a rule names and no other', () => {
    expect(files.length).toBeGreaterThan(50);
    const folders = new Set(files.map(folderOf));
    expect([...folders].filter((folder) => MAY_IMPORT[folder] === undefined)).toEqual([]);
    for (const folder of [
      'errors',
      'wire',
      'net',
      'exchange',
      'sync',
      'async',
      'async/log',
      'trace',
      'lab',
      'cli',
    ])
      expect(folders, folder).toContain(folder);
    for (const file of [...WITHOUT_NODE, 'trace/log.ts', 'wire/frame.ts', 'wire/decoder.ts'])
      expect(files).toContain(file);
  });

  test('nobody imports what is not his to import', () => {
    const seen = files.map((file) => importsOf(readFileSync(join(SRC, file), 'utf8')).length);
    expect(seen.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(200);
    expect(files.flatMap((file) => faultsOf(file, readFileSync(join(SRC, file), 'utf8')))).toEqual([]);
  });
});

test('src/README.md has a paragraph for every folder, names only files that are there, and leaves out none of the two routes', () => {
  const readme = readFileSync(join(SRC, 'README.md'), 'utf8');
  const chapters = [...readme.matchAll(/^## (\w+)\/$/gm)].map(([, name = '']) => name);
  expect(chapters).toEqual(expect.arrayContaining(readdirSync(SRC).filter((name) => !name.includes('.'))));
  const files = new Set(sources().map((file) => file.split('/').at(-1)));
  const named = [...readme.matchAll(/`([a-z-]+\.ts)`/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name) => !files.has(name))).toEqual([]);
  const toRead = sources().filter((file) => !/^(cli|lab\/(demo|faults)|errors)\//.test(file));
  expect(toRead.length).toBeGreaterThan(50);
  expect(toRead.filter((file) => !named.includes(file.split('/').at(-1) ?? ''))).toEqual([]);
});

// The check itself can fail: each of these breaks one rule, in one of the ways an import can be written.
test.each([
  ['sync/sender.ts', `import { State } from '../async/state.ts';`],
  ['sync/sender.ts', `import type {\n  A,\n  B,\n} from '../async/state.ts';`],
  ['async/relay.ts', `export { startReceiver } from '../sync/receiver.ts';`],
  ['async/relay.ts', `export * from '../sync/receiver.ts';`],
  ['exchange/ask.ts', `const { x } = await import('../async/relay.ts');`],
  ['exchange/ask.ts', 'const { x } = await import(`../async/relay.ts`);'],
  ['exchange/ask.ts', 'await import(name);'],
  ['exchange/ask.ts', `type T = import('../sync/sender.ts').Sender;`],
  ['exchange/ask.ts', `import '../cli/main.ts';`],
  ['lab/demo/story.ts', `import { main } from '../../cli/main.ts';`],
  ['lab/compare/run.ts', `import { main } from '../../cli/main.ts';`],
  ['lab/compare/run.ts', `import { createConnection } from 'node:net';`],
  ['async/log/disk.ts', `import { VERSION } from '../../wire/verbs.ts';`],
  ['async/log/disk.ts', `import { State } from '../state.ts';`],
  ['async/log/disk.ts', `import { Connection } from '../../net/connection.ts';`],
  ['async/state.ts', `import { crc32 } from 'node:zlib';`],
  ['wire/decoder.ts', `import { Socket } from 'node:net';`],
  [
    'wire/frame.ts',
    `import { createRequire } from 'node:module';\nconst x = createRequire(import.meta.url);`,
  ],
  ['cli/main.ts', `import { createConnection } from 'node:net';`],
  ['cli/main.ts', `import { pino } from 'pino';`],
  ['cli/main.ts', `import net from 'net';`],
  ['net/connection.ts', `import { merge } from '../trace/merge.ts';`],
  ['core/event.ts', `import { isName } from '../wire/verbs.ts';`],
  ['cli/main.ts', `import { harness } from '../../test/harness.ts';`],
  ['elsewhere/file.ts', ''],
])('%s may not say: %s', (file, source) => {
  expect(faultsOf(file, source)).toHaveLength(1);
});

test.each([
  ['sync/sender.ts', `import type { Clock } from '../core/clock.ts';`],
  ['async/log/disk.ts', `import { MAX_LINE } from '../../wire/frame.ts';`],
  ['async/relay.ts', `import type { OpenLog } from './log/log.ts';`],
  ['async/log/disk.ts', `import { holdLock } from '../../net/lock.ts';`],
  ['lab/faults/link.ts', `import { createServer } from 'node:net';`],
  ['cli/main.ts', `import { visible } from '../core/visible.ts';`],
])('%s may say: %s', (file, source) => {
  expect(faultsOf(file, source)).toEqual([]);
});
