// How many messages a second one collector takes and acknowledges, when a mailbox is full of them.

import { runDrain } from './load.ts';
import { type Bench, driverOf, inTurns, report } from './part.ts';
import { collects, type Peer } from './peers.ts';
import { withServer } from './server.ts';

const SIZE = 128;
const COUNT = 200_000;
// beanstalkd syncs once for each message that is put and once for each that is deleted: more messages would take minutes a round, at the same rate.
const FEWER: Partial<Record<Peer['protocol'], number>> = { beanstalkd: 5000 };

/** Measures it. @throws Error if a message is missing or comes twice */
export async function drain(bench: Bench): Promise<void> {
  const row = `${SIZE} B, ${COUNT} messages held for one recipient`;
  const peers = bench.peers.filter(collects).map((peer) => {
    const fewer = FEWER[peer.protocol];
    return fewer === undefined ? peer : { ...peer, name: `${peer.name}, only ${fewer} messages` };
  });
  const rows = await inTurns(bench, row, peers, (peer) =>
    withServer(peer, bench.scratch, (port) =>
      runDrain({ load: bench.load, protocol: peer.protocol, port }, SIZE, FEWER[peer.protocol] ?? COUNT),
    ),
  );
  const rates = rows.map(({ who, values }) => ({ who, values: values.map(({ rate }) => rate) }));
  report(
    bench,
    { part: 'drain', row, unit: 'messages collected and acknowledged a second' },
    rates,
    driverOf(rows),
  );
}
