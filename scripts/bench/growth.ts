// What size costs: how many messages a second a relay stores when it already holds many, has many mailboxes, or has many senders.

import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { RelayProcess } from '../lib/relay-process.ts';
import { fill, runLoad, type Shape } from './load.ts';
import { type Bench, inTurns, report } from './part.ts';

const SHAPE: Shape = { senders: 32, outstanding: 64, size: 128 };

interface Case {
  readonly name: string;
  readonly shape: Shape;
  /** How many messages it holds at the start. */
  readonly held: number;
}

const held = (count: number): Case => ({ name: `${count} held`, shape: SHAPE, held: count });

// Each mailbox holds one message at the start, and all get more in turn.
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
  'with more senders, each with one message in flight': [1, 10, 100, 500].map(senders),
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
  let relay = await RelayProcess.start(dir);
  try {
    if (before > 0) {
      await fill(load, relay.port, shape, before);
      // A relay that has just stored many messages is faster, because its code is compiled. So every case starts with a fresh process.
      await relay.end();
      relay = await RelayProcess.start(dir);
    }
    return (await runLoad(load, 'detour', relay.port, shape, seconds)).rate;
  } finally {
    await relay.end();
    rmSync(dir, { recursive: true, force: true });
  }
}
