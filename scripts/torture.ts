// Breaks the write-ahead log at every step of a scripted run on a simulated disk (test/async/log/simulated-files.ts) and checks that nothing
// that was durable is lost: kills, power cuts, failing calls, random histories; then 60 kills of a real process on the real disk, by strace.
// `--all` (`npm run torture`) tries every step for every error (otherwise every eighth, another eighth for each seed), more histories, and
// the attacks (torture/attacks.ts). `--seed N` repeats a run. `npx tsx scripts/torture.ts held crowd` makes only these attacks.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '../src/cli/render/output.ts';
import { prng as randomFrom } from '../src/core/prng.ts';
import type { Fault } from '../test/async/log/simulated-files.ts';
import { crash, failAt, history, killAt, steps } from '../test/async/log/torture.ts';
import { ATTACKS, attack } from './torture/attacks.ts';
import { CALLS, killCall, straceWorks } from './torture/strace.ts';

/** A run that takes longer than this many milliseconds hangs, and is reported by name. */
const HANGS_MS = 60_000;
/** An attack that takes longer than this many milliseconds hangs, and is reported by name. */
const ATTACK_HANGS_MS = 20 * 60_000;

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, all: { type: 'boolean' } },
  allowPositionals: true,
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const all = values.all === true;
const ERRORS: readonly Exclude<Fault, 'kill'>[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', 'short'];
const HISTORIES = all ? 20_000 : 4000;
const REAL_KILLS = 60;
/** The most steps that opening a small log and doing a little takes. */
const OPENING_STEPS = 24;

let passed = 0;
let failed = 0;

async function attempt(name: string, run: () => Promise<unknown>, hangsMs = HANGS_MS): Promise<void> {
  const hangs = setTimeout(() => {
    console.error(`${name} hangs (seed ${seed})`);
    process.exit(1);
  }, hangsMs);
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed += 1;
    if (failed <= 10) console.error(`${name} (seed ${seed}):`, error);
  }
  clearTimeout(hangs);
}

async function part(name: string, runs: number, run: (index: number) => Promise<void>): Promise<void> {
  const began = performance.now();
  const before = passed + failed;
  const progress = new Progress(runs);
  for (let index = 0; index < runs; index++) {
    await run(index);
    progress.show(index + 1, name);
  }
  progress.end();
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`${name}: ${passed + failed - before} runs, ${seconds} s`);
}

async function attacked(names: readonly string[]): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'detour-attacks-'));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
  for (const name of names) await attempt(name, () => attack(name, scratch), ATTACK_HANGS_MS);
}

function conclude(): void {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (positionals.length > 0) {
  await attacked(positionals);
  conclude();
  process.exit();
}
const count = await steps();
const chance = (step: number): (() => number) => randomFrom(seed * 31 + step);
console.log(`seed ${seed}; the script takes ${count} steps`);
await part('killed at every step', count, (i) =>
  attempt(`a kill at step ${i + 1}`, () => killAt(i + 1, false, chance(i))),
);
await part('power cut at every step', count, (i) =>
  attempt(`a power cut at step ${i + 1}`, () => killAt(i + 1, true, chance(i))),
);
const HOW = ['before', 'after', 'half'] as const;
for (const messages of all ? [1, 2, 3] : [2]) {
  const small = await steps(messages);
  await part(`every pair of crashes in a run of ${messages}`, small, async (first) => {
    for (let second = 1; second <= OPENING_STEPS; second++)
      for (let way = 0; way < 36; way += all ? 1 : 5) {
        const crashes = [
          { step: first + 1, how: HOW[way % 3] ?? 'before', power: way % 2 === 0 },
          { step: second, how: HOW[Math.floor(way / 12)] ?? 'before', power: Math.floor(way / 6) % 2 === 0 },
        ];
        await attempt(`crashes ${JSON.stringify(crashes)}`, () =>
          crash(crashes, messages, chance(first + way)),
        );
      }
  });
}
for (const error of ERRORS) {
  const every = all ? 1 : 8;
  const first = seed % every;
  await part(
    `${error} at every ${all ? '' : '8th '}step`,
    Math.floor((count - first + every - 1) / every),
    (i) => {
      const step = 1 + first + i * every;
      return attempt(`${error} at step ${step}`, () => failAt(step, error, chance(step)));
    },
  );
}
let operations = 0;
await part('random histories', HISTORIES, (i) =>
  attempt(`history ${i}`, async () => {
    operations += await history(chance(i));
  }),
);
console.log(`${operations} random operations`);
if (straceWorks()) {
  const calls = Object.entries(CALLS) as [keyof typeof CALLS, number][];
  const random = chance(0);
  let killed = 0;
  await part('a real process killed by strace', REAL_KILLS, (i) => {
    const [call, often] = calls[i % calls.length] ?? ['pwrite64', 1];
    const when = 1 + Math.floor(random() * often);
    return attempt(`a kill at ${call} ${when}`, async () => {
      if (await killCall(call, when)) killed += 1;
    });
  });
  console.log(`${killed} of ${REAL_KILLS} were killed at their call`);
} else console.log('strace does not work here: the kills of a real process are skipped');
if (all) await attacked(Object.keys(ATTACKS));
conclude();
