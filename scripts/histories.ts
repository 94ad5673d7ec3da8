// Random histories of the relay for some minutes: its state is compared with a naive one (test/async/state), and what a whole relay says
// with what is true (test/async/relay-histories.ts). Before that, all small histories of the state.
// `npx tsx scripts/histories.ts [--minutes N] [--seed N]`.

import { parseArgs } from 'node:util';
import { Progress } from '../src/cli/render/output.ts';
import { prng } from '../src/core/prng.ts';
import { history as relayHistory } from '../test/async/relay-histories.ts';
import { history as stateHistory } from '../test/async/state/histories.ts';
import { everySmallHistory, everySmallLoss } from '../test/async/state/small.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, minutes: { type: 'string', default: '2.5' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const budget = Number(values.minutes) * 60_000;

let [passed, failed] = [0, 0];

/** Runs random histories until its share of the time is over. */
async function part(
  name: string,
  share: number,
  run: (chance: () => number) => Promise<unknown>,
): Promise<void> {
  const began = performance.now();
  const total = Math.ceil((budget * share) / 1000);
  const progress = new Progress(total);
  let runs = 0;
  while (performance.now() - began < budget * share) {
    try {
      await run(prng(seed + runs));
      passed += 1;
    } catch (error) {
      failed += 1;
      if (failed <= 5) console.error(`${name} with --seed ${seed + runs}:`, error);
    }
    runs += 1;
    progress.show(Math.min(total, Math.round((performance.now() - began) / 1000)), `s  ${name}: ${runs}`);
  }
  progress.end();
  console.log(`${name}: ${runs} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

console.log(`seed ${seed}`);
for (const [name, run] of [
  ['small histories of the state, a checkpoint at every place', everySmallHistory],
  ['small histories with a loss at every place', everySmallLoss],
] as const) {
  const began = performance.now();
  const count = await run(4, true);
  passed += count;
  console.log(`${name}: ${count} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}
await part('random histories of the state', 0.5, (random) => stateHistory(random));
await part('random histories of the state, with losses', 0.2, (random) => stateHistory(random, true));
await part('random histories of a relay', 0.3, (random) => relayHistory(random, 60));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
