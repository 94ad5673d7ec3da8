// Attacks: strangers that send a relay as much of everything as they can, at the promised size. Each attack prints what was measured, and
// throws if that is far from what it should be: the machine may be busy with other things, and a fault costs ten times as much, not twice.
// test/async/attacks.test.ts, shares.test.ts and full-disk.test.ts test the same rules at a small size and without a clock.

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { QUESTIONS_PER_S } from '../../src/exchange/limits.ts';
import { Program } from '../lib/process.ts';
import { RelayProcess, segmentsOf, type Talk } from '../lib/relay-process.ts';

const BODY = Buffer.alloc(128, 'x');
/** The heap of a small computer, for attacks that must not need more. */
const SMALL_HEAP = ['--max-old-space-size=512'];
/** A small heap for attacks that must stay within 100 MB plus the 20 MB of an empty relay, so that garbage, old and young, is collected soon. */
const TIGHT_HEAP = ['--max-old-space-size=120', '--max-semi-space-size=1'];

/** One attack. @param dir an empty folder @returns what was measured, as text */
type Attack = (dir: string) => Promise<string>;

function expect(value: number, most: number, what: string): string {
  if (!(value <= most)) throw new Error(`${what}: ${value.toFixed(0)}, expected at most ${most}`);
  return `${what} ${value < 10 ? value.toFixed(1) : value.toFixed(0)}`;
}

// The relay's CPU time counts, because a busy machine may keep it waiting.
const started = ({ ms, cpu }: RelayProcess, most: number): string =>
  `${expect(cpu, most, 'ms of CPU to start')} in ${ms.toFixed(0)}`;

// More mail than a process with a small heap could hold. The relay holds only places, 16 bytes each.
const held =
  (messages: number): Attack =>
  async (dir) => {
    let relay = await RelayProcess.start(dir, [], SMALL_HEAP);
    const alice = await relay.talk('alice', 's');
    await alice.flood(messages, (n) => ({ verb: 'SEND', id: `${n}`, to: `bob-${n % 10}`, body: BODY }));
    const full = relay.memory;
    await relay.end('SIGKILL');
    relay = await RelayProcess.start(dir, [], SMALL_HEAP);
    const count = await relay.held();
    if (count !== messages) throw new Error(`${count} are held after a restart`);
    const { now, most } = relay.memory;
    await relay.end();
    return [
      started(relay, 5000),
      expect(now, 400, 'MB after it'),
      expect(most, 500, 'MB at most'),
      `MB while it was filled ${full.most.toFixed(0)}`,
    ].join(', ');
  };

// One id, repeated by more and more sessions: each may cost a link, but none may cost a walk over the others.
const repeaters =
  (sessions: number): Attack =>
  async (dir) => {
    let relay = await RelayProcess.start(dir, [], TIGHT_HEAP);
    const [empty, emptyCpu] = [relay.memory.now, relay.cpu];
    await relay.each(sessions, async (n, from) => {
      const alice = await relay.talk('alice', `s${n}`, from);
      const { verb } = await alice.send('1', 'bob', BODY);
      alice.drop();
      if (verb !== 'STORED') throw new Error(`session ${n} got ${verb}`);
    });
    const grown = relay.memory.now - empty;
    await relay.end('SIGKILL');
    relay = await RelayProcess.start(dir, [], TIGHT_HEAP);
    const after = relay.memory.now - empty;
    await relay.end();
    return [
      expect(grown, 120, 'MB more than an empty relay'),
      expect(after, 120, 'MB more after a restart'),
      `${started(relay, 5000)}, for an empty one ${emptyCpu}`,
    ].join(', ');
  };

// One message, sent again and again: the log stays short enough for a restart to read.
const repeated =
  (times: number): Attack =>
  async (dir) => {
    const relay = await RelayProcess.start(dir);
    const alice = await relay.talk('alice', 's');
    await alice.flood(times, () => ({ verb: 'SEND', id: '1', to: 'bob', body: BODY }));
    const { most } = relay.memory;
    await relay.end();
    return `${expect(segmentsOf(dir).length, 3, 'segments')}, ${expect(most, 400, 'MB at most')}`;
  };

// Names with one message each, as many as one address may have. Then all are collected, and so the names are forgotten.
const names =
  (count: number): Attack =>
  async (dir) => {
    let relay = await RelayProcess.start(dir, [], TIGHT_HEAP);
    const empty = relay.memory.now;
    const alice = await relay.talk('alice', 's');
    await alice.flood(count, (n) => ({ verb: 'SEND', id: `${n}`, to: `name-${n}`, body: BODY }));
    const refused = await alice.send('more', 'another', BODY);
    if (refused.verb !== 'REFUSED') throw new Error('one address got more than half of all names');
    const other = await relay.talk('other', 's', '127.0.0.2');
    const stored = await other.send('1', 'another', BODY);
    if (stored.verb !== 'STORED' || stored.seq !== 1) throw new Error('another address found no room');
    await relay.end('SIGKILL');
    relay = await RelayProcess.start(dir, [], TIGHT_HEAP);
    const grown = relay.memory.now - empty;
    await relay.each(count, async (n, from) => {
      const one = await relay.talk(`name-${n}`, undefined, from);
      one.say({ verb: 'RECEIVE', window: 1, drain: 'yes' });
      await one.count('MESSAGE', 1);
      one.say({ verb: 'ACK', seq: 1 });
      await one.count('EMPTY', 1);
      one.drop();
    });
    const after = relay.memory.now - empty;
    const later = await relay.talk('alice', 's');
    const fresh = await later.send('new', 'new', BODY);
    if (fresh.verb !== 'STORED' || fresh.seq !== 2)
      throw new Error(`a new name got ${JSON.stringify(fresh)}`);
    await relay.end();
    return `${expect(grown, 100, 'MB more than an empty relay, after a restart')}, ${expect(after, 100, 'MB more when all are collected')}`;
  };

// As many ids as a relay remembers for one address.
const ids =
  (sessions: number): Attack =>
  async (dir) => {
    const relay = await RelayProcess.start(dir);
    let refused = 0;
    for (let session = 0; session < sessions; session++) {
      const alice = await relay.talk('alice', `s${session}`);
      alice.heard = ({ verb }) => {
        if (verb === 'REFUSED') refused += 1;
      };
      const send = (n: number) => ({ verb: 'SEND', id: `${session}-${n}`, to: 'bob', body: BODY }) as const;
      await alice.flood(512, send).catch(() => undefined);
      alice.drop();
    }
    const other = await relay.talk('other', 's', '127.0.0.2');
    const { verb } = await other.send('1', 'bob', BODY);
    if (verb !== 'STORED') throw new Error(`another address got ${verb}`);
    await relay.end();
    return `${sessions * 512} ids from one address, ${refused} refused; one from another address stored`;
  };

// A receiver does not have to wait for a million expired messages.
const expired =
  (messages: number): Attack =>
  async (dir) => {
    const relay = await RelayProcess.start(dir);
    const alice = await relay.talk('alice', 's');
    await alice.flood(messages, (n) => ({ verb: 'SEND', id: `${n}`, to: 'bob', ttl: 1, body: BODY }));
    await alice.send('last', 'bob', BODY);
    await relay.holds(1);
    const bob = await relay.talk('bob');
    const began = performance.now();
    bob.say({ verb: 'RECEIVE', window: 1 });
    await bob.count('MESSAGE', 1);
    const ms = performance.now() - began;
    await relay.end();
    return expect(ms, 500, 'ms from RECEIVE to MESSAGE');
  };

/** Measures how long a PING takes, and a connection until READY. Milliseconds. */
class Delays {
  readonly pings: number[] = [];
  readonly calls: number[] = [];
  #relay: RelayProcess;
  #talk: Talk | undefined;

  constructor(relay: RelayProcess) {
    this.#relay = relay;
  }

  async ping(): Promise<void> {
    this.#talk ??= await this.#relay.talk('pinging');
    const began = performance.now();
    this.#talk.say({ verb: 'PING' });
    await this.#talk.count('PONG', this.pings.length + 1);
    this.pings.push(performance.now() - began);
  }

  async call(): Promise<void> {
    const began = performance.now();
    (await this.#relay.talk('newcomer')).drop();
    this.calls.push(performance.now() - began);
  }

  /** The 99th percentile of the pings, in milliseconds. */
  get p99(): number {
    const sorted = [...this.pings].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  }
}

// All recipients come back at the same moment, and a newcomer must still be served soon. The recipients are another process, so that the
// load on this one is not measured. An idle relay next to it shows how busy the machine is.
const crowd =
  (recipients: number, messages: number): Attack =>
  async (dir) => {
    const idle = await RelayProcess.start(join(dir, 'idle'));
    let relay = await RelayProcess.start(join(dir, 'busy'));
    const alice = await relay.talk('alice', 's');
    await alice.flood(recipients * messages, (n) => ({
      verb: 'SEND',
      id: `${n}`,
      to: `n${n % recipients}`,
      body: BODY,
    }));
    await relay.end('SIGKILL');
    relay = await RelayProcess.start(join(dir, 'busy'));
    const [delays, others] = [new Delays(relay), new Delays(idle)];
    const program = fileURLToPath(new URL('crowd.ts', import.meta.url));
    const back = new Program(program, [`${relay.port}`, `${recipients}`, `${messages}`], {
      node: ['--import', 'tsx'],
    });
    await back.says(/here/);
    let over = false;
    void back.ended.then(() => {
      over = true;
    });
    for (let turn = 0; !over; turn++) {
      for (const one of [delays, others]) await (turn % 20 === 0 ? one.call() : one.ping());
      // No more than a relay answers without slowing down.
      await pause(1000 / QUESTIONS_PER_S);
    }
    if ((await back.ended) !== 0) throw new Error(`the recipients: ${back.stderr}`);
    await relay.end();
    await idle.end();
    const [ready, otherReady] = [Math.max(...delays.calls), Math.max(...others.calls)];
    console.log(
      `crowd: ${delays.pings.length} pings, 99 % within ${delays.p99.toFixed(1)} ms, from an idle relay ${others.p99.toFixed(1)}; ` +
        `${delays.calls.length} newcomers, READY within ${ready.toFixed(0)} ms, from an idle relay ${otherReady.toFixed(0)}; ${back.stdout.split('\n')[1]}`,
    );
    return [
      expect(delays.p99, 50 + 5 * others.p99, 'ms for a PING'),
      expect(ready, 500 + 5 * otherReady, 'ms to READY for a newcomer'),
    ].join(', ');
  };

// Runs in its own mount namespace, which only root may create.
const fullDisk: Attack = (dir) =>
  new Promise((resolve, reject) => {
    const program = fileURLToPath(new URL('full-disk.ts', import.meta.url));
    const child = spawn('unshare', ['-m', process.execPath, '--import', 'tsx', program, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(said.trim()) : reject(new Error(said.trim()))));
  });

/** All attacks, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  held: held(1_000_000),
  'held-5m': held(5_000_000),
  repeaters: repeaters(200_000),
  'fewer-repeaters': repeaters(40_000),
  repeated: repeated(2_000_000),
  names: names(100_000),
  ids: ids(500),
  expired: expired(1_000_000),
  crowd: crowd(100, 1000),
  ...(process.getuid?.() === 0 && process.platform === 'linux' && { 'full-disk': fullDisk }),
};

/** Attacks a relay that has its own folder in `scratch`, and prints what was measured. @throws RangeError if there is no such attack */
export async function attack(name: string, scratch: string): Promise<void> {
  const began = performance.now();
  const dir = join(scratch, name);
  try {
    const run = ATTACKS[name];
    if (run === undefined) throw new RangeError(`there is no attack named ${name}`);
    const said = await run(dir);
    console.log(`${name}: ${said} (${((performance.now() - began) / 1000).toFixed(0)} s)`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
