// How fast detour's own commands are: 100,000 messages sent, and collected into a file, beside what the load driver has stored with as many
// messages under way. The start of Node is not counted: the time begins when the relay tells of the first message, or when the first is shown.

import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { House } from '../lib/house.ts';
import { MAIN, Program } from '../lib/process.ts';
import { fill, runLoad, type Shape } from './load.ts';
import { type Bench, inTurns, report } from './part.ts';

const COUNT = 100_000;
const SHAPE: Shape = { senders: 1, outstanding: 256, size: 128 };
const BODY = 'x'.repeat(SHAPE.size);

/** Measures it. @throws Error if a command fails, or a message is missing */
export async function clients(bench: Bench): Promise<void> {
  const row = `${COUNT} of ${SHAPE.size} B by one command; 0.4 at least is wanted`;
  const all = [
    { name: 'the load driver, 1×256, stored', run: driver },
    { name: 'detour async send --count', run: send },
    { name: 'detour async receive into a file', run: receive },
  ];
  const rows = await inTurns(bench, row, all, ({ run }) => inHouse(bench, run));
  report(bench, { part: 'clients', row, unit: 'messages a second', compare: 'this/first' }, rows);
}

type Run = (bench: Bench, relay: House, dir: string) => Promise<number>;

async function inHouse(bench: Bench, run: Run): Promise<number> {
  const dir = mkdtempSync(path.join(bench.scratch, 'clients-'));
  const relay = await House.start(path.join(dir, 'journal'));
  try {
    return await run(bench, relay, dir);
  } finally {
    await relay.end();
  }
}

async function driver({ load, seconds }: Bench, { port }: House): Promise<number> {
  return (await runLoad(load, 'detour', port, SHAPE, seconds)).rate;
}

async function send(_bench: Bench, relay: House): Promise<number> {
  const args = [
    'async',
    'send',
    '--relay',
    `127.0.0.1:${relay.port}`,
    '--timeout',
    '5m',
    '--count',
    `${COUNT}`,
  ];
  const program = new Program(MAIN, [...args, BODY]);
  await relay.program.says(/^bob 1 from alice/m);
  const rate = await rateFromNow(program);
  const held = await relay.held();
  if (held !== COUNT) throw new Error(`${COUNT} were sent, and ${held} are held`);
  return rate;
}

async function receive({ load }: Bench, relay: House, dir: string): Promise<number> {
  await fill(load, relay.port, SHAPE, COUNT);
  const file = path.join(dir, 'shown');
  const stdout = openSync(file, 'w');
  const args = ['async', 'receive', '--as', 'mail0', '--relay', `127.0.0.1:${relay.port}`];
  const program = new Program(MAIN, args, { stdout });
  // The relay may not tell that somebody collects: so soon after much has come it sums up.
  while (fstatSync(stdout).size === 0 && program.exit === undefined) await pause(1);
  const rate = await rateFromNow(program);
  closeSync(stdout);
  const shown = readFileSync(file, 'latin1');
  const [first = ''] = shown.split('\n', 1);
  if (!first.endsWith(`: ${BODY}`) || shown !== `${first}\n`.repeat(COUNT))
    throw new Error(`${COUNT} were collected, and are not what is in the file`);
  const held = await relay.held();
  if (held !== 0) throw new Error(`${COUNT} were collected, and ${held} are still held`);
  return rate;
}

async function rateFromNow(program: Program): Promise<number> {
  const began = performance.now();
  const exit = await program.ended;
  const seconds = (performance.now() - began) / 1000;
  if (exit !== 0) throw new Error(`a command ended with ${exit}: ${program.stderr}`);
  return COUNT / seconds;
}
