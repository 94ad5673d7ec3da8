// The relay of one run, over all its lives. It is killed by copying what is on its disk at that moment, which is what a kill leaves,
// and closing its sockets; the next life begins on the copy, and what the old one still does nobody sees. In half of the runs it is a
// power cut: what was written and not synced is lost. (Kept back until the sync, that is: it never reaches the file.)

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Relay } from '../../src/async/relay.ts';
import { type Disk, writeDurably } from '../../src/async/store/disk.ts';
import type { Store } from '../../src/async/store/store.ts';
import { OWN_ADDRESS } from '../../src/stage/address.ts';
import type { Event } from '../../src/trace/event.ts';
import { Gate, gatedClock } from './gate.ts';
import { onPort, onPortAgain } from './ports.ts';
import { accepted } from './sockets.ts';
import { pause, type Setting } from './world.ts';

interface Life {
  readonly relay: Relay;
  readonly store: Store;
  readonly gate: Gate;
}

/** What is asked of the relay's next life. */
export interface NextLife {
  /** How far its wall clock has gone on meanwhile, beside what really passed. Milliseconds. */
  readonly later: number;
  readonly full: boolean;
}

/** What a world wants to know of its relay. */
export interface RelayHandlers {
  /** The subject's record is about to be written, and then about to be synced. */
  writing(): void;
  syncing(): void;
  /** It is durable, and nobody has been told. */
  durable(): void;
  event(event: Event): void;
}

// In memory, where there is such a place: a kill that is played proves nothing of the disk, and a slow one would use up the deadlines.
const SHELF = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const SEGMENT_BYTES = 256 * 1024;
const OLDEST_IDS_MS = 11 * 60_000;

/** A relay that is killed and comes back. */
export class Relays {
  readonly port: number;
  readonly #setting: Setting;
  readonly #on: RelayHandlers;
  readonly #base = mkdtempSync(join(SHELF, 'detour-verdicts-'));
  readonly #endings: Promise<void>[] = [];
  readonly #losesUnsynced: boolean;
  #lives = 0;
  #life: Life | undefined;
  #wanted: NextLife = { later: 0, full: false };
  #ahead = 0;
  /** Is the disk full, will the next sync fail? */
  full = false;
  #fails = false;
  /** Has it failed, and does the relay not know yet? */
  #doomed = false;
  #stopping: Promise<void> = Promise.resolve();
  #stoppingGate: Gate | undefined;

  private constructor(setting: Setting, port: number, on: RelayHandlers) {
    this.#setting = setting;
    this.port = port;
    this.#on = on;
    this.#losesUnsynced = setting.random.next() < 0.5;
  }

  static start(setting: Setting, on: RelayHandlers): Promise<Relays> {
    return onPort(async (port) => {
      const relays = new Relays(setting, port, on);
      try {
        relays.#life = await relays.#begin();
      } catch (error) {
        rmSync(relays.#base, { recursive: true, force: true });
        throw error;
      }
      return relays;
    });
  }

  get #dir(): string {
    return join(this.#base, `life-${this.#lives}`);
  }

  /** Ends it as a kill does. @param next what its next life shall be like */
  kill(next: NextLife = { later: 0, full: false }): void {
    const life = this.#life;
    this.#doomed = false;
    if (life === undefined) return;
    this.#life = undefined;
    this.#wanted = next;
    this.#ahead += next.later;
    const left = this.#dir;
    this.#lives += 1;
    copyJournal(left, this.#dir);
    for (const socket of accepted(this.port)) socket.destroy();
    this.#bury(life);
  }

  /** Stops it politely. */
  stop(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#stoppingGate = life.gate;
    this.#stopping = life.relay.close();
  }

  /** It stands still: nothing becomes durable, no timer fires. */
  freeze(): void {
    this.#life?.gate.close();
  }

  /** Its next sync fails; then it ends itself. */
  breakDisk(): void {
    this.#fails = true;
  }

  /** It is there again, and goes on. @param all also with a sound disk that has room, if it was to come back without */
  async mend(all: boolean): Promise<void> {
    this.#fails = false;
    this.full = false;
    if (this.#doomed) this.kill(this.#wanted);
    this.#life?.gate.open();
    this.#stoppingGate?.open();
    if (this.#life === undefined) {
      await this.#stopping;
      this.#life = await onPortAgain(() => this.#begin());
    }
    if (all) this.#wanted = { later: 0, full: false };
    this.full = this.#wanted.full;
  }

  /** Stops it for good and removes its files. */
  async close(): Promise<void> {
    this.#life?.gate.open();
    this.#stoppingGate?.open();
    await this.#stopping;
    await this.#life?.relay.close();
    // A journal that failed may never close: the program ends itself instead.
    await Promise.race([Promise.all(this.#endings), pause(500)]);
    rmSync(this.#base, { recursive: true, force: true, maxRetries: 3 });
  }

  async #begin(): Promise<Life> {
    const { build, emitOf } = this.#setting;
    const gate = new Gate();
    const clock = gatedClock(gate, this.#ahead);
    const emit = (event: Event): void => {
      emitOf('relay')(event);
      if (this.#life?.gate === gate) this.#on.event(event);
    };
    const journal = new build.Journal({
      dir: this.#dir,
      emit,
      clock,
      lock: async () => async () => {},
      segmentBytes: SEGMENT_BYTES,
      disk: this.#disk(gate),
    });
    // A full disk is the store's to see; here it is told.
    const store: Store = Object.assign(journal, {
      hasRoom: (size: number) => !this.full && build.Journal.prototype.hasRoom.call(journal, size),
    });
    const relay = await build.startRelay({
      host: OWN_ADDRESS,
      port: this.port,
      context: build.netContext(emit, clock, true),
      store,
      onFailure: () => {
        if (this.#life?.store === store) this.kill(this.#wanted);
      },
    });
    return { relay, store, gate };
  }

  #disk(gate: Gate): Disk {
    const { systemDisk } = this.#setting.build;
    const mark = Buffer.from(` id=${this.#setting.subject} `);
    // Where the subject's record is being written: others are written and synced meanwhile.
    let ours: number | undefined;
    const alive = (): boolean => this.#life?.gate === gate;
    const disk = this.#losesUnsynced ? unsyncedLost(systemDisk) : systemDisk;
    return {
      write: (fd, bytes, from, position, done) => {
        if (alive() && bytes.includes(mark)) {
          ours = fd;
          this.#on.writing();
        }
        disk.write(fd, bytes, from, position, (error, written) => gate.pass(() => done(error, written)));
      },
      sync: (fd, done) => {
        if (ours === fd && alive()) this.#on.syncing();
        if (this.#fails && alive()) {
          this.#doomed = true;
          setImmediate(() => done(Object.assign(new Error('i/o error'), { code: 'EIO' })));
          return;
        }
        disk.sync(fd, (error) => {
          if (ours === fd) {
            ours = undefined;
            if (alive()) this.#on.durable();
          }
          gate.pass(() => done(error));
        });
      },
    };
  }

  // What a dead relay still does, it does to files that nobody reads and on connections that are closed.
  #bury({ relay, store, gate }: Life): void {
    gate.open();
    const ending = relay.close().then(() => store.close());
    this.#endings.push(ending.catch(() => {}));
  }
}

/** By so much the wall clock goes on in `forgets`. */
export const FORGOTTEN_MS = OLDEST_IDS_MS;

// A disk that loses what was not synced: it writes when it is told to sync.
function unsyncedLost(disk: Disk): Disk {
  const waiting = new Map<number, { bytes: Buffer; position: number }[]>();
  return {
    write(fd, bytes, from, position, done) {
      const held = waiting.get(fd) ?? [];
      waiting.set(fd, held);
      held.push({ bytes: Buffer.from(bytes.subarray(from)), position });
      setImmediate(() => done(null, bytes.length - from));
    },
    sync(fd, done) {
      const held = waiting.get(fd) ?? [];
      waiting.delete(fd);
      const next = (): void => {
        const piece = held.shift();
        if (piece === undefined) disk.sync(fd, done);
        else writeDurably(disk, fd, piece.bytes, piece.position, (error) => (error ? done(error) : next()));
      };
      next();
    },
  };
}

// The thread pool may be renaming a file at this moment: then it is listed again.
function copyJournal(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      cpSync(from, to, { recursive: true, filter: (file) => !/(?:lock|\.new|\.spare)$/.test(file) });
      return;
    } catch (error) {
      rmSync(to, { recursive: true, force: true });
      if (tries === 20) throw error;
    }
  }
}
