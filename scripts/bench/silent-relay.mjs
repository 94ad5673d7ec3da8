// A relay without events: it says nothing about what it does.
//
// Arguments: the folder of its journal, the port on 127.0.0.1.

import { openDiskLog } from '../../dist/async/log/disk.js';
import { startRelay } from '../../dist/async/relay.js';
import { systemClock } from '../../dist/core/clock.js';
import { netContext } from '../../dist/net/context.js';

const [, , dir, port] = process.argv;
await startRelay({
  host: '127.0.0.1',
  port: Number(port),
  context: netContext(undefined, systemClock, false),
  log: (owner) => openDiskLog({ dir, clock: systemClock }, owner),
  onFailure: (error) => {
    throw error;
  },
});
