// What it costs to keep the log short. Messages go to twenty mailboxes, and nineteen of them are emptied as fast as they fill. So each segment
// keeps a few live messages, which compaction has to copy. For comparison, the same runs without collectors, so that nothing is ever freed.
// Compaction copies runs of messages of one mailbox together, so it has most to do if each message goes to a different mailbox from the last.

import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Program } from '../lib/process.ts';
import { RelayProcess } from '../lib/relay-process.ts';
import { fill, type Shape } from './load.ts';
import { type Bench, inTurns, type Row, report } from './part.ts';

const MAILBOXES = 20;
const SHAPE: Shape = { senders: 32, outstanding: 64, size: 128, mailboxes: MAILBOXES };
/** How many messages in a row go to the same mailbox. */
const BURSTS = [64, 1];
/** How many messages are sent to warm up, and how many are measured: about ten seconds, with several checkpoints. All mailboxes get the same number. */
const BEFORE = 300 * MAILBOXES * 64;
const COUNT = 1500 * MAILBOXES * 64;
const MB = 1024 * 1024;
/** How long the collectors may take for what is left at the end, in milliseconds. */
const PATIENCE_MS = 30_000;

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Measured {
  /** Messages stored a second. */
  readonly rate: number;
  /** The 99th percentile of how late the relay's event loop was, in milliseconds. */
  readonly late: number;
  /** How much of the disk the journal takes, and how much of that are bodies still held, in megabytes. */
  readonly disk: number;
  readonly live: number;
}

/** Measures it. @throws Error if a message is missing, or if the collectors fail */
export async function steady(bench: Bench): Promise<void> {
  for (const burst of BURSTS) {
    const shape = { ...SHAPE, burst };
    const title = `${MAILBOXES} mailboxes, ${burst === 1 ? 'one' : burst} in a row to each`;
    const cases = [
      { name: 'nobody collects', collected: 0 },
      { name: `${MAILBOXES - 1} are collected`, collected: MAILBOXES - 1 },
    ];
    const rows = await inTurns(bench, title, cases, ({ collected }) => measure(bench, shape, collected));
    const show = (what: string, unit: string, of: (one: Measured) => number): void => {
      const values = rows.map((each): Row<number> => ({ who: each.who, values: each.values.map(of) }));
      const compare = unit === 'MB' ? 'not' : 'this/first';
      report(bench, { part: 'steady', row: `${title}: ${what}`, unit, compare }, values);
    };
    const load = `${SHAPE.size} B, ${SHAPE.senders}×${SHAPE.outstanding}`;
    show(`${load}; target: at least 0.75`, 'messages stored a second', ({ rate }) => rate);
    show('how late the event loop is, p99; target: at most 15 ms', 'ms', ({ late }) => late);
    show('disk space of the journal', 'MB', ({ disk }) => disk);
    show(
      'how much of it is above 3 × the bodies still held; target: at most 256',
      'MB',
      ({ disk, live }) => disk - 3 * live,
    );
  }
}

async function measure({ load, scratch }: Bench, shape: Shape, collected: number): Promise<Measured> {
  const dir = mkdtempSync(path.join(scratch, 'steady-'));
  const relay = await RelayProcess.start(dir, [], ['--import', pathToFileURL(fileOf('loop-delay.mjs')).href]);
  const names = Array.from({ length: collected }, (_, index) => `mail${index + 1}`);
  const collectors = new Program(fileOf('collectors.mjs'), [`${relay.port}`, ...names]);
  try {
    if ((await collectors.says(/here/)) === undefined) throw new Error(`no collectors: ${collectors.stderr}`);
    await fill(load, relay.port, shape, BEFORE);
    await lateness(relay);
    const { rate } = await fill(load, relay.port, shape, COUNT);
    const late = await lateness(relay);
    const [disk, live] = [sizeOf(dir), ((await relay.held()) * SHAPE.size) / MB];
    if (collected > 0 && collectors.exit !== undefined)
      throw new Error(`the collectors ended: ${collectors.stderr}`);
    await collectedAllBut(((BEFORE + COUNT) / MAILBOXES) * (MAILBOXES - collected), relay);
    return { rate, late, disk, live };
  } finally {
    collectors.child.kill('SIGKILL');
    await collectors.ended;
    await relay.end();
  }
}

// The last messages may still be on their way to their collectors.
async function collectedAllBut(left: number, relay: RelayProcess): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (let held = await relay.held(); held !== left; held = await relay.held()) {
    if (performance.now() > until) throw new Error(`${held} are held instead of ${left}`);
    await pause(200);
  }
}

async function lateness(relay: RelayProcess): Promise<number> {
  const from = relay.program.stderr.length;
  relay.program.child.kill('SIGUSR2');
  const said = await relay.program.says(/event loop p99 ([\d.]+) ms/, from);
  return Number(said?.[1]);
}

// What the files take of the disk, in megabytes.
function sizeOf(dir: string): number {
  const sizes = readdirSync(dir).map((name) => statSync(path.join(dir, name), { throwIfNoEntry: false }));
  return sizes.reduce((sum, stat) => sum + (stat?.blocks ?? 0) * 512, 0) / MB;
}
