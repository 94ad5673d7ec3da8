// Logs that are not what the relay takes them for: each is the real one, with one promise broken.

import { RememberedIds } from '../../src/async/ids.ts';
import type { Log, Lsn, OpenLog, Owner, Room, Segment, Snapshot } from '../../src/async/log/log.ts';
import { Machine } from '../../src/async/machine.ts';

/** A log that passes everything on to another one. What is to be otherwise, a class overrides. */
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

// Says that an entry is durable when it was appended, before it is written.
class Hasty extends Passing {
  override get durable(): Lsn {
    return this.end;
  }

  // What is not there yet cannot be read: it comes as soon as it is.
  override async read(lsn: Lsn): Promise<Buffer> {
    while (this.log.durable <= lsn) await new Promise((resolve) => setTimeout(resolve, 1));
    return super.read(lsn);
  }
}

/** A log that says durable before it writes. */
export const hasty =
  (open: OpenLog): OpenLog =>
  async (owner) =>
    new Hasty(await open(owner));

/** A log after whose replay the relay remembers no id. */
export const forgetful =
  (open: OpenLog): OpenLog =>
  async (owner) => {
    const log = await open(owner);
    forgetIds(owner);
    return log;
  };

/** Takes from a relay that has opened its log all ids that it remembers. */
export function forgetIds(owner: Owner): void {
  if (!(owner instanceof Machine)) throw new TypeError('only a relay can open this log');
  Object.assign(owner.state, { ids: new RememberedIds() });
}
