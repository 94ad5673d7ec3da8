// What it costs to keep the log short: messages come to twenty mailboxes, and all but one are collected as fast as they fill. So each segment
// holds a few messages for ever, which compaction has to write again. Beside it the same without collectors, where nothing goes. Compaction
// writes again together what came together: it has most to do if each message goes to another mailbox than the one before.

import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { House } from '../lib/house.ts';
import { Program } from '../lib/process.ts';
import { fill, type Shape } from './load.ts';
import { type Bench, inTurns, type Row, report } from './part.ts';

const MAILBOXES = 20;
const SHAPE: Shape = { senders: 32, outstanding: 64, size: 128, mailboxes: MAILBOXES };
/** How many messages in a row go to the same mailbox. */
const BURSTS = [64, 1];
/** The warm-up, and what is measured: it takes some ten seconds, with several checkpoints. Each mailbox gets as many as the others. */
const BEFORE = 300 * MAILBOXES * 64;
const COUNT = 1500 * MAILBOXES * 64;
const MB = 1024 * 1024;
/** So long collectors may need for the rest, in milliseconds. */
const PATIENCE_MS = 30_000;

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Measured {
  /** Messages stored a second. */
  readonly rate: number;
  /** How late the relay's event loop was at the most in 99 of 100 cases, in milliseconds. */
  readonly late: number;
  /** What the journal takes of the disk, in megabytes, and the bodies in it that are still held. */
  readonly disk: number;
  readonly lives: number;
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
    show(`${load}; wanted: 0.75`, 'messages stored a second', ({ rate }) => rate);
    show('how late the event loop is, p99; wanted: 15 ms', 'ms', ({ late }) => late);
    show('what the journal takes of the disk', 'MB', ({ disk }) => disk);
    show(
      'and that is above 3 × the bodies that are held; wanted: 256',
      'MB',
      ({ disk, lives }) => disk - 3 * lives,
    );
  }
}

async function measure({ load, scratch }: Bench, shape: Shape, collected: number): Promise<Measured> {
  const dir = mkdtempSync(path.join(scratch, 'steady-'));
  const relay = await House.start(dir, [], ['--import', pathToFileURL(fileOf('loop-delay.mjs')).href]);
  const names = Array.from({ length: collected }, (_, index) => `mail${index + 1}`);
  const collectors = new Program(fileOf('collectors.mjs'), [`${relay.port}`, ...names]);
  try {
    if ((await collectors.says(/here/)) === undefined) throw new Error(`no collectors: ${collectors.stderr}`);
    await fill(load, relay.port, shape, BEFORE);
    await lateness(relay);
    const { rate } = await fill(load, relay.port, shape, COUNT);
    const late = await lateness(relay);
    const [disk, lives] = [sizeOf(dir), ((await relay.held()) * SHAPE.size) / MB];
    if (collected > 0 && collectors.exit !== undefined)
      throw new Error(`the collectors ended: ${collectors.stderr}`);
    await collectedAllBut(((BEFORE + COUNT) / MAILBOXES) * (MAILBOXES - collected), relay);
    return { rate, late, disk, lives };
  } finally {
    collectors.child.kill('SIGKILL');
    await collectors.ended;
    await relay.end();
  }
}

// What was answered last may be under way to its collector.
async function collectedAllBut(left: number, relay: House): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (let held = await relay.held(); held !== left; held = await relay.held()) {
    if (performance.now() > until) throw new Error(`${held} are held, and ${left} were to be`);
    await pause(200);
  }
}

async function lateness(relay: House): Promise<number> {
  const from = relay.program.stderr.length;
  relay.program.child.kill('SIGUSR2');
  const said = await relay.program.says(/event loop p99 ([\d.]+) ms/, from);
  return Number(said?.[1]);
}

// In megabytes of the disk.
function sizeOf(dir: string): number {
  const sizes = readdirSync(dir).map((name) => statSync(path.join(dir, name), { throwIfNoEntry: false }));
  return sizes.reduce((sum, stat) => sum + (stat?.blocks ?? 0) * 512, 0) / MB;
}
