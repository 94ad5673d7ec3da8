// What it costs that the relay says what it does: on its output alone, with --log into a file as well, and not at all. The command has no
// option that silences it, so the silent relay is a program of its own (silent-relay.mjs): the same relay without events.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runLoad, type Shape } from './load.ts';
import { type Bench, inTurns, report } from './part.ts';
import { DETOUR, type Peer } from './peers.ts';
import { withServer } from './server.ts';

const SHAPE: Shape = { senders: 32, outstanding: 64, size: 128 };
const SILENT = fileURLToPath(new URL('silent-relay.mjs', import.meta.url));

const RELAYS: readonly Pick<Peer, 'name' | 'program' | 'args'>[] = [
  {
    name: 'silent',
    program: process.execPath,
    args: (dir, port) => [SILENT, path.join(dir, 'journal'), `${port}`],
  },
  { ...DETOUR, name: 'talks, as a class runs it (target: at least 0.9)' },
  {
    ...DETOUR,
    name: 'talks, and --log FILE (target: at least 0.5)',
    args: (dir, port) => [...DETOUR.args(dir, port), '--log', path.join(dir, 'log')],
  },
];

/** Measures it. */
export async function talk(bench: Bench): Promise<void> {
  const row = `${SHAPE.size} B, ${SHAPE.senders}×${SHAPE.outstanding}`;
  const rows = await inTurns(bench, row, RELAYS, (relay) =>
    withServer(relay, bench.scratch, async (port) => {
      const { rate } = await runLoad(bench.load, 'detour', port, SHAPE, bench.seconds);
      return rate;
    }),
  );
  report(bench, { part: 'talk', row, unit: 'messages stored a second', compare: 'this/first' }, rows);
}
