// A file system in memory, for tests that kill the process, tear or lose writes, or fail a chosen call of the log. It does what a disk may do:
//
// - A kill leaves what was written: the page cache. A power cut leaves, for each block that was not synced, the old content or any written
//   since, independently of other blocks; the same for the length of a file; for a directory any subset of what was not synced, in order.
// - A failed sync leaves clean blocks that the disk does not have, as on Linux: a second sync succeeds and writes nothing.
// - A rename is atomic: all of it happens, or nothing.
//
// There are no timers and no random numbers of its own. A call takes effect one microtask after it is made, so a test always runs the same.

import path from 'node:path';
import type { FileSystem, OpenFile } from '../../../src/core/files.ts';

/** The bytes that the disk writes completely or not at all. */
export const BLOCK = 512;

type FileStep = 'write' | 'sync' | 'rename' | 'unlink' | 'create' | 'open' | 'read';
/** The calls that count as steps. `writeDurably` is two, a `write` and a `sync`; `size`, `close`, `hasName` and `free` are not steps. */
export type StepKind = FileStep | 'syncDirectory' | 'makeDirectory' | 'list';

/** What can happen to a step: the process is killed, an error, or (`short`) only half of a write is done, and the call says so. */
export type Fault = 'kill' | 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE' | 'short';

const NEEDS_ROOM: readonly StepKind[] = ['write', 'create', 'rename', 'makeDirectory'];
/** The steps that a fault can strike. A fault that is not listed here can strike any step. */
const MEETS: Readonly<Partial<Record<Fault, readonly StepKind[]>>> = {
  ENOSPC: NEEDS_ROOM,
  EDQUOT: NEEDS_ROOM,
  EMFILE: ['open', 'create', 'syncDirectory', 'list'],
  short: ['write'],
};

/** How a planned fault strikes. */
export interface PlanOptions {
  /** Strikes only a step of these kinds. */
  readonly only?: readonly StepKind[];
  /** When a kill comes: `before` the step (the default), `after` it, or after `half` of the blocks of a write (any other step: before). */
  readonly how?: 'before' | 'after' | 'half';
  /** Chooses the blocks that reach the disk although their sync fails. Default: none. */
  readonly random?: () => number;
}

interface Plan extends PlanOptions {
  readonly at: number;
  readonly fault: Fault;
}

const NUMBERS = { ENOENT: -2, EIO: -5, EBADF: -9, EEXIST: -17, EMFILE: -24, ENOSPC: -28, EDQUOT: -122 };

/** An error as Node makes it; Node has no name for EDQUOT. */
function systemError(name: keyof typeof NUMBERS, what: string): Error {
  const errno = NUMBERS[name];
  const code = name === 'EDQUOT' ? `Unknown system error ${errno}` : name;
  return Object.assign(new Error(`${code}: simulated, ${what}`), { code, errno });
}

/** What the disk keeps whole: a block or a length. It is never changed, only replaced, so that copies of a file can share it. */
interface Cell<T> {
  readonly cache: T;
  readonly disk: T;
  /** Everything that was written since the last sync. The cell is dirty if there is anything. */
  readonly versions: readonly T[];
}

const clean = <T>(cache: T, disk = cache): Cell<T> => ({ cache, disk, versions: [] });
const afterCut = <T>({ disk, versions }: Cell<T>, random: () => number): Cell<T> =>
  clean(versions.length === 0 ? disk : (versions[Math.floor(random() * (versions.length + 1)) - 1] ?? disk));
const reread = <T>(cell: Cell<T>): Cell<T> => (cell.versions.length > 0 ? cell : clean(cell.disk));

const ZEROS = Buffer.alloc(BLOCK);
const HOLE = clean(ZEROS);

/** The content of a block with other bytes from `offset` on. All zero blocks share one buffer: most of a preallocated file is zeros. */
function changed(content: Buffer, bytes: Uint8Array, offset: number): Buffer {
  if (bytes.length === BLOCK && ZEROS.equals(bytes)) return ZEROS;
  const copy = Buffer.allocUnsafe(BLOCK);
  if (bytes.length < BLOCK) content.copy(copy);
  copy.set(bytes, offset);
  return copy;
}

/** A file, whatever its name is. */
class Inode {
  /** The name that it was last given. The directory knows whether it still has it. */
  name = '';
  length = clean(0);
  /** The blocks. Holes are missing and take no space. */
  blocks: Cell<Buffer>[] = [];

  /** The disk space that it takes, in bytes. */
  get takes(): number {
    return this.blocks.reduce((sum) => sum + BLOCK, 0);
  }

  copy(): Inode {
    return Object.assign(new Inode(), { name: this.name, length: this.length, blocks: this.blocks.slice() });
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.length.cache - position));
    for (let done = 0; done < count; ) {
      const offset = (position + done) % BLOCK;
      const { cache } = this.blocks[(position + done - offset) / BLOCK] ?? HOLE;
      done += cache.copy(into, done, offset, Math.min(BLOCK, offset + count - done));
    }
    return count;
  }

  /** Writes as much as fits if new blocks may take `room` bytes. */
  write(bytes: Uint8Array, position: number, room: number): number {
    let done = 0;
    while (done < bytes.length) {
      const offset = (position + done) % BLOCK;
      const index = (position + done - offset) / BLOCK;
      const block = this.blocks[index];
      if (block === undefined && room < BLOCK) break;
      if (block === undefined) room -= BLOCK;
      const { cache, disk, versions } = block ?? HOLE;
      const part = bytes.subarray(done, done + BLOCK - offset);
      const content = changed(cache, part, offset);
      this.blocks[index] = { cache: content, disk, versions: [...versions, content] };
      done += part.length;
    }
    const { cache, disk, versions } = this.length;
    const length = done > 0 ? Math.max(cache, position + done) : cache;
    // A length that a failed sync left clean, but that the disk does not have, is dirty again after a write beyond what the disk has.
    if (length > cache || (done > 0 && position + done > disk && versions.length === 0))
      this.length = { cache: length, disk, versions: [...versions, length] };
    return done;
  }

  /** Makes clean what is dirty from `from` up to `end`. The disk then has those blocks for which `reaches` returns true. */
  sync(reaches: () => boolean, from = 0, end = Number.POSITIVE_INFINITY): void {
    if (from >= end) return;
    const settled = <T>(cell: Cell<T>): Cell<T> =>
      cell.versions.length === 0 ? cell : clean(cell.cache, reaches() ? cell.cache : cell.disk);
    const last = Math.min(this.blocks.length, Math.ceil(end / BLOCK));
    for (let index = Math.floor(from / BLOCK); index < last; index++) {
      const block = this.blocks[index];
      if (block !== undefined) this.blocks[index] = settled(block);
    }
    this.length = settled(this.length);
  }

  powerCut(random: () => number): void {
    this.blocks = this.blocks.map((block) => afterCut(block, random));
    this.truncate(afterCut(this.length, random).cache);
  }

  dropCache(): void {
    this.blocks = this.blocks.map(reread);
    if (this.length.versions.length === 0) this.truncate(this.length.disk);
  }

  /** Sets the length, in the cache and on the disk. What was beyond it is gone. */
  truncate(length: number): void {
    this.length = clean(length);
    this.blocks.length = Math.min(this.blocks.length, Math.ceil(length / BLOCK));
    const [index, offset] = [Math.floor(length / BLOCK), length % BLOCK];
    const last = this.blocks[index];
    if (last === undefined) return;
    const cut = (content: Buffer): Buffer => changed(content, ZEROS.subarray(offset), offset);
    this.blocks[index] = { cache: cut(last.cache), disk: cut(last.disk), versions: last.versions.map(cut) };
  }
}

type Names = Map<string, Inode>;

/** An operation on a directory: `to` names the file that was made, or that was named `from` until then. */
interface Operation {
  readonly dir: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly made: Inode | undefined;
}

function apply(names: Names, { from, to, made }: Operation): void {
  const inode = made ?? names.get(from ?? '');
  if (inode === undefined) return;
  if (from !== undefined) names.delete(from);
  if (to !== undefined) names.set(to, inode);
}

/** An open file, and the two halves of `writeDurably` for a test that needs only one of them. */
export interface SimulatedFile extends OpenFile {
  /** Writes into the cache; on a full disk, fewer bytes than given. This makes nothing durable. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Makes everything that was written to the file durable, and its length. */
  sync(): Promise<void>;
}

/** A file system in memory whose process can be killed, and which can lose power and fail at a chosen step. */
export class SimulatedFiles implements FileSystem {
  /** The space that the files may take, in bytes, in whole blocks. It may be changed at any time. */
  capacity: number;
  /** The number of steps since the last restart. */
  steps = 0;
  /** If set to an array, it gets the steps of all processes, such as `12 write 0000.wal 512+80`, for the message of a failed test. */
  trace: string[] | undefined;
  /** Called when the process is killed, by a plan or by `kill`. */
  onKill: () => void = () => {};
  /** What each step waits for before it takes effect, so that a test can hold it. */
  pause: ((kind: StepKind) => Promise<void> | undefined) | undefined;
  /** Sabotage: syncs of files, including those of `writeDurably`, return and make nothing durable. */
  ignoreSync = false;
  /** Sabotage: syncs of directories return and make nothing durable. */
  ignoreDirectorySync = false;
  /** Sabotage: like `ignoreSync`, for the files that it chooses by their present paths. */
  ignoreSyncOf: ((file: string) => boolean) | undefined;
  /** Sabotage: the writes that it chooses by path and position report success and do nothing. */
  ignoreWriteOf: ((file: string, position: number) => boolean) | undefined;
  #life = { alive: true };
  #plans: Plan[] = [];
  #handles = new Set<{ readonly inode: Inode }>();
  #directories = new Set<string>();
  #names: Names = new Map();
  #namesOnDisk: Names = new Map();
  #pending: Operation[] = [];

  /** An empty disk, without a directory. */
  constructor({ capacity = Number.POSITIVE_INFINITY }: { readonly capacity?: number } = {}) {
    this.capacity = capacity;
  }

  /**
   * Plans a fault that strikes once: at step number `at` from now on (1 is the next), or at the first step after it that it can strike.
   * EMFILE strikes what opens something, ENOSPC and EDQUOT what may need space, `short` a write.
   */
  plan(at: number, fault: Fault, options: PlanOptions = {}): void {
    if (!this.#life.alive) throw new Error('the process is dead: plan after restart()');
    this.#plans.push({ ...options, at: this.steps + at, fault });
  }

  /** The number of plans that have not struck yet. */
  get planned(): number {
    return this.#plans.length;
  }

  /** The number of files that are open since the last restart. */
  get handles(): number {
    return this.#handles.size;
  }

  /** Kills the process: from now on none of its calls resolves or has an effect, not even those under way. What was written stays. */
  kill(): void {
    if (!this.#life.alive) return;
    this.#life.alive = false;
    this.#handles.clear();
    this.trace?.push('kill');
    this.onKill();
  }

  /** Cuts the power, which also kills the process. `random` chooses what the disk has of everything that was not durable. */
  powerCut(random: () => number): void {
    this.kill();
    this.trace?.push('power cut');
    for (const operation of this.#pending) if (random() < 0.5) apply(this.#namesOnDisk, operation);
    this.#pending = [];
    this.#names = new Map(this.#namesOnDisk);
    for (const [name, inode] of this.#names) {
      inode.name = name;
      inode.powerCut(random);
    }
  }

  /** Reads clean blocks from the disk again, as when the system needs memory. After a failed sync the disk has others. */
  dropCache(): void {
    this.trace?.push('cache dropped');
    for (const inode of this.#inodes()) inode.dropCache();
  }

  /**
   * Starts a new process, after a `kill` if the old one has not ended: no open files, no plans, and no steps yet. What the old process still
   * has open stays dead. But if it called `open`, `rename` and the like from now on, they would count for the new one; `fork` prevents that.
   */
  restart(): void {
    this.kill();
    this.trace?.push('restart');
    this.#life = { alive: true };
    this.#plans = [];
    this.steps = 0;
  }

  /**
   * A copy of disk and cache with its own process, as after a kill at this moment and `restart`. Neither sees what happens to the other, so
   * nothing of the old process, such as a timer, reaches the new one. Capacity, sabotage and trace are copied; `pause` is not.
   */
  fork(): SimulatedFiles {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? inode.copy();
      copies.set(inode, copy);
      return copy;
    };
    const copyNames = (names: Names): Names => new Map(Array.from(names, ([name, of]) => [name, copyOf(of)]));
    const { ignoreSync, ignoreDirectorySync, ignoreSyncOf, ignoreWriteOf } = this;
    const fork = Object.assign(new SimulatedFiles(this), { ignoreSync, ignoreDirectorySync });
    Object.assign(fork, { ignoreSyncOf, ignoreWriteOf, trace: this.trace && [...this.trace, 'fork'] });
    fork.#directories = new Set(this.#directories);
    fork.#names = copyNames(this.#names);
    fork.#namesOnDisk = copyNames(this.#namesOnDisk);
    fork.#pending = this.#pending.map((op) => ({ ...op, made: op.made && copyOf(op.made) }));
    return fork;
  }

  /** The names of the files in a directory, sorted, according to the cache. */
  names(dir: string): string[] {
    return namesIn(dir, this.#names.keys()).sort();
  }

  /** The disk space that a file takes, in bytes. Holes take none. */
  takes(file: string): number {
    return this.#named(file).takes;
  }

  /** The bytes of a file, as a program would read them. */
  contents(file: string): Buffer {
    const inode = this.#named(file);
    const bytes = Buffer.alloc(inode.length.cache);
    inode.read(bytes, 0);
    return bytes;
  }

  /** Gives a file these bytes, and makes it and its directory if they do not exist: durably, with all names in the directory. */
  setContents(file: string, bytes: Uint8Array): void {
    this.#makeDirectory(path.dirname(file));
    if (!this.#names.has(path.normalize(file))) this.#change(undefined, file, new Inode());
    this.#settle(path.dirname(file));
    const inode = this.#named(file);
    inode.truncate(0);
    inode.write(bytes, 0, Number.POSITIVE_INFINITY);
    inode.sync(() => true);
  }

  /** Removes a file: durably, with all names in its directory. */
  remove(file: string): void {
    this.#change(file, undefined);
    this.#settle(path.dirname(file));
  }

  /** Flips a bit (0 to 7) in a file. All of the file is durable then, as after `setContents`. */
  flip(file: string, position: number, bit: number): void {
    const bytes = this.contents(file);
    bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << bit), position);
    this.setContents(file, bytes);
  }

  /** Cuts a file to a length, or extends it with zeros, durably. */
  truncate(file: string, length: number): void {
    this.#named(file).truncate(length);
  }

  list(dir: string): Promise<readonly { readonly name: string; readonly isFile: boolean }[]> {
    return this.#step('list', dir, () => {
      this.#needs(dir);
      const files = namesIn(dir, this.#names.keys()).map((name) => ({ name, isFile: true }));
      return [...files, ...namesIn(dir, this.#directories).map((name) => ({ name, isFile: false }))];
    });
  }

  open(file: string, how: 'read' | 'write' | 'create'): Promise<SimulatedFile> {
    return this.#step(how === 'create' ? 'create' : 'open', file, () => {
      const name = path.normalize(file);
      if (how !== 'create') return this.#opened(this.#named(file), how === 'write');
      if (this.#names.has(name) || this.#directories.has(name)) throw systemError('EEXIST', `create ${name}`);
      const inode = new Inode();
      this.#change(undefined, file, inode);
      return this.#opened(inode, true);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step('rename', `${from} ${path.basename(to)}`, () => this.#change(from, to));
  }

  unlink(file: string): Promise<void> {
    return this.#step('unlink', file, () => this.#change(file, undefined));
  }

  syncDirectory(dir: string): Promise<void> {
    return this.#step('syncDirectory', dir, () => {
      this.#needs(dir);
      if (!this.ignoreDirectorySync) this.#settle(dir);
    });
  }

  /** Makes a directory and those above it, durably. It may already exist. A file needs one. */
  makeDirectory(dir: string): Promise<void> {
    return this.#step('makeDirectory', dir, () => this.#makeDirectory(dir));
  }

  free(_dir: string): Promise<number> {
    return this.#call(this.#life, undefined, () => this.#room());
  }

  #opened(inode: Inode, writable: boolean): SimulatedFile {
    const life = this.#life;
    const handle = { inode };
    this.#handles.add(handle);
    const opened = (may = true): Inode => {
      if (!may || !this.#handles.has(handle)) throw systemError('EBADF', inode.name);
      return inode;
    };
    const step = <T>(kind: StepKind, range: string, effect: (plan?: Plan) => T): Promise<T> =>
      this.#step(kind, `${inode.name}${range}`, effect, life);
    const write = (bytes: Uint8Array, position: number): Promise<number> =>
      step('write', ` ${position}+${bytes.length}`, (plan) => {
        const part = bytes.subarray(0, lengthUnder(plan, bytes.length, position));
        if (this.ignoreWriteOf?.(opened(writable).name, position)) return part.length;
        const count = opened(writable).write(part, position, this.#room());
        if (count === 0 && part.length > 0) throw systemError('ENOSPC', `write ${inode.name}`);
        return count;
      });
    const sync = (from?: number, end?: number): Promise<void> =>
      step('sync', '', (plan) => {
        if (this.ignoreSync || this.ignoreSyncOf?.(opened().name)) return;
        const { fault, random = () => 1 } = plan ?? {};
        opened().sync(() => fault !== 'EIO' || random() < 0.5, from, end);
      });
    return {
      read: (into, position) =>
        step('read', ` ${position}+${into.length}`, () => opened().read(into, position)),
      write,
      sync: () => sync(),
      async writeDurably(bytes, position) {
        const count = await write(bytes, position);
        await sync(position, position + count);
        return count;
      },
      hasName: (file, exactly) =>
        // It answers immediately. So a dead process sees a success, and goes on to its next call, which never resolves.
        !life.alive ||
        (this.#handles.has(handle) && this.#names.get(path.normalize(exactly ? file : inode.name)) === inode),
      size: () => this.#call(life, undefined, () => opened().length.cache),
      close: () => this.#call(life, undefined, () => void this.#handles.delete(handle)),
    };
  }

  async #call<T>(life: { alive: boolean }, kind: StepKind | undefined, effect: () => T | Promise<T>) {
    await (kind && this.pause?.(kind));
    // Each has its own promise: whatever waits for a shared one would never be garbage-collected.
    return life.alive ? effect() : new Promise<never>(() => {});
  }

  #step<T>(kind: StepKind, what: string, effect: (plan?: Plan) => T, life = this.#life): Promise<T> {
    return this.#call(life, kind, () => {
      this.steps += 1;
      const index = this.#plans.findIndex((one) => one.at <= this.steps && canMeet(one, kind));
      const [plan] = index < 0 ? [] : this.#plans.splice(index, 1);
      this.trace?.push(`${this.steps} ${kind} ${path.basename(what)}${plan ? ` <- ${plan.fault}` : ''}`);
      if (plan === undefined || plan.fault === 'short') return effect(plan);
      if (plan.fault !== 'kill') {
        if (kind === 'sync') effect(plan);
        throw systemError(plan.fault, `${kind} ${what}`);
      }
      try {
        if (plan.how === 'after' || (plan.how === 'half' && kind === 'write')) effect(plan);
      } catch {
        // The step failed by itself. The process is killed before it sees the error.
      }
      this.kill();
      return new Promise<never>(() => {});
    });
  }

  #change(from: string | undefined, to: string | undefined, made?: Inode): void {
    const inode = made ?? this.#named(from ?? '');
    const [old, name] = [from && path.normalize(from), to && path.normalize(to)];
    const dir = path.dirname(name ?? inode.name);
    this.#needs(dir);
    const operation = { dir, from: old, to: name, made };
    apply(this.#names, operation);
    this.#pending.push(operation);
    inode.name = name ?? inode.name;
  }

  #settle(dir: string): void {
    const settled = (operation: Operation): boolean => operation.dir === path.normalize(dir);
    for (const operation of this.#pending.filter(settled)) apply(this.#namesOnDisk, operation);
    this.#pending = this.#pending.filter((operation) => !settled(operation));
  }

  #makeDirectory(dir: string): void {
    for (let name = path.normalize(dir); !this.#directories.has(name); name = path.dirname(name))
      this.#directories.add(name);
  }

  #needs(dir: string): void {
    if (!this.#directories.has(path.normalize(dir))) throw systemError('ENOENT', dir);
  }

  #named(file: string): Inode {
    const inode = this.#names.get(path.normalize(file));
    if (inode === undefined) throw systemError('ENOENT', file);
    return inode;
  }

  /** The files that have a name or are open. All others have released their space. */
  #inodes(): Set<Inode> {
    return new Set([...this.#names.values(), ...Array.from(this.#handles, ({ inode }) => inode)]);
  }

  #room(): number {
    let room = this.capacity;
    if (room < Number.POSITIVE_INFINITY) for (const { takes } of this.#inodes()) room -= takes;
    return Math.max(0, room);
  }
}

/** The base names of the paths that are directly in a directory. */
function namesIn(dir: string, paths: Iterable<string>): string[] {
  const inside = Array.from(paths).filter((name) => path.dirname(name) === path.normalize(dir));
  return inside.map((name) => path.basename(name)).filter((name) => name !== '');
}

function canMeet({ fault, only }: Plan, kind: StepKind): boolean {
  return (MEETS[fault]?.includes(kind) ?? true) && (only?.includes(kind) ?? true);
}

/** The number of bytes of a write that a plan leaves. */
function lengthUnder(plan: Plan | undefined, length: number, position: number): number {
  if (plan?.fault === 'short') return Math.floor(length / 2);
  if (plan?.how !== 'half') return length;
  const first = Math.floor(position / BLOCK);
  const half = Math.floor((Math.ceil((position + length) / BLOCK) - first) / 2);
  return Math.max(0, (first + half) * BLOCK - position);
}
