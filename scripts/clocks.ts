// Moves the wall clock of a real relay an hour forward and a day back: while it runs, just before it is killed, and while it is not running.
// Whatever the clock says, a ttl counts the time that passes, ids are known, nothing is lost, and the times that are shown are from the wall
// clock. Only moves while the relay is not running count as time that passed. PROTOCOL.md, "Expiry and notices".
//
//   npx tsx scripts/clocks.ts
//
// It needs Debian's package faketime, and installs it when it runs as root. Without it, the script says so and runs nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readJournal } from '../src/cli/journal-reader.ts';
import type { Message } from '../src/wire/verbs.ts';
import { conclude } from './lib/control.ts';
import { MAIN, Program } from './lib/process.ts';
import { Wire } from './lib/wire.ts';
import { setUp } from './setup.mjs';

/** The time in which everything must end, in milliseconds. */
const LIMIT_MS = 2 * 60_000;
/** The longest wait for an answer, in milliseconds. */
const PATIENCE_MS = 20_000;

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
/** The ttl of a message that must survive every move but the last, in seconds. */
const LONG_S = HOUR_S / 2;
/** The ttl of a message that expires in each step, in seconds. */
const SHORT_S = 3;

/** A step: where the wall clock is moved to, and what happens to the relay. */
interface Step {
  readonly what: string;
  /** How far the clock is ahead of the true time after the move, in seconds. */
  readonly ahead: number;
  /** `later`: the relay is killed once it has logged the move. `before`: it is stopped, and the clock is moved before it starts again. */
  readonly restart?: 'later' | 'before';
}

const STEPS: readonly Step[] = [
  { what: 'an hour forward', ahead: HOUR_S },
  { what: 'another hour forward, and a kill', ahead: 2 * HOUR_S, restart: 'later' },
  { what: 'a day back', ahead: -DAY_S },
  { what: 'another day back, and a kill', ahead: -2 * DAY_S, restart: 'later' },
  { what: 'a day back while it does not run', ahead: -3 * DAY_S, restart: 'before' },
  { what: 'an hour forward while it does not run', ahead: -3 * DAY_S + HOUR_S, restart: 'before' },
];

/** The library that moves the clock of a process; undefined if it is not installed and cannot be installed. */
function library(): string | undefined {
  const ask = (): string | undefined => {
    try {
      const asked = ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'];
      return execFileSync('faketime', asked, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return undefined;
    }
  };
  const found = ask();
  if (found !== undefined || process.platform !== 'linux') return found;
  try {
    const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
    execFileSync('apt-get', ['update', ...options], { stdio: 'ignore' });
    execFileSync('apt-get', ['install', '-y', ...options, '--no-install-recommends', 'faketime'], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: 'ignore',
    });
  } catch {
    return undefined;
  }
  return ask();
}

/** The wall clock of the relay. */
class WallClock {
  readonly #file: string;
  readonly #library: string;
  #ahead = 0;

  constructor(dir: string, preload: string) {
    this.#file = join(dir, 'clock');
    this.#library = preload;
    this.set(0);
  }

  /** Moves the clock. @param ahead how far ahead of the true time it is then, in seconds */
  set(ahead: number): void {
    this.#ahead = ahead;
    // The rename is atomic, because the file is read whenever a process asks for the time.
    writeFileSync(`${this.#file}.new`, `${ahead < 0 ? '' : '+'}${ahead}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** The time on this clock, in milliseconds since the epoch. */
  get now(): number {
    return Date.now() + this.#ahead * 1000;
  }

  /** The environment of a process that has this wall clock. Its monotonic clock is the true one. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }
}

/** One connection to the relay. */
class Client {
  readonly #wire: Wire;
  readonly #heard: Message[] = [];

  constructor(port: number, name: string, session?: { readonly session: string; readonly try: number }) {
    this.#wire = new Wire(port, {
      message: (message) => {
        if (message.verb !== 'READY') this.#heard.push(message);
      },
      closed: () => {},
    });
    this.say({ verb: 'HELLO', version: 1, as: name, ...session });
  }

  say(message: Message): void {
    this.#wire.say(message);
  }

  /** Waits for the next frame. */
  async next(): Promise<Message> {
    for (const until = performance.now() + PATIENCE_MS; ; ) {
      const message = this.#heard.shift();
      if (message !== undefined) return message;
      assert(performance.now() < until, 'no answer came in time');
      await pause(10);
    }
  }

  /** Waits for the next frame, which must be a MESSAGE. */
  async mail(): Promise<Message<'MESSAGE'>> {
    const message = await this.next();
    assert(message.verb === 'MESSAGE', `expected MESSAGE, got ${message.verb}`);
    return message;
  }

  /** Sends a message and waits until it is stored. */
  async send(id: string, to: string, more: Partial<Message<'SEND'>> = {}): Promise<Message<'STORED'>> {
    this.say({ verb: 'SEND', id, to, body: Buffer.from(`body of ${id}`), ...more });
    const stored = await this.next();
    assert(stored.verb === 'STORED', `expected STORED, got ${stored.verb}`);
    return stored;
  }

  drop(): void {
    this.#wire.drop();
  }
}

/** One relay after another on one journal, and the findings. */
class Trial {
  readonly #journal: string;
  readonly #clock: WallClock;
  #relay: Program | undefined;
  #port = 0;
  #alice: Client | undefined;
  #lives = 0;
  passed = 0;
  readonly failures: string[] = [];

  constructor(dir: string, preload: string) {
    this.#journal = join(dir, 'journal');
    this.#clock = new WallClock(dir, preload);
  }

  get #sender(): Client {
    assert(this.#alice);
    return this.#alice;
  }

  async all(): Promise<void> {
    await this.#start();
    await this.#sender.send('first', 'bob');
    await this.#sender.send('long', 'bob', { ttl: LONG_S, notify: 'alice' });
    for (const [index, step] of STEPS.entries()) await this.#step(step, index);
    await this.#collect();
  }

  async #start(): Promise<void> {
    const args = ['async', 'relay', '--port', '0', '--journal', this.#journal];
    this.#relay = new Program(MAIN, args, { env: this.#clock.env });
    const listens = await this.#relay.says(/relay listens on 127\.0\.0\.1:(\d+), .*\n/);
    assert(listens, `the relay did not start: ${this.#relay.stderr}`);
    this.#port = Number(listens[1]);
    this.#lives += 1;
    this.#alice = new Client(this.#port, 'alice', { session: 's', try: this.#lives });
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    assert(this.#relay, 'the relay was not started');
    assert.equal(this.#relay.exit, undefined, `the relay ended by itself: ${this.#relay.stderr}`);
    this.#alice?.drop();
    this.#relay.child.kill(signal);
    assert.equal(await this.#relay.ended, signal === 'SIGKILL' ? signal : 0, this.#relay.stderr);
  }

  #holds(what: string, expected: unknown, actual: unknown): void {
    try {
      assert.deepEqual(actual, expected);
      this.passed += 1;
    } catch {
      this.failures.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
    }
  }

  async #step({ what, ahead, restart }: Step, index: number): Promise<void> {
    console.log(what);
    const last = index === STEPS.length - 1;
    const short = `short-${index}`;
    let sent = 0;
    const sends = async (): Promise<void> => {
      sent = performance.now();
      await this.#sender.send(short, 'bob', { ttl: SHORT_S, notify: 'alice' });
    };
    // Every entry in the log has the times of its clocks. Before a kill, only the CLOCK entry may have them.
    if (restart !== 'later') await sends();
    if (restart === 'before') await this.#end(last ? 'SIGKILL' : 'SIGTERM');
    const before = await this.#entries('CLOCK');
    this.#clock.set(ahead);
    const moved = this.#clock.now;
    if (restart === 'later') {
      // The relay checks the clocks every second. If it does not log the move, what it says after the kill is wrong.
      for (let i = 0; i < 50 && (await this.#entries('CLOCK')) === before; i++) await pause(100);
      await this.#end('SIGKILL');
    }
    if (restart !== undefined) await this.#start();
    if (restart === 'later') await sends();
    // What expires now is reported by a notice, and the rest is still held. The last move counts as time that passed.
    const ended = last ? ['long', short] : [short];
    const told: string[] = [];
    this.#sender.say({ verb: 'RECEIVE', window: 1 });
    while (told.length < ended.length) {
      const { seq, id, kind, tried, at } = await this.#sender.mail();
      this.#sender.say({ verb: 'ACK', seq });
      told.push(id);
      this.#holds(`${what}: the notice`, { kind: 'bounce', tried: 'no' }, { kind, tried });
      const right = at >= moved && at <= this.#clock.now;
      this.#holds(`${what}: the time that is shown is from the wall clock`, true, right);
    }
    this.#holds(`${what}: what has expired`, ended, told.sort());
    // One millisecond more, because the relay rounds both times to whole milliseconds.
    const passed = performance.now() - sent + 1;
    if (!last) this.#holds(`${what}: a ttl does not end early`, true, passed >= SHORT_S * 1000);
    this.#holds(`${what}: what is held for bob`, last ? 1 : 2, (await this.#waiting()).get('bob'));
    // When a message is sent, the relay forgets sessions that have been silent for eleven minutes.
    const dave = new Client(this.#port, 'dave');
    const stored = await dave.send(`new-${index}`, 'erin');
    this.#holds(`${what}: a new message`, { seq: index + 1, dup: undefined }, numberOf(stored));
    dave.drop();
    const again = new Client(this.#port, 'alice');
    this.#holds(`${what}: a repeat`, { seq: 1, dup: 'yes' }, numberOf(await again.send('first', 'bob')));
    again.drop();
  }

  // Everything that must be there is there, in order, and nothing else. The journal is sound for a reader from outside.
  async #collect(): Promise<void> {
    const expected = { bob: ['first'], erin: STEPS.map((_, index) => `new-${index}`) };
    for (const [name, ids] of Object.entries(expected)) {
      const client = new Client(this.#port, name);
      client.say({ verb: 'RECEIVE', window: 100, drain: 'yes' });
      const found: string[] = [];
      let seq = 0;
      while (found.length < ids.length) {
        const message = await client.mail();
        assert(message.seq > seq);
        seq = message.seq;
        assert.equal(message.body.toString(), `body of ${message.id}`);
        found.push(message.id);
      }
      client.say({ verb: 'ACK', seq });
      assert.equal((await client.next()).verb, 'EMPTY');
      client.drop();
      this.#holds(`at the end: what is collected for ${name}`, ids, found);
    }
    await this.#end('SIGTERM');
    await this.#start();
    this.#holds('at the end: what is left', [], [...(await this.#waiting()).keys()]);
    await this.#end('SIGTERM');
    const bad: string[] = [];
    for await (const item of readJournal(this.#journal)) if (item.kind === 'damaged') bad.push(item.what);
    this.#holds('at the end: the journal', [], bad);
  }

  /** The number of entries with this verb in the journal. */
  async #entries(verb: string): Promise<number> {
    let count = 0;
    for await (const item of readJournal(this.#journal))
      if (item.kind === 'commit')
        for (const { bytes } of item.entries) if (bytes.toString('latin1').startsWith(`${verb} `)) count += 1;
    return count;
  }

  /** The number of messages held for each name, according to STATUS. */
  async #waiting(): Promise<ReadonlyMap<string, number>> {
    const client = new Client(this.#port, 'zoe');
    client.say({ verb: 'STATUS' });
    const found = new Map<string, number>();
    for (;;) {
      const message = await client.next();
      if (message.verb === 'END') break;
      assert(message.verb === 'MAILBOX');
      if (message.held > 0) found.set(message.name, message.held);
    }
    client.drop();
    return found;
  }

  /** Ends what is still running, whatever happened. */
  hangUp(): void {
    this.#alice?.drop();
    this.#relay?.child.kill('SIGKILL');
  }
}

const numberOf = ({ seq, dup }: Message<'STORED'>): unknown => ({ seq, dup });

async function main(preload: string): Promise<number> {
  const watchdog = setTimeout(() => {
    console.log(`FAILED  it did not end in ${LIMIT_MS / 1000} s`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  }, LIMIT_MS);
  const dir = mkdtempSync(join(tmpdir(), 'detour-clocks-'));
  const trial = new Trial(dir, preload);
  try {
    await trial.all();
  } catch (error) {
    trial.failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(watchdog);
    trial.hangUp();
    rmSync(dir, { recursive: true, force: true });
  }
  for (const failure of trial.failures) console.log(`FAILED  ${failure}`);
  console.log(`${trial.passed} passed, ${trial.failures.length} failed`);
  return trial.failures.length === 0 ? 0 : 1;
}

setUp();
await conclude(() => {
  const preload = library();
  if (preload !== undefined) return main(preload);
  console.log("skipped: libfaketime is not installed (Debian's package faketime)");
  console.log('0 passed, 0 failed');
  return 0;
});
