// How many messages a second go through many mailboxes, stored and collected at the same time. Only peers that sync before they acknowledge.

import { runBusy } from './load.ts';
import { type Bench, driverOf, inTurns, report } from './part.ts';
import { collects, type Peer } from './peers.ts';
import { withServer } from './server.ts';

const MAILBOXES = 10_000;
// One pass over all mailboxes takes several seconds.
const LONGER = 5;
const SHAPE = { senders: 32, outstanding: 64, size: 128 };

// In detour a connection collects one mailbox, so these move from one mailbox to the next. In beanstalkd a connection gets one message at a
// time, so these share all mailboxes. In Redis one request asks for the messages of many mailboxes.
const COLLECTORS: Partial<Record<Peer['protocol'], number>> = { detour: 64, redis: 4, beanstalkd: 64 };

/** Measures it. @throws Error if a message comes twice */
export async function busy(bench: Bench): Promise<void> {
  const row = `${SHAPE.size} B, ${MAILBOXES} mailboxes, ${SHAPE.senders}×${SHAPE.outstanding} and collectors`;
  const peers = bench.peers.filter((peer) => peer.synced && collects(peer));
  const rows = await inTurns(bench, row, peers, (peer) =>
    withServer(peer, bench.scratch, (port) => {
      const target = { load: bench.load, protocol: peer.protocol, port };
      return runBusy(target, SHAPE, MAILBOXES, COLLECTORS[peer.protocol] ?? 1, LONGER * bench.seconds);
    }),
  );
  const rates = rows.map(({ who, values }) => ({ who, values: values.map(({ rate }) => rate) }));
  const unit = 'messages stored, collected and acknowledged a second';
  report(bench, { part: 'busy', row, unit }, rates, driverOf(rows));
}
