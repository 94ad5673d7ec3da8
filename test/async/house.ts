// A relay in this process, on a real journal and with a clock that the test turns, and further relays on the same journal. Shared by the
// tests of the relay; no test is in here.

import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RelayLimits } from '../../src/async/admission.ts';
import { type DiskLogOptions, openDiskLog } from '../../src/async/log/disk.ts';
import { type Relay, startRelay } from '../../src/async/relay.ts';
import { errnoOf } from '../../src/core/error.ts';
import type { Event } from '../../src/core/event.ts';
import { systemFiles } from '../../src/core/files.ts';
import { netContext } from '../../src/net/context.ts';
import { FakeClock } from '../fake-clock.ts';
import { RawClient, tempDir } from '../harness.ts';
import { turns } from '../servers.ts';

/** What a relay is given: the file system and the sizes of its journal, and limits. */
export interface LifeOptions extends Pick<DiskLogOptions, 'files' | 'smallest' | 'largest' | 'maxBytes'> {
  /** The wall clock at its start, in milliseconds since the epoch. */
  readonly wall?: number;
  readonly limits?: Partial<RelayLimits>;
}

/** A small disk and small segments, so that every few megabytes a checkpoint is made and segments are freed. */
export const SMALL_DISK: Pick<LifeOptions, 'files' | 'largest'> = {
  files: { ...systemFiles, free: async () => 6 * 1024 * 1024 },
  largest: 1536 * 1024,
};

// Several relays run on one folder, so it is not locked. Taking the lock would also create the folder.
async function lock(dir: string): Promise<() => Promise<void>> {
  mkdirSync(dir, { recursive: true });
  return async () => {};
}

/** One relay on the journal, from its start to its end. */
export class Life {
  readonly relay: Relay;
  readonly dir: string;
  readonly clock: FakeClock;
  readonly events: Event[];
  readonly #clients: RawClient[] = [];
  #over = false;

  private constructor(relay: Relay, dir: string, clock: FakeClock, events: Event[]) {
    this.relay = relay;
    this.dir = dir;
    this.clock = clock;
    this.events = events;
  }

  /** Starts a relay on the journal in `dir`. It is stopped at the end of the test. */
  static async start(dir: string = join(tempDir(), 'journal'), options: LifeOptions = {}): Promise<Life> {
    const { wall, limits = {}, ...journal } = options;
    const clock = new FakeClock(wall);
    const events: Event[] = [];
    const emit = (event: Event): void => void events.push(event);
    const relay = await startRelay({
      host: '127.0.0.1',
      port: 0,
      context: netContext(emit, clock, false),
      log: (owner) => openDiskLog({ ...journal, dir, clock, lock }, owner),
      limits,
      onFailure: (error) => events.push({ event: 'notice', text: `failed: ${error.message}` }),
    });
    const life = new Life(relay, dir, clock, events);
    onTestFinished(() => life.stop());
    return life;
  }

  /** Connects and greets. @param session what follows the name in HELLO, e.g. `session=s try=1` @param from the client's address */
  async client(name: string, session = '', from?: string): Promise<RawClient> {
    const client = await RawClient.connect(this.relay.address.port, '127.0.0.1', from);
    this.#clients.push(client);
    await client.next();
    client.type(`HELLO version=1 as=${name}${session === '' ? '' : ` ${session}`}\n`);
    return client;
  }

  /** Lets time pass, a second at a time, so that expiry is checked after each. @param ms milliseconds */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(left, 1000));
      await turns(3);
    }
  }

  /** Lets time pass until something has come: what failed for lack of room is tried again after a while. */
  async meanwhile<T>(coming: Promise<T>): Promise<T> {
    let over = false;
    const settled = (): void => {
      over = true;
    };
    coming.then(settled, settled);
    while (!over) await this.pass(1);
    return await coming;
  }

  /** Stops it politely. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    for (const client of this.#clients) client.socket.destroy();
    await this.relay.close();
  }

  /** Stops it politely and starts the next relay. @param after how much time has passed by the wall clock, in milliseconds */
  async again(after = 0, options: LifeOptions = {}): Promise<Life> {
    await this.stop();
    return Life.start(this.dir, { wall: this.clock.epoch() + after, ...options });
  }

  /**
   * Starts the next relay on a copy of the files as they are now, which is what a kill would leave. This relay goes on with its own files.
   * @param after how much time has passed by the wall clock, in milliseconds
   */
  async crashed(after = 0, options: LifeOptions = {}): Promise<Life> {
    return Life.start(copyOf(this.dir), { wall: this.clock.epoch() + after, ...options });
  }
}

function copyOf(dir: string): string {
  const copy = join(tempDir(), 'journal');
  try {
    cpSync(dir, copy, { recursive: true });
  } catch (error) {
    // Meanwhile another thread has renamed or deleted a file for the relay.
    if (errnoOf(error) === 'ENOENT') return copyOf(dir);
    throw error;
  }
  return copy;
}

/** The bytes of a SEND. @param more other keys, e.g. `ttl=5` */
export function send(id: string, to: string, body: string, more = ''): string {
  return `SEND id=${id} to=${to}${more === '' ? '' : ` ${more}`} size=${Buffer.byteLength(body)}\n${body}\n`;
}

/** One field of a header line. */
export function field(line: string, key: string): string | undefined {
  return new RegExp(` ${key}=(\\S+)`).exec(line)?.[1];
}

/** The verb and the named fields of the next frame, e.g. `MESSAGE seq=1 attempt=2`, and after a colon its body, if it has one. */
export async function heard(client: RawClient, ...keys: string[]): Promise<string> {
  const [line, body] = await client.next();
  const fields = keys.flatMap((key) => {
    const value = field(line, key);
    return value === undefined ? [] : [` ${key}=${value}`];
  });
  return line.split(' ', 1)[0] + fields.join('') + (body === undefined ? '' : `: ${body}`);
}

/** Sends PING and waits for PONG: then everything sent before has been read, and its immediate answers are here. */
export async function pong(client: RawClient): Promise<void> {
  client.type('PING\n');
  const [line] = await client.next();
  if (line !== 'PONG') throw new Error(`expected PONG, got ${line}`);
}
