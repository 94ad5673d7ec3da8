// The parts that the programs of a run are made of. A control replaces one of the real parts by one that lies (lies.ts).

import { openDiskLog } from '../../src/async/log/disk.ts';
import { Receiver as AsyncReceiver } from '../../src/async/receiver.ts';
import { startRelay } from '../../src/async/relay.ts';
import { Sender as AsyncSender } from '../../src/async/sender.ts';
import { startReceiver } from '../../src/sync/receiver.ts';
import { Sender as SyncSender } from '../../src/sync/sender.ts';

/** The parts. */
export interface Parts {
  readonly SyncSender: typeof SyncSender;
  readonly startReceiver: typeof startReceiver;
  readonly AsyncSender: typeof AsyncSender;
  readonly AsyncReceiver: typeof AsyncReceiver;
  readonly startRelay: typeof startRelay;
  readonly openLog: typeof openDiskLog;
  /** How the relay's disk makes one write durable. @param write brings it to the kernel. @param sync brings it to the disk */
  writeDurably(write: () => Promise<void>, sync: () => Promise<void>): Promise<void>;
}

/** The real parts. */
export const REAL: Parts = {
  SyncSender,
  startReceiver,
  AsyncSender,
  AsyncReceiver,
  startRelay,
  openLog: openDiskLog,
  async writeDurably(write, sync) {
    await write();
    await sync();
  },
};
