// A computer whose power can be cut: a user-mode Linux kernel, which is a process. Its root is this computer's own file system, read-only;
// its one disk is an image file with ext4. Killed, it loses its page cache and keeps what it had written to the disk.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Memory of a machine: what Node needs, and a page cache. In MB. */
const MEMORY_MB = 256;
const DISK_BYTES = 512 * 1024 * 1024;

/** Where the disk is mounted in the guest. */
export const MOUNT_POINT = '/mnt';

const PATH = [process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter);
const ENV = { ...process.env, PATH, DEBIAN_FRONTEND: 'noninteractive' };

// What the kernel does at each boot for things that are not used here: it measures its RAID, and makes 512 terminals. That takes longer
// than all the rest.
const UNNEEDED = [
  'initcall_blacklist=raid6_select_algo,calibrate_xor_blocks,init_btrfs_fs,init_zswap',
  'pty.legacy_count=0',
];

/** When the guest's page cache reaches the disk without a sync. */
export type Writeback = 'never' | 'usual' | 'eager';

// `never` shows each sync that is missing; it also takes from ext4 what makes up for some of them: data before metadata, data before a
// rename. `eager` writes what nobody asked for, at once and in the cache's own order.
const WRITEBACK: Readonly<Record<Writeback, { readonly mount: string; readonly kernel: readonly string[] }>> =
  {
    never: {
      mount: 'data=writeback,noauto_da_alloc,commit=600',
      kernel: ['dirty_writeback_centisecs=0', 'dirty_background_ratio=80', 'dirty_ratio=90'],
    },
    usual: { mount: 'defaults', kernel: [] },
    eager: { mount: 'commit=1', kernel: ['dirty_writeback_centisecs=1', 'dirty_expire_centisecs=1'] },
  };

/** Makes sure that there are a user-mode Linux, the tools for ext4, and `ip`. @returns why not, if they cannot be had */
export function installed(): string | undefined {
  if (process.platform !== 'linux') return `there is no user-mode Linux for ${process.platform}`;
  const there = (): boolean =>
    ['linux', 'ip', 'mkfs.ext4', 'e2fsck', 'debugfs'].every((tool) => succeeds('which', [tool]));
  if (there()) return undefined;
  const lock = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  succeeds('apt-get', ['update', ...lock]);
  const packages = ['user-mode-linux', 'e2fsprogs', 'iproute2'];
  succeeds('apt-get', ['install', '-y', ...lock, '--no-install-recommends', ...packages]);
  return there() ? undefined : `Debian's packages ${packages.join(', ')} could not be installed`;
}

function succeeds(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { env: ENV, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const running = new Set<ChildProcess>();
// With all its helpers and with the guest's processes, which are processes here: each kernel has a process group of its own.
const killGroup = ({ pid }: ChildProcess): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
};
process.once('exit', () => running.forEach(killGroup));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** What is done at a boot. */
export interface BootOptions {
  /** Shell commands, one after the other. The machine stops when the last one ends. */
  readonly commands: readonly string[];
  readonly writeback: Writeback;
  /** Is called with each line of the console that is complete. */
  readonly line: (line: string) => void;
}

/** One computer. */
export class Machine {
  readonly #dir: string;
  #kernel: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** @param dir an empty folder of this machine */
  constructor(dir: string) {
    this.#dir = dir;
    writeFileSync(this.#disk, '');
    truncateSync(this.#disk, DISK_BYTES);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#disk], { env: ENV });
  }

  get #disk(): string {
    return join(this.#dir, 'disk.img');
  }

  /** Is the power on, and the kernel there? */
  get on(): boolean {
    return this.#kernel !== undefined;
  }

  /** Switches it on. */
  boot({ commands, writeback, line }: BootOptions): void {
    const { mount, kernel: settings } = WRITEBACK[writeback];
    const init = join(this.#dir, 'init');
    // Each process that is begun in there takes a tenth of a second: so there are few, and the last replaces the shell.
    const script = [
      '#!/bin/sh',
      `export PATH='${PATH}' TMPDIR=${MOUNT_POINT}`,
      'ip link set lo up',
      `mount -t ext4 -o ${mount} /dev/ubda ${MOUNT_POINT} || exit`,
      ...commands.slice(0, -1),
      `exec ${commands.at(-1)}`,
    ];
    writeFileSync(init, `${script.join('\n')}\n`, { mode: 0o755 });
    const args = [
      ...[`mem=${MEMORY_MB}M`, 'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${init}`],
      ...[`ubd0=${this.#disk}`, 'con0=null,fd:1', 'con=null', 'quiet', `uml_dir=${this.#dir}`, ...UNNEEDED],
      ...settings.map((setting) => `sysctl.vm.${setting}`),
    ];
    const kernel = spawn('linux', args, {
      env: { ...ENV, TMPDIR: memoryDir(this.#dir) },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    this.#kernel = kernel;
    running.add(kernel);
    // Of what was being written when the power went, nothing counts.
    let partial = '';
    kernel.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const one of lines) line(one.trim());
    });
    this.#ended = new Promise((resolve, reject) => {
      kernel.once('error', reject);
      // When the last process with the console in its hands has gone: nobody writes to the disk any more.
      kernel.once('close', () => {
        running.delete(kernel);
        this.#kernel = undefined;
        resolve();
      });
    });
    this.#ended.catch(() => undefined);
  }

  /** Cuts the power. */
  async cut(): Promise<void> {
    if (this.#kernel !== undefined) killGroup(this.#kernel);
    await this.#ended;
  }

  /** Copies a folder of the disk, while the power is off. @param target a folder. @returns false if there is none of this name */
  copy(folder: string, target: string): boolean {
    execFileSync('debugfs', ['-R', `rdump /${folder} ${target}`, this.#disk], { env: ENV, stdio: 'ignore' });
    return existsSync(join(target, folder));
  }

  /** Repairs the file system, as a computer does that starts again. @throws Error if that cannot be done without a person */
  async repair(): Promise<void> {
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn('e2fsck', ['-p', this.#disk], { env: ENV, stdio: 'ignore' });
      child.once('error', reject);
      child.once('close', resolve);
    });
    // 1: errors were corrected.
    if (code === null || code > 1) throw new Error(`e2fsck could not repair the disk (exit ${code})`);
  }
}

/** The type of the file system /dev/shm, as statfs says it. */
const TMPFS = 0x01021994;

// The kernel keeps its memory in a file. On /dev/shm that is memory; in a container there may be too little of it.
function memoryDir(otherwise: string): string {
  try {
    const { bavail, bsize, type } = statfsSync('/dev/shm');
    if (type === TMPFS && bavail * bsize > 2 * MEMORY_MB * 1024 * 1024) return '/dev/shm';
  } catch {
    // There is none.
  }
  return otherwise;
}
