// What it costs that there is more of everything: how many messages a second a relay stores that holds much already, that has many
// mailboxes, and many senders.

import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { House } from '../lib/house.ts';
import { fill, runLoad, type Shape } from './load.ts';
import { type Bench, inTurns, report } from './part.ts';

const SHAPE: Shape = { senders: 32, outstanding: 64, size: 128 };

interface Case {
  readonly name: string;
  readonly shape: Shape;
  /** Messages that it holds before. */
  readonly held: number;
}

const held = (count: number): Case => ({ name: `${count} held`, shape: SHAPE, held: count });

// Each has mail before, and gets more in its turn.
const mailboxes = (count: number): Case => ({
  name: count === 1 ? '1 mailbox' : `${count} mailboxes`,
  shape: { ...SHAPE, mailboxes: count },
  held: count,
});

const senders = (count: number): Case => ({
  name: count === 1 ? '1 sender' : `${count} senders`,
  shape: { ...SHAPE, senders: count, outstanding: 1 },
  held: 0,
});

const GROWTHS: Readonly<Record<string, readonly Case[]>> = {
  'with more held, 32×64': [10_000, 100_000, 1_000_000, 5_000_000].map(held),
  'with more mailboxes, 32×64': [1, 100, 10_000, 100_000].map(mailboxes),
  'with more senders, each with one message under way': [1, 10, 100, 500].map(senders),
};

/** Measures it. */
export async function growth(bench: Bench): Promise<void> {
  for (const [growing, cases] of Object.entries(GROWTHS)) {
    const row = `${SHAPE.size} B, ${growing}`;
    const rows = await inTurns(bench, row, cases, (one) => measure(bench, one));
    report(bench, { part: 'growth', row, unit: 'messages stored a second', compare: 'this/first' }, rows);
  }
}

async function measure({ load, scratch, seconds }: Bench, { shape, held: before }: Case): Promise<number> {
  const dir = mkdtempSync(path.join(scratch, 'growth-'));
  let relay = await House.start(dir);
  try {
    if (before > 0) {
      await fill(load, relay.port, shape, before);
      // One that has just taken much is faster: its code is compiled. So each begins anew.
      await relay.end();
      relay = await House.start(dir);
    }
    return (await runLoad(load, 'detour', relay.port, shape, seconds)).rate;
  } finally {
    await relay.end();
    rmSync(dir, { recursive: true, force: true });
  }
}
