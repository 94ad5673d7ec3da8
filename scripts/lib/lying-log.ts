// Logs that break one promise each, and keep the others: each wraps the real log.

import { RememberedIds } from '../../src/async/ids.ts';
import type { Log, Lsn, OpenLog, Owner, Room, Segment, Snapshot } from '../../src/async/log/log.ts';
import { Machine } from '../../src/async/machine.ts';

/** A log that passes every call on to another one. A subclass overrides what it wants to change. */
export class Passing implements Log {
  constructor(readonly log: Log) {}

  get maxEntry(): number {
    return this.log.maxEntry;
  }

  get end(): Lsn {
    return this.log.end;
  }

  get durable(): Lsn {
    return this.log.durable;
  }

  get spare(): number {
    return this.log.spare;
  }

  append(...parts: readonly Uint8Array[]): Lsn {
    return this.log.append(...parts);
  }

  hasRoom(bytes: number, checkpoint: number): Room {
    return this.log.hasRoom(bytes, checkpoint);
  }

  read(lsn: Lsn): Promise<Buffer> {
    return this.log.read(lsn);
  }

  inMemory(lsn: Lsn): Buffer | undefined {
    return this.log.inMemory(lsn);
  }

  usage(): Promise<{ readonly used: number; readonly total: number }> {
    return this.log.usage();
  }

  segments(): readonly Segment[] {
    return this.log.segments();
  }

  checkpoint(take: (lsn: Lsn) => Snapshot): Promise<void> {
    return this.log.checkpoint(take);
  }

  free(first: Lsn): void {
    this.log.free(first);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

// Calls an entry durable as soon as it is appended, before it is written.
class Hasty extends Passing {
  override get durable(): Lsn {
    return this.end;
  }

  // An entry that is not written yet cannot be read, so this waits until it is.
  override async read(lsn: Lsn): Promise<Buffer> {
    while (this.log.durable <= lsn) await new Promise((resolve) => setTimeout(resolve, 1));
    return super.read(lsn);
  }
}

/** Wraps a log so that it calls entries durable before it writes them. */
export const hasty =
  (open: OpenLog): OpenLog =>
  async (owner) =>
    new Hasty(await open(owner));

/** Wraps a log so that the relay remembers no ids after replay. */
export const forgetful =
  (open: OpenLog): OpenLog =>
  async (owner) => {
    const log = await open(owner);
    forgetIds(owner);
    return log;
  };

/** Makes a relay that has opened its log forget all ids. @throws TypeError if it is not a relay */
export function forgetIds(owner: Owner): void {
  if (!(owner instanceof Machine)) throw new TypeError('only a relay can open this log');
  Object.assign(owner.state, { ids: new RememberedIds() });
}
