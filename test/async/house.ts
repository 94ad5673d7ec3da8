// A relay in this process, on a real journal and with a clock that a test turns, and its next lives on the same journal. What the
// relay's tests share; no test is in here.

import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RelayLimits } from '../../src/async/admission.ts';
import { type DiskLogOptions, openDiskLog } from '../../src/async/log/disk.ts';
import { type Relay, startRelay } from '../../src/async/relay.ts';
import type { Event } from '../../src/core/event.ts';
import { systemFiles } from '../../src/core/files.ts';
import { netContext } from '../../src/net/context.ts';
import { FakeClock } from '../fake-clock.ts';
import { RawClient, tempDir } from '../harness.ts';
import { turns } from '../servers.ts';

/** What one life of a relay is given: file system and sizes of its journal, and limits. */
export interface LifeOptions extends Pick<DiskLogOptions, 'files' | 'smallest' | 'largest' | 'maxBytes'> {
  /** What the wall clock says at its beginning, in epoch milliseconds. */
  readonly wall?: number;
  readonly limits?: Partial<RelayLimits>;
}

/** A small disk, and small segments: checkpoints are made, and segments go, every few megabytes. */
export const SMALL_DISK: Pick<LifeOptions, 'files' | 'largest'> = {
  files: { ...systemFiles, free: async () => 6 * 1024 * 1024 },
  largest: 1536 * 1024,
};

// Several lives on one folder: nothing is locked. The folder is made, as the lock makes it.
async function lock(dir: string): Promise<() => Promise<void>> {
  mkdirSync(dir, { recursive: true });
  return async () => {};
}

/** One life of a relay. */
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

  /** Starts a relay on the journal in `dir`; the test's end stops it. */
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

  /** Connects as `name` and passes the greeting. @param session what HELLO says behind the name, e.g. `session=s try=1`. @param from its address */
  async client(name: string, session = '', from?: string): Promise<RawClient> {
    const client = await RawClient.connect(this.relay.address.port, '127.0.0.1', from);
    this.#clients.push(client);
    await client.next();
    client.type(`HELLO version=1 as=${name}${session === '' ? '' : ` ${session}`}\n`);
    return client;
  }

  /** Lets so many milliseconds pass, a second at a time: after each is looked what has expired. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(left, 1000));
      await turns(3);
    }
  }

  /** Time goes on until it has come: what failed for lack of room is tried again after a while. */
  async meanwhile<T>(coming: Promise<T>): Promise<T> {
    let over = false;
    const settled = (): void => {
      over = true;
    };
    coming.then(settled, settled);
    while (!over) await this.pass(1);
    return await coming;
  }

  /** Ends it politely. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    for (const client of this.#clients) client.socket.destroy();
    await this.relay.close();
  }

  /** Stops it politely and starts the next life. @param after how much the wall clock says has passed, in milliseconds */
  async again(after = 0, options: LifeOptions = {}): Promise<Life> {
    await this.stop();
    return Life.start(this.dir, { wall: this.clock.epoch() + after, ...options });
  }

  /**
   * Starts a life on the files as they are at this moment: what a kill would leave. This life goes on, and its files are its own.
   * @param after how much the wall clock says has passed, in milliseconds
   */
  async crashed(after = 0, options: LifeOptions = {}): Promise<Life> {
    const copy = join(tempDir(), 'journal');
    cpSync(this.dir, copy, { recursive: true });
    return Life.start(copy, { wall: this.clock.epoch() + after, ...options });
  }
}

/** The bytes of a SEND. @param more further keys, e.g. `ttl=5` */
export function send(id: string, to: string, body: string, more = ''): string {
  return `SEND id=${id} to=${to}${more === '' ? '' : ` ${more}`} size=${Buffer.byteLength(body)}\n${body}\n`;
}

/** One field of a header line. */
export function field(line: string, key: string): string | undefined {
  return new RegExp(` ${key}=(\\S+)`).exec(line)?.[1];
}

/** The next frame's verb and the fields named, e.g. `MESSAGE seq=1 attempt=2`, and its body behind a colon if there is one. */
export async function heard(client: RawClient, ...keys: string[]): Promise<string> {
  const [line, body] = await client.next();
  const fields = keys.flatMap((key) => {
    const value = field(line, key);
    return value === undefined ? [] : [` ${key}=${value}`];
  });
  return line.split(' ', 1)[0] + fields.join('') + (body === undefined ? '' : `: ${body}`);
}

/** Lets PING go and PONG come back: everything said before has been read, and what it brought at once was sent before. */
export async function pong(client: RawClient): Promise<void> {
  client.type('PING\n');
  const [line] = await client.next();
  if (line !== 'PONG') throw new Error(`PONG was to come, and ${line} came`);
}
