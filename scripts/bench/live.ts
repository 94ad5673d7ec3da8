// How long a message takes from a sender to a recipient that waits for it, at a steady rate. For a peer that cannot keep this rate, that is
// mostly the time in its queue, which grows.

import path from 'node:path';
import { runDisk, runLive, type Times } from './load.ts';
import { type Bench, driverOf, inTurns, report } from './part.ts';
import { collects, type Peer } from './peers.ts';
import { withServer } from './server.ts';

const SIZE = 128;
const RATE = 1000;

// The least that any store needs that syncs before it acknowledges.
const DISK = { name: 'one write and sync, in a file' } as const;

/** Measures it. @throws Error if a message is missing or comes twice */
export async function live(bench: Bench): Promise<void> {
  const row = `${SIZE} B, ${RATE} messages a second, from the sender to the recipient`;
  const measure = (one: Peer | typeof DISK): Promise<Times> =>
    'protocol' in one
      ? withServer(one, bench.scratch, (port) =>
          runLive({ load: bench.load, protocol: one.protocol, port }, SIZE, RATE, bench.seconds),
        )
      : runDisk(bench.load, path.join(bench.scratch, 'disk'), SIZE, RATE, bench.seconds);
  const rows = await inTurns(bench, row, [...bench.peers.filter(collects), DISK], measure);
  for (const quantile of ['p50', 'p99'] as const) {
    const times = rows.map(({ who, values }) => ({ who, values: values.map((each) => each[quantile]) }));
    report(bench, { part: 'live', row: `${row}: ${quantile}`, unit: 'µs' }, times, driverOf(rows));
  }
}
