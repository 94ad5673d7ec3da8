// Are the verdicts true? In thousands of runs, the network and the processes fail around what real senders send, at every phase of a
// message and in every possible way. Then everything is mended and drained, and what the receiving programs really handled and the relay
// really held is compared with what the senders were told:
//
//   DELIVERED      it was handled.
//   STORED         it was handled or still held: under the number that was told and no other, in order.
//   NOT DELIVERED  it was never handled, not even later.
//   UNKNOWN        only where both are possible: for everything that a sender can see, there is a run in which the message was handled
//                  and one in which it was not. Otherwise the sender could have known.
//
// Most runs happen in this process, with the real classes on real sockets through the link (verdicts/), so that a fault strikes exactly
// where it should. The others use real processes that are killed, frozen and stopped, with `detour link` between them (verdicts/real.ts).
//
//   npx tsx scripts/verdicts.ts [--runs 2000] [--real 220] [--seed N]
//   npx tsx scripts/verdicts.ts --seed N --run NAME     repeats one run and prints its events
//   npx tsx scripts/verdicts.ts --control               succeeds if parts that lie are caught

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Progress } from '../src/cli/render/output.ts';
import { verdictText } from '../src/core/verdicts.ts';
import { conclude, control, lieNamed } from './lib/control.ts';
import { MAIN } from './lib/process.ts';
import { setUp } from './setup.mjs';
import { batch } from './verdicts/batch.ts';
import { LIES } from './verdicts/lies.ts';
import { type Parts, REAL } from './verdicts/parts.ts';
import { scheduleNamed } from './verdicts/plan.ts';
import { realRuns } from './verdicts/real.ts';
import { reportOf } from './verdicts/report.ts';
import { perform } from './verdicts/run.ts';
import { storyLine } from './verdicts/story.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    real: { type: 'string', default: '220' },
    seed: { type: 'string' },
    run: { type: 'string' },
    lie: { type: 'string' },
    control: { type: 'boolean', default: false },
  },
});

/** The number of runs of a control: enough to meet each cell at least once. */
const CONTROL_RUNS = 600;

/** The time in which everything must end, in milliseconds. */
const limitOf = (runs: number): number => 5 * 60_000 + runs * 60;

const lie = lieNamed(LIES, flags.lie);
/** The parts of the programs that run in this process. */
const parts: Parts = { ...REAL, ...lie?.parts };

async function main(): Promise<number> {
  const runs = Number(flags.runs);
  const real = Number(flags.real);
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 1_000_000));
  console.log(
    `${runs} runs in one process and ${real} with real processes, --seed ${seed}${flags.lie === undefined ? '' : `, of ${flags.lie}`}`,
  );
  const watchdog = setTimeout(() => {
    console.log(`FAILED  it did not end in ${limitOf(runs) / 1000} s`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  }, limitOf(runs));
  const began = performance.now();
  const bar = new Progress(runs);
  const results = await batch({
    parts,
    at: lie?.at,
    seed,
    runs,
    progress: (made) => bar.show(made, 'in one process'),
  });
  bar.end();
  const report = reportOf(results, seed);
  const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  console.log(`${results.length} runs in one process, in ${seconds()}`);
  for (const line of report.lines) console.log(line);
  let { passed, failed } = report;
  if (real > 0) {
    const realBar = new Progress(real);
    const found = await realRuns({
      main: MAIN,
      seed,
      disturbances: real,
      progress: (made) => realBar.show(made, 'with real processes'),
    });
    realBar.end();
    for (const line of found.lines) console.log(line);
    passed += found.passed;
    failed += found.failed;
  }
  clearTimeout(watchdog);
  console.log(`in ${seconds()}`);
  console.log(`${passed} passed, ${failed} failed`);
  // Do not wait for what a broken relay still does.
  process.exit(failed === 0 ? 0 : 1);
}

async function again(name: string): Promise<number> {
  const { schedule, random } = scheduleNamed(Number(flags.seed), name);
  const { mode, phase, blows } = schedule;
  console.log(`${mode}, ${phase}: ${blows.map((blow) => JSON.stringify(blow)).join(', ')}`);
  const began = performance.now();
  const { said, handled, lies } = await perform(parts, schedule, random, (event) =>
    console.log(storyLine(event, performance.now() - began)),
  );
  console.log(
    `${said === undefined ? 'no verdict' : verdictText(said.verdict)}, ${said?.view ?? 'no sender'}; ${handled ? '' : 'never '}handled`,
  );
  for (const line of lies) console.log(`FAILED  ${line}`);
  console.log(lies.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
  process.exit(lies.length === 0 ? 0 : 1);
}

setUp();
await conclude(() => {
  if (flags.run !== undefined) return again(flags.run);
  if (!flags.control) return main();
  return control(LIES, {
    script: fileURLToPath(import.meta.url),
    args: (lie, attempt) => [
      ...['--runs', `${CONTROL_RUNS}`, '--real', '0', '--lie', lie],
      ...(flags.seed === undefined ? [] : ['--seed', `${Number(flags.seed) + attempt}`]),
    ],
    attempts: 3,
  });
});
