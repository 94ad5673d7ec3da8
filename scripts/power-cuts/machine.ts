// A computer whose power can be cut: a user-mode Linux kernel, which is a process. Its root is this computer's file system, read-only; its
// only disk is an image file with ext4. When it is killed, it loses its page cache and keeps what it had written to the disk.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The memory of a machine, in MB: what Node needs, and a page cache. */
const MEMORY_MB = 256;
const DISK_BYTES = 512 * 1024 * 1024;

/** Where the disk is mounted in the guest. */
export const MOUNT_POINT = '/mnt';

const PATH = [process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter);
const ENV = { ...process.env, PATH, DEBIAN_FRONTEND: 'noninteractive' };

// Turns off what the kernel does at each boot for things that are not used here: measuring its RAID algorithms and making 512 terminals.
// That would take longer than everything else.
const UNNEEDED = [
  'initcall_blacklist=raid6_select_algo,calibrate_xor_blocks,init_btrfs_fs,init_zswap',
  'pty.legacy_count=0',
];

/** How soon the guest's page cache is written to the disk without a sync. */
export type Writeback = 'never' | 'usual' | 'eager';

// `never` shows every missing sync. It also turns off what makes up for some of them in ext4: data before metadata, data before a rename.
// `eager` writes everything immediately and in the cache's own order.
const WRITEBACK: Readonly<Record<Writeback, { readonly mount: string; readonly kernel: readonly string[] }>> =
  {
    never: {
      mount: 'data=writeback,noauto_da_alloc,commit=600',
      kernel: ['dirty_writeback_centisecs=0', 'dirty_background_ratio=80', 'dirty_ratio=90'],
    },
    usual: { mount: 'defaults', kernel: [] },
    eager: { mount: 'commit=1', kernel: ['dirty_writeback_centisecs=1', 'dirty_expire_centisecs=1'] },
  };

/** Installs user-mode Linux, the tools for ext4, and `ip` if they are missing. @returns why they are missing; undefined if they are there */
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
// Kills a kernel with its helpers and the guest's processes, which are processes here, too: each kernel has its own process group.
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

/** What a boot needs. */
export interface BootOptions {
  /** Shell commands, run one after another. The machine stops when the last one ends. */
  readonly commands: readonly string[];
  readonly writeback: Writeback;
  /** Called with each complete line of the console. */
  readonly line: (line: string) => void;
}

/** One computer. */
export class Machine {
  readonly #dir: string;
  #kernel: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** @param dir an empty folder for this machine alone */
  constructor(dir: string) {
    this.#dir = dir;
    writeFileSync(this.#disk, '');
    truncateSync(this.#disk, DISK_BYTES);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#disk], { env: ENV });
  }

  get #disk(): string {
    return join(this.#dir, 'disk.img');
  }

  /** Is the kernel running? */
  get on(): boolean {
    return this.#kernel !== undefined;
  }

  /** Boots the machine. */
  boot({ commands, writeback, line }: BootOptions): void {
    const { mount, kernel: settings } = WRITEBACK[writeback];
    const init = join(this.#dir, 'init');
    // Each process in the guest takes a tenth of a second to start. So there are few, and the last one replaces the shell.
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
    // An incomplete last line does not count.
    let partial = '';
    kernel.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const one of lines) line(one.trim());
    });
    this.#ended = new Promise((resolve, reject) => {
      kernel.once('error', reject);
      // `close` comes when the last process that has the console open is gone: then nothing writes to the disk any more.
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

  /** Copies a folder from the disk while the power is off. @param target the folder to copy into @returns false if there is no such folder */
  copy(folder: string, target: string): boolean {
    execFileSync('debugfs', ['-R', `rdump /${folder} ${target}`, this.#disk], { env: ENV, stdio: 'ignore' });
    return existsSync(join(target, folder));
  }

  /** Repairs the file system, as a computer does when it starts again. @throws Error if that is impossible without a person */
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

/** The type that statfs reports for a tmpfs, which /dev/shm should be. */
const TMPFS = 0x01021994;

// The folder for the file in which the kernel keeps its memory. /dev/shm is in memory, but in a container it may be too small.
function memoryDir(otherwise: string): string {
  try {
    const { bavail, bsize, type } = statfsSync('/dev/shm');
    if (type === TMPFS && bavail * bsize > 2 * MEMORY_MB * 1024 * 1024) return '/dev/shm';
  } catch {
    // There is none.
  }
  return otherwise;
}
