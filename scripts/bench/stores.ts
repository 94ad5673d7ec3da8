// How many messages a second are stored, and how long an answer takes: senders that do nothing else.

import { type Load, runLoad, type Shape } from './load.ts';
import { type Bench, driverOf, inTurns, report } from './part.ts';
import { withServer } from './server.ts';
import { median, short } from './statistics.ts';
import { syncsPerAnswer } from './syncs.ts';

const SHAPES: readonly Shape[] = [128, 4096].flatMap((size) => [
  { senders: 1, outstanding: 1, size },
  { senders: 1, outstanding: 256, size },
  { senders: 32, outstanding: 1, size },
  { senders: 32, outstanding: 64, size },
]);

/** Measures it. @throws Error if a peer does not sync as it says */
export async function stores(bench: Bench): Promise<void> {
  await lookAtSyncs(bench);
  for (const shape of SHAPES) {
    const row = `${shape.size} B, ${shape.senders}×${shape.outstanding} (senders × messages that each has under way)`;
    const rows = await inTurns(bench, row, bench.peers, (peer) =>
      withServer(peer, bench.scratch, (port) =>
        runLoad(bench.load, peer.protocol, port, shape, bench.seconds),
      ),
    );
    const rates = rows.map(({ who, values }) => ({ who, values: values.map(({ rate }) => rate) }));
    report(bench, { part: 'stores', row, unit: 'messages stored a second' }, rates, (who) => {
      const values = rows.find((each) => each.who === who)?.values ?? [];
      const of = (key: keyof Load): number => median(values.map((load) => load[key]));
      return `p50 ${short(of('p50'))} µs, p99 ${short(of('p99'))} µs, ${driverOf(rows)(who)}`;
    });
  }
}

async function lookAtSyncs({ load, peers, scratch }: Bench): Promise<void> {
  for (const peer of peers) {
    const syncs = await syncsPerAnswer(load, peer, scratch);
    if (syncs === undefined) {
      console.log(
        'strace is not here: that they sync as they say is not looked at (Debian: apt-get install strace)',
      );
      return;
    }
    const says = peer.synced ? 'syncs before it acknowledges' : 'does not sync before it acknowledges';
    console.log(`${peer.name} ${says}: ${syncs.toFixed(2)} syncs for each answer`);
    if (peer.synced !== syncs >= 0.9) throw new Error('That is not so: it cannot be compared.');
  }
}
