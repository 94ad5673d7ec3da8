// How fast detour's own commands are: 100,000 messages sent, and collected into a file, compared with the load driver with as many messages in
// flight. Starting Node is not counted: the clock starts when the relay reports the first message, or when the first one is shown.

import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MAIN, Program } from '../lib/process.ts';
import { RelayProcess } from '../lib/relay-process.ts';
import { fill, runLoad, type Shape } from './load.ts';
import { type Bench, inTurns, report } from './part.ts';

const COUNT = 100_000;
const SHAPE: Shape = { senders: 1, outstanding: 256, size: 128 };
const BODY = 'x'.repeat(SHAPE.size);

/** Measures it. @throws Error if a command fails, or a message is missing */
export async function clients(bench: Bench): Promise<void> {
  const row = `${COUNT} of ${SHAPE.size} B by one command; target: at least 0.4`;
  const all = [
    { name: 'the load driver, 1×256, stored', run: driver },
    { name: 'detour async send --count', run: send },
    { name: 'detour async receive into a file', run: receive },
  ];
  const rows = await inTurns(bench, row, all, ({ run }) => withRelay(bench, run));
  report(bench, { part: 'clients', row, unit: 'messages a second', compare: 'this/first' }, rows);
}

type Run = (bench: Bench, relay: RelayProcess, dir: string) => Promise<number>;

async function withRelay(bench: Bench, run: Run): Promise<number> {
  const dir = mkdtempSync(path.join(bench.scratch, 'clients-'));
  const relay = await RelayProcess.start(path.join(dir, 'journal'));
  try {
    return await run(bench, relay, dir);
  } finally {
    await relay.end();
  }
}

async function driver({ load, seconds }: Bench, { port }: RelayProcess): Promise<number> {
  return (await runLoad(load, 'detour', port, SHAPE, seconds)).rate;
}

async function send(_bench: Bench, relay: RelayProcess): Promise<number> {
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
  if (held !== COUNT) throw new Error(`${COUNT} were sent, but ${held} are held`);
  return rate;
}

async function receive({ load }: Bench, relay: RelayProcess, dir: string): Promise<number> {
  await fill(load, relay.port, SHAPE, COUNT);
  const file = path.join(dir, 'shown');
  const stdout = openSync(file, 'w');
  const args = ['async', 'receive', '--as', 'mail0', '--relay', `127.0.0.1:${relay.port}`];
  const program = new Program(MAIN, args, { stdout });
  // The relay may not report the collector: shortly after a burst it only sums up.
  while (fstatSync(stdout).size === 0 && program.exit === undefined) await pause(1);
  const rate = await rateFromNow(program);
  closeSync(stdout);
  const shown = readFileSync(file, 'latin1');
  const [first = ''] = shown.split('\n', 1);
  if (!first.endsWith(`: ${BODY}`) || shown !== `${first}\n`.repeat(COUNT))
    throw new Error(`${COUNT} were collected, but the file holds something else`);
  const held = await relay.held();
  if (held !== 0) throw new Error(`${COUNT} were collected, but ${held} are still held`);
  return rate;
}

async function rateFromNow(program: Program): Promise<number> {
  const began = performance.now();
  const exit = await program.ended;
  const seconds = (performance.now() - began) / 1000;
  if (exit !== 0) throw new Error(`a command ended with ${exit}: ${program.stderr}`);
  return COUNT / seconds;
}
