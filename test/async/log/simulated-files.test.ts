// The test of the simulator. What the tests of the log prove is worth only as much as the simulator.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { errnoOf } from '../../../src/core/error.ts';
import { type FileSystem, type OpenFile, systemFiles } from '../../../src/core/files.ts';
import { prng } from '../../../src/core/prng.ts';
import { seed } from '../../seed.ts';
import { BLOCK, type Fault, type SimulatedFile, SimulatedFiles, type StepKind } from './simulated-files.ts';

const DIR = path.join('/', 'log');
const A = path.join(DIR, 'a');
const B = path.join(DIR, 'b');
const C = path.join(DIR, 'c');

/** Blocks, each full of one letter: `'xy'` is a block of x and a block of y. */
const blocks = (letters: string): Buffer =>
  Buffer.concat([...letters].map((one) => Buffer.alloc(BLOCK, one)));

/** The letters of a file's blocks, in the form that `blocks` takes; `0` for zeros, `?` for a block with several letters. */
function letters(files: SimulatedFiles, file: string): string {
  const bytes = files.contents(file);
  return Array.from({ length: Math.ceil(bytes.length / BLOCK) }, (_, index) => {
    const block = bytes.subarray(index * BLOCK, (index + 1) * BLOCK);
    const first = block[0];
    if (!block.every((byte) => byte === first)) return '?';
    return first ? String.fromCharCode(first) : '0';
  }).join('');
}

/** Files in DIR, each with the given letters, all of it durable. */
function filesWith(contents: Readonly<Record<string, string>>, capacity?: number): SimulatedFiles {
  const files = new SimulatedFiles(capacity === undefined ? {} : { capacity });
  for (const [name, text] of Object.entries(contents)) files.setContents(path.join(DIR, name), blocks(text));
  return files;
}

/** Everything that a power cut may leave, each result once, in alphabetical order: `a=xy b=z`. */
function afterCuts(files: SimulatedFiles): string[] {
  const found = new Set<string>();
  for (let cut = 0; cut < 500; cut++) {
    const fork = files.fork();
    fork.powerCut(prng(cut));
    found.add(
      fork
        .names(DIR)
        .map((name) => `${name}=${letters(fork, path.join(DIR, name))}`)
        .join(' '),
    );
  }
  return [...found].sort();
}

/** The code of a system error. @throws any other error */
function codeOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === '') throw error;
  return code;
}

/** The result of a call, once everything that can happen has happened: its value, the code of its error, or `never`. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  let found: unknown = 'never';
  call.then(
    (value) => {
      found = value;
    },
    (error: unknown) => {
      found = codeOf(error);
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return found;
}

/** What a file system answers to these calls. Each call on an open file goes to one that `letter` chooses. */
async function told(files: FileSystem, dir: string, ops: readonly Op[]): Promise<unknown[]> {
  const handles: OpenFile[] = [];
  const told: unknown[] = [];
  for (const { op, name, other, position, size, letter } of ops) {
    const [file, second] = [path.join(dir, name), path.join(dir, other)];
    const handle = handles[letter % Math.max(1, handles.length)];
    const calls = {
      open: async () => void handles.push(await files.open(file, letter % 2 ? 'write' : 'read')),
      create: async () => void handles.push(await files.open(file, 'create')),
      writeDurably: () => handle?.writeDurably(Buffer.alloc(size, letter), position),
      read: async () => {
        const into = Buffer.alloc(size, 1);
        return [await handle?.read(into, position), into.toString('latin1')];
      },
      hasName: async () => [handle?.hasName(file, false), handle?.hasName(file, true)],
      size: () => handle?.size(),
      close: () => handle?.close(),
      rename: () => files.rename(file, second),
      unlink: () => files.unlink(file),
      syncDirectory: () => files.syncDirectory(dir),
      list: async () => [...(await files.list(dir))].sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
    told.push([op, await Promise.resolve(calls[op]()).catch(codeOf)]);
  }
  for (const handle of handles) await handle.close();
  return told;
}

const name = fc.constantFrom('a', 'b', 'c');
const opArbitrary = fc.record({
  op: fc.constantFrom(
    ...(['open', 'create', 'writeDurably', 'writeDurably', 'writeDurably', 'read', 'read'] as const),
    ...(['hasName', 'size', 'close', 'rename', 'unlink', 'syncDirectory', 'list'] as const),
  ),
  name,
  other: name,
  position: fc.integer({ min: 0, max: 3 * BLOCK }),
  size: fc.integer({ min: 1, max: 3 * BLOCK }),
  letter: fc.integer({ min: 1, max: 255 }),
});
type Op = typeof opArbitrary extends fc.Arbitrary<infer T> ? T : never;

// Windows cannot rename or delete an open file.
test.skipIf(process.platform === 'win32')('without faults it answers as the system does', async () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'detour-files-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(opArbitrary, { minLength: 10, maxLength: 60, size: 'max' }), async (ops) => {
      run += 1;
      const dir = path.join(root, String(run));
      const simulated = new SimulatedFiles();
      mkdirSync(path.join(dir, 'sub', 'deeper'), { recursive: true });
      await simulated.makeDirectory(path.join(dir, 'sub', 'deeper'));
      expect(await told(simulated, dir, ops)).toEqual(await told(systemFiles, dir, ops));
      expect(simulated.handles).toBe(0);
    }),
    { ...seed(), numRuns: 60 },
  );
});

describe('a power cut', () => {
  test('leaves of each dirty block, independently, the old content or any version since', async () => {
    const files = filesWith({ a: 'xy' });
    const file = await files.open(A, 'write');
    await file.write(blocks('12'), 0);
    await file.write(blocks('3'), 0);
    expect(letters(files, A)).toBe('32');
    expect(afterCuts(files)).toEqual(['a=12', 'a=1y', 'a=32', 'a=3y', 'a=x2', 'a=xy']);
    await file.sync();
    expect(afterCuts(files)).toEqual(['a=32']);
  });

  test('leaves an unsynced length or the old one, and zeros where a block is missing', async () => {
    const files = filesWith({ a: 'x' });
    const file = await files.open(A, 'write');
    await file.write(blocks('12'), BLOCK);
    expect(afterCuts(files)).toEqual(['a=x', 'a=x00', 'a=x02', 'a=x10', 'a=x12']);
    await file.write(blocks('3'), 3 * BLOCK);
    expect(afterCuts(files)).toEqual(
      ['a=x', 'a=x00', 'a=x000', 'a=x003', 'a=x02', 'a=x020', 'a=x023'].concat([
        'a=x10',
        'a=x100',
        'a=x103',
        'a=x12',
        'a=x120',
        'a=x123',
      ]),
    );
    await file.sync();
    expect(afterCuts(files)).toEqual(['a=x123']);
  });

  test('removes what was beyond the old length: it does not come back when the file grows again', async () => {
    const files = filesWith({ a: 'x' });
    files.truncate(A, 100);
    await (await files.open(A, 'write')).write(blocks('1'), 100);
    files.powerCut(() => 0);
    files.restart();
    expect(files.contents(A)).toEqual(Buffer.alloc(100, 'x'));
    await (await files.open(A, 'write')).write(Buffer.from('y'), 300);
    expect(files.contents(A).subarray(100)).toEqual(Buffer.concat([Buffer.alloc(200), Buffer.from('y')]));
  });

  test('leaves any subset of the operations on a directory, in order, and never half of a rename', async () => {
    const files = filesWith({ a: 'x', b: 'y' });
    await files.rename(A, B);
    const made = await files.open(A, 'create');
    await made.writeDurably(blocks('z'), 0);
    await files.rename(A, C);
    // Of these three: none, the first, the second (its file takes the name), only the third (it moves the old file), two, or all.
    expect(afterCuts(files)).toEqual([
      'a=x b=y',
      'a=z b=x',
      'a=z b=y',
      'b=x',
      'b=x c=z',
      'b=y c=x',
      'b=y c=z',
    ]);
    await files.syncDirectory(DIR);
    expect(afterCuts(files)).toEqual(['b=x c=z']);
    await files.unlink(B);
    expect(afterCuts(files)).toEqual(['b=x c=z', 'c=z']);
  });

  test('is final: a second one changes nothing, and files keep the names that the first one left', async () => {
    const files = filesWith({ a: 'x' });
    await files.rename(A, B);
    files.powerCut(() => 0.9);
    files.powerCut(() => 0);
    files.restart();
    expect(files.names(DIR)).toEqual(['a']);
    expect((await files.open(A, 'write')).hasName(A, false)).toBe(true);
  });

  test('keeps what was synced in one directory, but not in another', async () => {
    const files = filesWith({ a: 'x' });
    const other = path.join(DIR, 'other');
    await files.makeDirectory(other);
    await files.open(path.join(other, 'b'), 'create');
    await files.unlink(A);
    await files.syncDirectory(DIR);
    files.powerCut(() => 0.9);
    expect([files.names(DIR), files.names(other)]).toEqual([[], []]);
  });

  test('does not lose what writeDurably wrote, but may lose what was written to another block', async () => {
    const files = filesWith({ a: 'xyz' });
    const file = await files.open(A, 'write');
    await file.write(blocks('123'), 0);
    await file.writeDurably(blocks('4'), BLOCK);
    expect(afterCuts(files)).toEqual(['a=143', 'a=14z', 'a=x43', 'a=x4z']);
    files.plan(1, 'short');
    expect(await file.writeDurably(Buffer.from('5'), 5)).toBe(0);
    expect(afterCuts(files)).toEqual(['a=143', 'a=14z', 'a=x43', 'a=x4z']);
  });
});

describe('a failed sync', () => {
  test.each([
    ['sync', (file: SimulatedFile) => file.sync()],
    ['writeDurably', (file: SimulatedFile) => file.writeDurably(blocks('12'), 0)],
  ])(
    '%s: leaves clean blocks that the disk does not have; a second sync does not help, a rewrite does',
    async (_, call) => {
      const files = filesWith({ a: 'xyz' });
      const file = await files.open(A, 'write');
      await file.write(blocks('12'), 0);
      files.plan(1, 'EIO', { only: ['sync'] });
      expect(await outcome(call(file))).toBe('EIO');
      await file.sync();
      expect(letters(files, A)).toBe('12z');
      expect(afterCuts(files)).toEqual(['a=xyz']);
      const dropped = files.fork();
      dropped.dropCache();
      expect(letters(dropped, A)).toBe('xyz');
      await file.write(blocks('1'), 0);
      files.dropCache();
      expect(letters(files, A)).toBe('1yz');
      await file.sync();
      expect(afterCuts(files)).toEqual(['a=1yz']);
    },
  );

  test('may let any of the blocks reach the disk, and loses a length that did not', async () => {
    const found = new Set<string>();
    for (let cut = 0; cut < 30; cut++) {
      const files = filesWith({ a: 'xy' });
      const file = await files.open(A, 'write');
      await file.write(blocks('12'), 0);
      files.plan(1, 'EIO', { random: prng(cut) });
      expect(await outcome(file.sync())).toBe('EIO');
      const [only = '', ...more] = afterCuts(files);
      expect(more).toEqual([]);
      found.add(only);
    }
    expect([...found].sort()).toEqual(['a=12', 'a=1y', 'a=x2', 'a=xy']);
    const files = filesWith({ a: 'x' });
    const file = await files.open(A, 'write');
    await file.write(blocks('1'), BLOCK);
    files.plan(1, 'EIO');
    expect(await outcome(file.sync())).toBe('EIO');
    await file.sync();
    expect([letters(files, A), afterCuts(files)]).toEqual(['x1', ['a=x']]);
    const dropped = files.fork();
    dropped.dropCache();
    expect(letters(dropped, A)).toBe('x');
    await file.writeDurably(blocks('1'), BLOCK);
    expect(afterCuts(files)).toEqual(['a=x1']);
  });
});

describe('a kill', () => {
  test.each([
    ['before', 'xyzw'],
    ['half', '12zw'],
    ['after', '1234'],
  ] as const)(
    '%s a write leaves %s, and no call of that process resolves or does anything',
    async (how, left) => {
      const files = filesWith({ a: 'xyzw' });
      let kills = 0;
      files.onKill = () => {
        kills += 1;
      };
      const file = await files.open(A, 'write');
      files.plan(2, 'kill', { how });
      const calls = [
        file.size(),
        file.read(Buffer.alloc(1), 0),
        file.write(blocks('1234'), 0),
        file.write(blocks('5'), 0),
        files.unlink(A),
      ].map((call) => outcome(call));
      expect(await Promise.all(calls)).toEqual([4 * BLOCK, 1, 'never', 'never', 'never']);
      expect([await outcome(file.close()), await outcome(files.list(DIR)), file.hasName(B, true)]).toEqual([
        'never',
        'never',
        true,
      ]);
      expect([letters(files, A), files.names(DIR), kills, files.handles]).toEqual([left, ['a'], 1, 0]);
      files.restart();
      expect([files.steps, await outcome(file.write(blocks('6'), 0))]).toEqual([0, 'never']);
      expect(await outcome((await files.open(A, 'write')).write(blocks('7'), 0))).toBe(BLOCK);
      expect([letters(files, A), files.steps]).toEqual([`7${left.slice(1)}`, 2]);
    },
  );

  test('in half of a write counts the blocks that it touches; half of any other step is nothing', async () => {
    const files = filesWith({ a: 'xyzw' });
    files.plan(2, 'kill', { how: 'half' });
    const file = await files.open(A, 'write');
    expect(await outcome(file.write(blocks('12'), BLOCK + 100))).toBe('never');
    expect(files.contents(A)).toEqual(
      Buffer.concat([blocks('x'), Buffer.alloc(100, 'y'), Buffer.alloc(BLOCK - 100, '1'), blocks('zw')]),
    );
    files.restart();
    files.plan(1, 'kill', { how: 'half' });
    files.plan(9, 'EIO');
    expect([await outcome(files.unlink(A)), files.names(DIR)]).toEqual(['never', ['a']]);
    files.restart();
    expect(files.planned).toBe(0);
  });

  test('can come at either step of writeDurably', async () => {
    const left = async (at: number, how: 'before' | 'after'): Promise<string[]> => {
      const files = filesWith({ a: 'x' });
      const file = await files.open(A, 'write');
      files.plan(at, 'kill', { how });
      expect(await outcome(file.writeDurably(blocks('1'), 0))).toBe('never');
      return afterCuts(files);
    };
    expect(await left(1, 'before')).toEqual(['a=x']);
    expect(await left(1, 'after')).toEqual(['a=1', 'a=x']);
    expect(await left(2, 'before')).toEqual(['a=1', 'a=x']);
    expect(await left(2, 'after')).toEqual(['a=1']);
  });

  test('after a step that fails by itself is still a kill', async () => {
    const files = filesWith({ a: 'x' });
    files.plan(1, 'kill', { how: 'after' });
    expect(await outcome(files.open(B, 'read'))).toBe('never');
  });
});

describe('a plan', () => {
  /** Makes each kind of step once and says which failed or were short. */
  const met = async (fault: Fault, at: number, only?: readonly StepKind[]): Promise<string[]> => {
    const files = filesWith({ a: 'xy', b: 'z' });
    const file = await files.open(A, 'write');
    files.plan(at, fault, only ? { only } : {});
    const calls: [StepKind, () => Promise<unknown>][] = [
      ['read', () => file.read(Buffer.alloc(1), 0)],
      ['open', () => files.open(A, 'read')],
      ['list', () => files.list(DIR)],
      ['write', async () => expect(await file.write(blocks('123'), 0)).toBe(3 * BLOCK)],
      ['sync', () => file.sync()],
      ['create', () => files.open(C, 'create')],
      ['rename', () => files.rename(A, path.join(DIR, 'd'))],
      ['unlink', () => files.unlink(B)],
      ['syncDirectory', () => files.syncDirectory(DIR)],
      ['makeDirectory', () => files.makeDirectory(path.join(DIR, 'e'))],
    ];
    const found: string[] = [];
    for (const [kind, call] of calls)
      await call().catch((error: unknown) => found.push(`${kind} ${codeOf(error)}`));
    expect(files.steps).toBe(1 + calls.length);
    expect(files.planned).toBe(found.length === 0 ? 1 : 0);
    return found;
  };

  test.each<[Fault, number, readonly StepKind[] | undefined, string[]]>([
    ['EIO', 1, undefined, ['read EIO']],
    ['EIO', 8, undefined, ['unlink EIO']],
    ['EIO', 2, ['sync', 'rename'], ['sync EIO']],
    ['EMFILE', 1, undefined, ['open EMFILE']],
    ['EMFILE', 4, undefined, ['create EMFILE']],
    ['ENOSPC', 1, undefined, ['write ENOSPC']],
    ['EDQUOT', 5, undefined, ['create EDQUOT']],
    ['EDQUOT', 8, undefined, ['makeDirectory EDQUOT']],
    ['ENOSPC', 11, undefined, []],
    ['ENOSPC', 1, ['sync'], []],
  ])(
    'of %s at step %i strikes once, at the first step that can fail that way',
    async (fault, at, only, expected) => {
      expect(await met(fault, at, only)).toEqual(expected);
    },
  );

  test('of a short write writes half and says so; a write or an unlink that fails has no effect', async () => {
    const files = filesWith({ a: 'xy' });
    const file = await files.open(A, 'write');
    files.plan(1, 'short');
    expect(await file.write(blocks('12'), 0)).toBe(BLOCK);
    expect(letters(files, A)).toBe('1y');
    files.plan(1, 'short');
    expect(await file.write(Buffer.from('1'), 0)).toBe(0);
    files.plan(1, 'ENOSPC');
    files.plan(2, 'EIO');
    expect([await outcome(file.write(blocks('34'), 0)), await outcome(files.unlink(A))]).toEqual([
      'ENOSPC',
      'EIO',
    ]);
    expect([letters(files, A), files.names(DIR)]).toEqual(['1y', ['a']]);
  });
});

test('a full disk accepts what fits, then only rewrites of what is there; an open file without a name still counts', async () => {
  const files = filesWith({ a: 'xy' }, 4 * BLOCK);
  expect(await files.free(DIR)).toBe(2 * BLOCK);
  const file = await files.open(B, 'create');
  expect(await file.write(blocks('123'), 10)).toBe(2 * BLOCK - 10);
  expect(await outcome(file.write(blocks('3'), 2 * BLOCK))).toBe('ENOSPC');
  expect(await outcome(file.writeDurably(blocks('45'), 0))).toBe(2 * BLOCK);
  await files.unlink(B);
  expect(await files.free(DIR)).toBe(0);
  await file.close();
  expect(await files.free(DIR)).toBe(2 * BLOCK);
});

test('sabotage: only what is ignored is not durable or not written', async () => {
  const durable = async (change: (files: SimulatedFiles) => void): Promise<string[]> => {
    const files = filesWith({ a: 'xy' });
    change(files);
    const file = await files.open(A, 'write');
    await file.write(blocks('1'), 0);
    await file.sync();
    expect(await file.writeDurably(blocks('2'), BLOCK)).toBe(BLOCK);
    await files.rename(A, B);
    await files.syncDirectory(DIR);
    return afterCuts(files);
  };
  const unsynced = ['b=12', 'b=1y', 'b=x2', 'b=xy'];
  expect(await durable(() => {})).toEqual(['b=12']);
  expect(await durable((files) => Object.assign(files, { ignoreSync: true }))).toEqual(unsynced);
  expect(await durable((files) => Object.assign(files, { ignoreDirectorySync: true }))).toEqual([
    'a=12',
    'b=12',
  ]);
  const of = (name: string) => (file: string) => file === name;
  expect(await durable((files) => Object.assign(files, { ignoreSyncOf: of(A) }))).toEqual(unsynced);
  expect(await durable((files) => Object.assign(files, { ignoreSyncOf: of(C) }))).toEqual(['b=12']);
  const second = (file: string, position: number) => file === A && position === BLOCK;
  expect(await durable((files) => Object.assign(files, { ignoreWriteOf: second }))).toEqual(['b=1y']);
});

test('damage is in the cache and on the disk', () => {
  const files = filesWith({ a: 'xxy', b: 'y', c: 'z' });
  files.flip(A, 700, 3);
  files.truncate(B, 10);
  files.remove(C);
  const expected = blocks('xxy');
  expected[700] = 'x'.charCodeAt(0) ^ 8;
  files.powerCut(prng(1));
  expect([files.contents(A), files.contents(B), files.names(DIR)]).toEqual([
    expected,
    Buffer.alloc(10, 'y'),
    ['a', 'b'],
  ]);
  files.truncate(B, 20);
  expect(files.contents(B)).toEqual(Buffer.concat([Buffer.alloc(10, 'y'), Buffer.alloc(10)]));
  files.truncate(A, BLOCK);
  files.truncate(A, 3 * BLOCK);
  expect(letters(files, A)).toBe('x00');
  files.setContents(A, blocks('z'));
  expect(letters(files, A)).toBe('z');
});

test('a fork and its origin do not see each other, and the old process does not reach the fork', async () => {
  const files = filesWith({ a: 'x' });
  files.trace = [];
  const file = await files.open(A, 'write');
  await file.write(blocks('1'), 0);
  await files.rename(A, B);
  const fork = files.fork();
  await file.write(blocks('2'), 0);
  await files.unlink(B);
  expect([files.names(DIR), fork.names(DIR), letters(fork, B)]).toEqual([[], ['b'], '1']);
  expect(afterCuts(fork)).toEqual(['a=1', 'a=x', 'b=1', 'b=x']);
  const other = await fork.open(B, 'write');
  await other.writeDurably(blocks('3'), 0);
  await fork.syncDirectory(DIR);
  expect(afterCuts(fork)).toEqual(['b=3']);
  expect([fork.steps, files.steps]).toEqual([4, 5]);
  expect(fork.trace).toEqual(
    ['1 open a', '2 write a 0+512', '3 rename a b', 'fork', '1 open b', '2 write b 0+512', '3 sync b'].concat(
      '4 syncDirectory log',
    ),
  );
});

test('a fork has sabotage, capacity, directories, and files whose names are not on the disk yet', async () => {
  const files = filesWith({}, 9 * BLOCK);
  const other = path.join(DIR, 'other');
  await files.makeDirectory(DIR);
  await files.open(A, 'create');
  const sabotage = { ignoreSync: true, ignoreDirectorySync: true, ignoreSyncOf: () => true };
  const all = { ...sabotage, ignoreWriteOf: () => false };
  Object.assign(files, all);
  const fork = files.fork();
  expect(fork).toMatchObject(all);
  expect(await fork.free(DIR)).toBe(9 * BLOCK);
  await fork.makeDirectory(other);
  expect(await outcome(files.list(other))).toBe('ENOENT');
  fork.ignoreSync = false;
  fork.ignoreSyncOf = undefined;
  await (await fork.open(A, 'write')).writeDurably(blocks('1'), 0);
  expect([afterCuts(fork), afterCuts(files)]).toEqual([
    ['', 'a=1'],
    ['', 'a='],
  ]);
});

test('a test can hold a step', async () => {
  const files = filesWith({ a: 'x' });
  const file = await files.open(A, 'write');
  let go = (): void => {};
  files.pause = (kind) =>
    kind === 'sync'
      ? new Promise((resolve) => {
          go = resolve;
        })
      : undefined;
  const call = file.writeDurably(blocks('1'), 0);
  expect([await outcome(call), letters(files, A), afterCuts(files)]).toEqual(['never', '1', ['a=1', 'a=x']]);
  go();
  expect([await outcome(call), afterCuts(files)]).toEqual([BLOCK, ['a=1']]);
});
