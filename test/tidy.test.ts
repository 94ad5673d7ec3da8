// Who may import whom, and what things are called. The tree must show the lesson: each mode can be read, and taught, alone; and somebody who
// knows networks and logs finds the usual names. A rule that is not checked is a wish.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** What each folder may import besides itself and core/, which everybody may import. A path that ends in `.ts` is one file. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  errors: [],
  wire: [],
  net: ['wire'],
  exchange: ['net', 'wire'],
  sync: ['exchange', 'net', 'wire'],
  async: ['exchange', 'net', 'wire', 'errors', 'async/log'],
  'async/log': ['wire/frame.ts', 'errors', 'net/lock.ts'],
  trace: ['wire', 'errors'],
  library: ['errors', 'wire', 'net', 'exchange', 'sync', 'async', 'async/log'],
  'index.ts': ['library', 'errors', 'wire', 'net', 'exchange', 'async', 'async/log'],
  lab: ['errors', 'wire', 'net', 'exchange', 'sync', 'async', 'async/log', 'trace'],
  // It shares no code with what it checks.
  'lab/check': ['lab/stage/process.ts'],
  cli: [
    'errors',
    'wire',
    'net',
    'exchange',
    'sync',
    'async',
    'async/log',
    'trace',
    'lab',
    'lab/check',
    'library',
  ],
};

/** Modules that reach the network, and the folders in which they may appear. */
const SOCKETS = new Set(['net', 'http', 'https', 'http2', 'tls', 'dgram'].map((name) => `node:${name}`));
const SOCKET_FOLDERS = /^(net|lab\/(faults|check|board))\//;

/** Packages from the registry, and where each may appear. */
const PACKAGES: Readonly<Record<string, (file: string) => boolean>> = {
  pino: (file) => file === 'trace/log.ts',
  commander: (file) => folderOf(file) === 'cli',
  preact: (file) => file.startsWith('lab/board/page/'),
  'preact/hooks': (file) => file.startsWith('lab/board/page/'),
  uqr: (file) => file === 'lab/board/qr.ts',
};

/** Pure rules: they may not even import Node's own modules. */
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
  'core/text.ts',
  'core/verdicts.ts',
  'core/visible.ts',
  'core/width.ts',
  'core/words.ts',
  'core/wrap.ts',
  'core/hash.ts',
  'core/queue.ts',
]);

/** The folder whose rules apply to a file. */
function folderOf(file: string): string {
  if (file.startsWith('async/log/')) return 'async/log';
  if (file.startsWith('lab/check/')) return 'lab/check';
  return file.split('/')[0] ?? '';
}

/** Everything that a source text imports: statically, re-exported, for its side effects, dynamically, or as a type. */
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
    if (SOCKETS.has(specifier) && !SOCKET_FOLDERS.test(file))
      return 'sockets only in net/, lab/faults/ and lab/check/';
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

  test('there are files in every folder that a rule names, and in no other', () => {
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
      'lab/check',
      'library',
      'cli',
    ])
      expect(folders, folder).toContain(folder);
    for (const file of [...WITHOUT_NODE, 'trace/log.ts', 'wire/frame.ts', 'wire/decoder.ts'])
      expect(files).toContain(file);
  });

  test('no file imports what it may not', () => {
    const seen = files.map((file) => importsOf(readFileSync(join(SRC, file), 'utf8')).length);
    expect(seen.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(200);
    expect(files.flatMap((file) => faultsOf(file, readFileSync(join(SRC, file), 'utf8')))).toEqual([]);
  });
});

/** Groups of files that import each other, directly or through others. An import of types counts like any other. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const reach = new Map<string, ReadonlySet<string>>();
  for (const file of imports.keys()) {
    const reached = new Set<string>();
    const open = [...(imports.get(file) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (reached.has(next)) continue;
      reached.add(next);
      open.push(...(imports.get(next) ?? []));
    }
    reach.set(file, reached);
  }
  const groups = [...reach].flatMap(([file, reached]) =>
    reached.has(file) ? [[...reached].filter((other) => reach.get(other)?.has(file)).sort()] : [],
  );
  return [...new Map(groups.map((group) => [group.join(), group])).values()];
}

test('no files import each other in a circle', () => {
  const imports = new Map(
    sources().map((file) => [
      file,
      importsOf(readFileSync(join(SRC, file), 'utf8'))
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(SRC, join(SRC, dirname(file), specifier)).replaceAll('\\', '/')),
    ]),
  );
  expect([...imports.values()].flat().every((file) => imports.has(file))).toBe(true);
  expect(circlesIn(imports)).toEqual([]);
});

test.each([
  [{ a: ['b'], b: ['c'], c: ['a', 'd'], d: [] }, [['a', 'b', 'c']]],
  [{ a: ['a'], b: ['a', 'c'], c: ['b'] }, [['a'], ['b', 'c']]],
  [{ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
])('the circles in %j are %j', (imports, circles) => {
  expect(circlesIn(new Map(Object.entries(imports)))).toEqual(circles);
});

/** The most lines of a file. A longer one is probably about two things. */
const MAX_LINES = 350;

test(`no file of the source has more than ${MAX_LINES} lines`, () => {
  const long = sources().filter(
    (file) => readFileSync(join(SRC, file), 'utf8').split('\n').length - 1 > MAX_LINES,
  );
  expect(long).toEqual([]);
});

/** Names of an earlier vocabulary, the standard words for them, and where they are not allowed (default: anywhere). */
const OLD_NAMES: readonly (readonly [old: string, standard: string, where?: RegExp])[] = [
  ['piece', 'record, chunk'],
  ['lot lots', 'batch'],
  ['spare spares', 'preallocated segments'],
  ['fold folding', 'replay'],
  ['live', 'live bytes, progress line'],
  ['roll roller', 'rotate'],
  ['forgotten', 'tombstone'],
  ['keeper upkeep', 'retention, internal records'],
  ['memory remembered', 'dedup window, remembered id', /^async\/(?!log\/)/],
  ['ageing', 'expiry'],
  ['commits', 'durability queue', /^async\//],
  ['mailroom', 'mailboxes, state'],
  ['door guest greet', 'server, session'],
  ['host', 'server, handler', /^exchange\//],
  ['visit visits', 'session, presence'],
  ['question questions', 'pending send'],
  ['unanswered', 'in flight'],
  ['patience', 'deadline'],
  ['ask', 'pending, key prompt'],
  ['call', 'client connection'],
  ['climbable', 'observed connection'],
  ['arrival', 'body progress', /^(net|exchange)\//],
  ['pace', 'slow-frame guard'],
  ['outgoing', 'write queue'],
  ['place', 'parseAddress, formatAddress', /^(net|cli|lab)\//],
  ['link links', 'channel', /^trace\//],
  ['passage passages', 'hop'],
  ['ways', 'route'],
  ['line', 'proxied connection', /^lab\/faults\//],
  ['lane lanes', 'pipe', /^lab\/faults\//],
  ['ground', 'pipe environment'],
  ['deaf', 'full backlog'],
  ['itself', 'self-loop'],
  ['chance', 'prng'],
  ['figure figures', 'row'],
  ['drawn', 'filter'],
  ['arrange', 'order'],
  ['folded', 'wrap'],
  ['cell played', 'trial, result', /^lab\//],
  ['words', 'format', /^(lab|trace)\//],
  ['why', 'derivation'],
  ['oracle', 'tally'],
  ['judge', 'compare to theory, verify'],
  ['kernel', 'proc-net-tcp'],
  ['order orders', 'command', /^(cli|lab\/faults)\//],
];

/** What a source text declares: classes, interfaces, types, functions, and constants that are functions. */
function declaredIn(source: string): string[] {
  const found: string[] = [];
  for (const pattern of [
    /^\s*(?:export\s+)?(?:abstract\s+)?(?:async\s+)?(?:class|interface|function\*?|type(?=\s+\w+\s*[<=]))\s+(\w+)/gm,
    /^\s*(?:export\s+)?const\s+(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:async\s+)?(?:<[^\n>]*>)?(?:\(\w*[^\n]*=>|\w+\s*=>)/gm,
  ]) {
    for (const [, name = ''] of source.matchAll(pattern)) found.push(name);
  }
  return found;
}

/** The old names in a file: its own name, and those of what it declares. */
function oldNamesIn(file: string, source: string): string[] {
  const own = (file.split('/').at(-1) ?? '').replace(/\.ts$/, '');
  return [own, ...declaredIn(source)].flatMap((name) =>
    OLD_NAMES.filter(
      ([old, , where]) => old.split(' ').includes(name.toLowerCase()) && (where?.test(file) ?? true),
    ).map(([, standard]) => `${file}: ${name} is called ${standard}`),
  );
}

test('no file, class, interface, type or function has a name of the earlier vocabulary', () => {
  const all = sources().map((file) => [file, readFileSync(join(SRC, file), 'utf8')] as const);
  expect(all.flatMap(([, source]) => declaredIn(source)).length).toBeGreaterThan(500);
  expect(all.flatMap(([file, source]) => oldNamesIn(file, source))).toEqual([]);
});

test.each([
  ['exchange/ask.ts', ''],
  ['exchange/client.ts', 'export class Call {'],
  ['exchange/ladder.ts', 'export interface Climbable {'],
  ['async/log/format.ts', 'type Piece ='],
  ['async/log/writer.ts', 'export async function roll(): Promise<void> {'],
  ['trace/channels.ts', 'export interface Link {'],
  ['lab/faults/link.ts', 'class Line<T> {'],
  ['cli/input.ts', 'export function place(fallback: number): Place {'],
  ['lab/demo/page.ts', "const words = (verdict: VerdictName): string => verdict.replace('_', ' ');"],
  ['lab/demo/page.ts', '  const judge = async (scene: Scene): Promise<void> => {'],
])('%s may not declare: %s', (file, source) => {
  expect(oldNamesIn(file, source)).toHaveLength(1);
});

test.each([
  ['lab/faults/link.ts', 'export interface Link {'],
  ['trace/line.ts', 'class Line {'],
  ['net/connection.ts', '  const call = connections.get(1);'],
  ['exchange/client.ts', 'export interface Caller {'],
])('%s may declare: %s', (file, source) => {
  expect(oldNamesIn(file, source)).toEqual([]);
});

test('src/README.md has a paragraph for every folder, names only existing files, and leaves out no file of the two routes', () => {
  const readme = readFileSync(join(SRC, 'README.md'), 'utf8');
  const chapters = [...readme.matchAll(/^## (\w+)\/$/gm)].map(([, name = '']) => name);
  expect(chapters).toEqual(expect.arrayContaining(readdirSync(SRC).filter((name) => !name.includes('.'))));
  // Each folder needs only those before it.
  for (const [index, folder] of chapters.entries()) {
    const needed = (MAY_IMPORT[folder] ?? []).map(folderOf).map((name) => name.replace(/\/.*/, ''));
    expect(chapters.slice(0, index + 1), folder).toEqual(expect.arrayContaining(needed));
  }
  const files = new Set(sources().map((file) => file.split('/').at(-1)));
  const named = [...readme.matchAll(/`([a-z-]+\.ts)`/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name) => !files.has(name))).toEqual([]);
  const toRead = sources().filter((file) => !/^(cli|lab\/(demo|faults)|errors)\//.test(file));
  expect(toRead.length).toBeGreaterThan(50);
  expect(toRead.filter((file) => !named.includes(file.split('/').at(-1) ?? ''))).toEqual([]);
});

// The check itself can fail: each of these breaks one rule, in one of the ways in which an import can be written.
test.each([
  ['sync/sender.ts', `import { State } from '../async/state.ts';`],
  ['sync/sender.ts', `import type {\n  A,\n  B,\n} from '../async/state.ts';`],
  ['async/relay.ts', `export { startReceiver } from '../sync/receiver.ts';`],
  ['async/relay.ts', `export * from '../sync/receiver.ts';`],
  ['exchange/pending.ts', `const { x } = await import('../async/relay.ts');`],
  ['exchange/pending.ts', 'const { x } = await import(`../async/relay.ts`);'],
  ['exchange/pending.ts', 'await import(name);'],
  ['exchange/pending.ts', `type T = import('../sync/sender.ts').Sender;`],
  ['exchange/pending.ts', `import '../cli/main.ts';`],
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
  ['net/listener.ts', `import { lookup } from '../errors/catalog.ts';`],
  ['exchange/verdict.ts', `import type { Layer } from '../errors/entry.ts';`],
  ['sync/sender.ts', `import { Stage } from '../lab/stage/stage.ts';`],
  ['lab/compare/run.ts', `import { pino } from 'pino';`],
  ['core/queue.ts', `import type { Header } from '../wire/frame.ts';`],
  ['net/connection.ts', `import { merge } from '../trace/merge.ts';`],
  ['library/send.ts', `import { Stage } from '../lab/stage/stage.ts';`],
  ['library/send.ts', `import { say } from '../cli/render/output.ts';`],
  ['lab/compare/run.ts', `import { send } from '../../library/send.ts';`],
  ['sync/sender.ts', `import { send } from '../library/send.ts';`],
  ['index.ts', `export { say } from './cli/render/output.ts';`],
  ['cli/main.ts', `import { send } from '../index.ts';`],
  ['core/event.ts', `import { isName } from '../wire/verbs.ts';`],
  ['cli/main.ts', `import { harness } from '../../test/harness.ts';`],
  ['lab/check/frames.ts', `import { encode } from '../../wire/frame.ts';`],
  ['lab/check/run.ts', `import { Stage } from '../stage/stage.ts';`],
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
  ['lab/check/program.ts', `import { Process } from '../stage/process.ts';`],
  ['cli/main.ts', `import { send } from '../library/send.ts';`],
  ['index.ts', `export { send } from './library/send.ts';`],
])('%s may say: %s', (file, source) => {
  expect(faultsOf(file, source)).toEqual([]);
});
