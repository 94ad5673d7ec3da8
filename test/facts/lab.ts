// Where the facts are created: probes (raw Node ends), detour's own compiled programs, and computers (network namespaces, joined by a cable
// that can be cut). Everything is gone when the test is over, even if it failed or was killed: a namespace lives as long as a process that
// waits for its stdin to end.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Actor } from '../../src/lab/stage/actor.ts';
import { start, tempDir } from '../harness.ts';

const PROBE = fileURLToPath(new URL('probe.mjs', import.meta.url));

/** Something that a probe reported. `as`: the name of its socket. */
interface Report {
  readonly as: string;
  readonly what: string;
  readonly port?: number;
  readonly size?: number;
  readonly text?: string;
  readonly open?: boolean;
  readonly absorbed?: number;
}

/** One end of a conversation. probe.mjs lists its commands. */
export class Probe {
  readonly child: ChildProcess;
  readonly #reports: Report[] = [];
  readonly #checks = new Set<() => void>();
  #over = false;

  /** @param within the command that starts it on another computer */
  constructor(within: readonly string[]) {
    const [program = '', ...args] = [...within, process.execPath, PROBE];
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void this.child.kill('SIGKILL'));
    this.child.stdin?.on('error', () => {});
    createInterface({ input: this.child.stdout as NonNullable<ChildProcess['stdout']> }).on(
      'line',
      (line) => {
        this.#reports.push(JSON.parse(line) as Report);
        this.#look();
      },
    );
    this.child.once('close', () => {
      this.#over = true;
      this.#look();
    });
  }

  /** Gives a command. */
  order(what: string, more: Record<string, unknown> = {}): void {
    this.child.stdin?.write(`${JSON.stringify({ do: what, ...more })}\n`);
  }

  /** Waits for the first report of this socket that matches, past or to come. */
  until(as: string, what: RegExp): Promise<Report> {
    return this.#when(as, () => this.#reports.find((one) => one.as === as && what.test(one.what)));
  }

  /** Resolves when this many bytes have come in on a socket. */
  received(as: string, size: number): Promise<true> {
    return this.#when(as, () => this.#sum(as, ({ size: bytes = 0 }) => bytes) >= size || undefined);
  }

  /** Resolves when what has come in on a socket contains this. */
  text(as: string, pattern: RegExp): Promise<RegExpExecArray> {
    return this.#when(as, () => {
      const texts = this.#reports.filter((one) => one.as === as).map(({ text = '' }) => text);
      return pattern.exec(texts.join('')) ?? undefined;
    });
  }

  /** Resolves when the kernel has taken this many writes. */
  wrote(as: string, times: number): Promise<true> {
    return this.#when(as, () => this.#sum(as, ({ what }) => Number(what === 'wrote')) >= times || undefined);
  }

  #sum(as: string, of: (report: Report) => number): number {
    return this.#reports.reduce((sum, one) => sum + (one.as === as ? of(one) : 0), 0);
  }

  #when<T>(as: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (found === undefined && !this.#over) return;
        this.#checks.delete(check);
        if (found !== undefined) resolve(found);
        else reject(new Error(`the probe ended; ${as} told: ${this.story(as)}`));
      };
      this.#checks.add(check);
      check();
    });
  }

  /** Resolves when the probe's program has seen everything that is here now, and perhaps more. */
  async turn(as: string): Promise<number> {
    const before = this.#sum(as, ({ what }) => Number(what === 'state'));
    // It is answered in the turn of the loop in which it is read; what else was here is reported in that turn or the next.
    for (const more of [1, 2]) {
      this.order('state', { as });
      await this.#when(
        as,
        () => this.#sum(as, ({ what }) => Number(what === 'state')) >= before + more || undefined,
      );
    }
    const last = this.#reports.findLast((one) => one.as === as && one.what === 'state');
    return last?.absorbed ?? 0;
  }

  /** Everything that Node reported about a socket, in order; consecutive pieces of data count as one. Our own commands are left out. */
  story(as: string): string {
    const told = this.#reports
      .filter((one) => one.as === as && one.what !== 'state' && one.what !== 'handed over')
      .map(({ what }) => what);
    return told.filter((what, index) => what !== 'data' || told[index - 1] !== 'data').join(', ');
  }

  /** Listens. @returns the port */
  async listen(how: Record<string, unknown> = {}): Promise<number> {
    this.order('listen', how);
    return (await this.until('server', /^listening$/)).port ?? 0;
  }

  /** Freezes it, with everything it has: SIGSTOP. */
  stop(): void {
    this.child.kill('SIGSTOP');
  }

  /** Lets it go on. */
  go(): void {
    this.child.kill('SIGCONT');
  }

  /** SIGKILL, or its equivalent on Windows. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  #look(): void {
    for (const check of this.#checks) check();
  }
}

/** Starts a probe here or on a computer. */
export async function probe(on?: Computer): Promise<Probe> {
  const one = new Probe(on?.within ?? []);
  await one.until('probe', /^ready$/);
  return one;
}

/** An address of this computer on which nothing else listens, so that a released port stays free. Other systems have only one. */
export const ALONE = process.platform === 'linux' ? '127.99.0.1' : '127.0.0.1';

/** A port of ALONE on which nobody listens. */
export async function deadPort(): Promise<number> {
  const one = await probe();
  const port = await one.listen({ host: ALONE });
  one.order('unlisten');
  await one.until('server', /^closed$/);
  return port;
}

/** What a detour process ends with: verdict, exit code, code. */
export async function verdictOf(run: Actor): Promise<string> {
  const [{ verdict, code }, exit] = await Promise.all([run.until('verdict'), run.ended]);
  return `${verdict} ${exit} ${code}`;
}

/** Runs a sender to its end. @returns what it concludes */
export function concludes(args: readonly string[], on?: Computer): Promise<string> {
  return verdictOf(start([...args, 'hello'], { within: on?.within }));
}

const ROOT = process.getuid?.() === 0;

/** A separate computer: a network namespace with `lo` up. */
export class Computer {
  /** The beginning of a command that runs there. */
  readonly within: readonly string[];
  readonly pid: number;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.pid = holder.pid ?? 0;
    this.within = [
      'nsenter',
      '-t',
      String(this.pid),
      ...(ROOT ? ['-n'] : ['-U', '-n', '--preserve-credentials']),
      '--',
    ];
  }

  /** Creates a computer. @param neighbour one that it can be joined to; without root, both must have one owner */
  static async make(neighbour?: Computer): Promise<Computer> {
    const own = ROOT || neighbour !== undefined ? ['-n'] : ['-U', '-r', '-n'];
    const before = ROOT || neighbour === undefined ? [] : neighbour.within;
    const [program = '', ...args] = [...before, 'unshare', ...own, 'sh', '-c', 'echo up; exec cat'];
    const holder = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await new Promise<void>((resolve, reject) => {
      holder.once('error', reject);
      holder.once('close', () => reject(new Error('the namespace did not come up')));
      holder.stdout.once('data', () => resolve());
    });
    const computer = new Computer(holder);
    computer.run('ip link set lo up');
    return computer;
  }

  /** Runs a shell command there. @throws Error with its stderr */
  run(command: string): string {
    const [program = '', ...args] = [...this.within, 'sh', '-c', command];
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command}: ${stderr.trim()}`);
    return stdout;
  }

  /** Starts a server there. Resolves when it has said something. */
  async serve(command: readonly string[]): Promise<void> {
    const [program = '', ...args] = [...this.within, ...command];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Promise((resolve) => child.stdout.once('data', resolve));
  }

  /** Sets a variable of its kernel, such as `tcp_syn_retries`. */
  set(variable: string, value: string | number): void {
    this.run(`echo '${value}' > /proc/sys/net/ipv4/${variable}`);
  }

  /** The value of a counter of its kernel, such as `TCPKeepAlive`. */
  counter(name: string): number {
    const lines = this.run('cat /proc/net/netstat /proc/net/snmp')
      .split('\n')
      .map((line) => line.split(' '));
    for (const [index, names] of lines.entries()) {
      const at = names.indexOf(name);
      if (at > 0 && index % 2 === 0) return Number(lines[index + 1]?.[at]);
    }
    throw new Error(`this kernel does not count ${name}`);
  }

  /** The same computer, but programs started with it see another text in a file such as /etc/hosts. */
  with(file: string, text: string): Computer {
    const place = join(tempDir(), 'file');
    writeFileSync(place, text);
    const mount = ['unshare', '-m', 'sh', '-c', `mount --bind ${place} ${file} && exec "$@"`, 'sh'];
    return Object.assign(Object.create(this) as Computer, { within: [...this.within, ...mount] });
  }

  /** Pulls its cable, at its own end, so that the other end does not notice. */
  cut(): void {
    this.run('ip link set e0 down');
  }

  /** Cuts its power: everything in it is gone, without a packet on the cable. @param running what runs on it */
  async powerOff(running: readonly ChildProcess[]): Promise<void> {
    this.cut();
    await Promise.all(
      [...running, this.#holder].map(async (child) => {
        const closed = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGKILL');
        await closed;
      }),
    );
  }
}

/** The addresses of the two ends of a cable. */
export const HERE = '10.99.0.1';
export const THERE = '10.99.0.2';
/** An address in the same network that no computer has. */
export const NOBODY = '10.99.0.9';

/** A computer, and another at the end of a cable. */
export interface Pair {
  readonly here: Computer;
  readonly there: Computer;
}

/** Two computers, joined. */
export async function pair(): Promise<Pair> {
  const here = await Computer.make();
  const there = await Computer.make(here);
  joined(here, there);
  return { here, there };
}

/** Joins two computers by a cable. */
export function joined(here: Computer, there: Computer): void {
  here.run(`ip link add e0 type veth peer name e0 netns ${there.pid}`);
  for (const [computer, address] of [
    [here, HERE],
    [there, THERE],
  ] as const)
    computer.run(`ip addr add ${address}/24 dev e0 && ip link set e0 up`);
}

/** Why there can be no separate computers here; undefined if there can. */
export function withoutNamespaces(): string | undefined {
  if (process.platform !== 'linux') return `network namespaces are Linux's, this is ${process.platform}`;
  const why = failure('ip link add e0 type veth');
  if (why === undefined) return undefined;
  return `no network namespace with a cable can be made (${why}): it takes unshare, ip, and root or user namespaces`;
}

/** Why no firewall can be set up there; undefined if one can. */
export function withoutFirewall(): string | undefined {
  const why = failure('nft add table ip wall');
  return why === undefined ? undefined : `no firewall can be set up with nft (${why})`;
}

/** The reason that is given if this cannot run in a network namespace. */
function failure(command: string): string | undefined {
  const how = ROOT ? ['-n'] : ['-U', '-r', '-n'];
  const { status, stderr, error } = spawnSync('unshare', [...how, 'sh', '-c', command], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n')[0]);
}
