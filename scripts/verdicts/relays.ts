// The relay of one run, with all its restarts. To kill it, its journal is copied as it is at that moment, which is what a kill leaves, and
// its sockets are closed. The next relay starts on the copy, and nobody sees what the old one still does. In half of the runs the kill is
// a power cut: what was written but not synced is lost, because writes are held back until the sync and never reach the file.

import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenLog, Room } from '../../src/async/log/log.ts';
import type { Relay } from '../../src/async/relay.ts';
import type { Event } from '../../src/core/event.ts';
import { type FileSystem, type OpenFile, systemFiles } from '../../src/core/files.ts';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';
import { netContext } from '../../src/net/context.ts';
import { forgetIds, Passing } from '../lib/lying-log.ts';
import { Gate, gatedClock } from './gate.ts';
import { onPort, onPortAgain } from './ports.ts';
import { accepted } from './sockets.ts';
import { pause, type Setting } from './world.ts';

interface Life {
  readonly relay: Relay;
  readonly gate: Gate;
}

/** How the relay starts the next time. */
export interface NextLife {
  /** Has it forgotten all ids, as it may after a while? */
  readonly forgets: boolean;
  /** Is its disk full? */
  readonly full: boolean;
}

/** What a relay tells its world. */
export interface RelayHandlers {
  /** The subject's record is about to be written. */
  writing(): void;
  /** The subject's record is about to be synced. */
  syncing(): void;
  /** The subject's record is durable, and nobody has been told yet. */
  durable(): void;
  event(event: Event): void;
}

// In memory if possible: a simulated kill proves nothing about the disk, and a slow disk would use up the deadlines.
const SHELF = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** The size of every segment, in bytes. A message takes only part of one. */
const SEGMENT_BYTES = 256 * 1024;
/** The largest message, in bytes. */
const LARGEST_SEND = 64 * 1024;

const PLAIN: NextLife = { forgets: false, full: false };

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
  #wanted = PLAIN;
  /** Is the disk full? */
  full = false;
  /** Will the next sync fail? */
  #fails = false;
  /** Has a sync failed without the relay knowing yet? */
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

  /** Ends it as a kill does. @param next how it starts the next time */
  kill(next = PLAIN): void {
    const life = this.#life;
    this.#doomed = false;
    if (life === undefined) return;
    this.#life = undefined;
    this.#wanted = next;
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

  /** Freezes it: nothing becomes durable, no timer fires. */
  freeze(): void {
    this.#life?.gate.close();
  }

  /** Makes its next sync fail; then it ends itself. */
  breakDisk(): void {
    this.#fails = true;
  }

  /** Starts it again or lets it go on. @param all with a disk that has room, even if it was to come back with a full one */
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
    if (all) this.#wanted = PLAIN;
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
    const { parts, emitOf } = this.#setting;
    const gate = new Gate();
    const clock = gatedClock(gate);
    const emit = (event: Event): void => {
      emitOf('relay')(event);
      if (this.#life?.gate === gate) this.#on.event(event);
    };
    const { forgets } = this.#wanted;
    const sizes = { smallest: SEGMENT_BYTES, largest: SEGMENT_BYTES };
    const options = {
      ...sizes,
      dir: this.#dir,
      clock,
      lock: noLock,
      files: this.#disk(gate),
    };
    const log: OpenLog = async (owner) => {
      const opened = await parts.openLog(options, owner);
      if (forgets) forgetIds(owner);
      return new Fillable(opened, () => this.full);
    };
    const relay = await parts.startRelay({
      host: OWN_ADDRESS,
      port: this.port,
      context: netContext(emit, clock, true),
      log,
      onFailure: () => {
        if (this.#life?.gate === gate) this.kill(this.#wanted);
      },
    });
    return { relay, gate };
  }

  #disk(gate: Gate): FileSystem {
    const alive = (): boolean => this.#life?.gate === gate;
    const write = (file: OpenFile, bytes: Uint8Array, position: number): Promise<number> =>
      this.#write(alive, gate, file, bytes, position);
    return {
      ...systemFiles,
      async open(name, how) {
        const file = await systemFiles.open(name, how);
        return { ...file, writeDurably: (bytes, position) => write(file, bytes, position) };
      },
    };
  }

  async #write(
    alive: () => boolean,
    gate: Gate,
    file: OpenFile,
    lent: Uint8Array,
    position: number,
  ): Promise<number> {
    // A log that does not wait for the sync may reuse the bytes.
    const bytes = Buffer.from(lent);
    const ours = bytes.includes(` id=${this.#setting.subject} `);
    const put = async (): Promise<void> => {
      if ((await file.writeDurably(bytes, position)) < bytes.length) throw new Error('the real disk is full');
    };
    await this.#setting.parts.writeDurably(
      async () => {
        if (ours && alive()) this.#on.writing();
        // A power cut takes what was only written, so it is written when it is synced.
        if (this.#losesUnsynced) await new Promise((resolve) => setImmediate(resolve));
        else await put();
      },
      async () => {
        if (ours && alive()) this.#on.syncing();
        if (this.#fails && alive()) {
          this.#doomed = true;
          await new Promise((resolve) => setImmediate(resolve));
          throw Object.assign(new Error('i/o error'), { code: 'EIO' });
        }
        if (this.#losesUnsynced) await put();
        if (ours && alive()) this.#on.durable();
      },
    );
    await new Promise<void>((go) => gate.pass(go));
    return bytes.length;
  }

  // Whatever a killed relay still does affects only files that nobody reads and connections that are closed.
  #bury({ relay, gate }: Life): void {
    gate.open();
    this.#endings.push(relay.close().catch(() => {}));
  }
}

// Several relays run in this process, so none takes the lock. Taking the lock would also create the folder.
async function noLock(dir: string): Promise<() => Promise<void>> {
  mkdirSync(dir, { recursive: true });
  return async () => {};
}

// A log that is told when its disk is full. It is never asked about room for more than the largest message here.
class Fillable extends Passing {
  readonly #full: () => boolean;

  constructor(log: Passing['log'], full: () => boolean) {
    super(log);
    this.#full = full;
  }

  override hasRoom(bytes: number, checkpoint: number): Room {
    return this.#full() ? 'no' : this.log.hasRoom(Math.min(bytes, LARGEST_SEND), checkpoint);
  }
}

// Copies the journal. The thread pool may be renaming a file at this moment: then the folder is read again.
function copyJournal(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      cpSync(from, to, { recursive: true, filter: (file) => !/(?:lock-.*|\.new)$/.test(file) });
      return;
    } catch (error) {
      rmSync(to, { recursive: true, force: true });
      if (tries === 20) throw error;
    }
  }
}
