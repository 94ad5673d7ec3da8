// Power cuts under load: a Linux kernel as a process (user-mode Linux) with a disk of its own, on which a program appends to the log of the
// relay, makes checkpoints, moves entries and frees segments. The kernel is killed at random moments and booted again on the same disk.
// Whatever was acknowledged must be there: in order, without a gap, byte by byte; and nothing that was deleted.
//
// A killed kernel loses its page cache, as in a power cut. So this finds a sync that is missing, or that is said to be done too early, and
// what is done in the wrong order around one: of files, and of directories, as far as ext4 does not write their names with something else.
// Some of the programs are killed first, so that another one has opened what they left when the power goes. It does not find what only a
// real disk does: sectors torn in the middle, writes that the device reorders in its own cache, a drive that lies about what it has flushed.
//
//   npx tsx scripts/power-cuts.ts [--cuts 60] [--seed N]
//   npx tsx scripts/power-cuts.ts --control [--cuts 30] [--seed N]   succeeds if file systems that do not sync are caught
//
// It needs Debian's package user-mode-linux, and installs it when it runs as root. Where there is none, it is left out, and says so.

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/broken.ts';
import { conclude } from './lib/control.ts';
import { LIES, type Lie } from './power-cuts/lies.ts';
import { installed } from './power-cuts/machine.ts';
import { type Tally, Trial } from './power-cuts/trial.ts';
import { setUp } from './setup.mjs';

const { values: flags } = parseArgs({
  options: {
    cuts: { type: 'string' },
    seed: { type: 'string' },
    control: { type: 'boolean', default: false },
  },
});

/** Nothing here may take longer, in milliseconds, than a good many cuts would. */
const limitOf = (cuts: number): number => 2 * 60_000 + cuts * 10_000;

const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
const dir = mkdtempSync(join(tmpdir(), 'detour-power-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

// One file of plain JavaScript: Node 20 takes no other, tsx needs three seconds to start in the guest, and twenty files one. tsx brings
// its compiler along.
function compileGuest(): string {
  const compiler = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Compiler;
  const outfile = join(dir, 'guest.mjs');
  const entryPoints = [join(ROOT, 'scripts/power-cuts/guest.ts')];
  compiler.buildSync({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm' });
  return outfile;
}

interface Compiler {
  buildSync(options: Readonly<Record<string, unknown>>): unknown;
}

/** Cuts the power of one machine. Two side by side gain nothing on two processors: each takes more than twice as long. */
async function cutPower(guest: string, cuts: number, lie?: Lie): Promise<Tally> {
  const watchdog = setTimeout(() => {
    console.log(`FAILED  it did not end in ${limitOf(cuts) / 1000} s`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  }, limitOf(cuts));
  const progress = (survived: number): void => {
    const end = survived === cuts ? '\n' : '';
    if (process.stderr.isTTY) process.stderr.write(`\r${survived} of ${cuts} power cuts survived${end}`);
  };
  const own = mkdtempSync(join(dir, 'machine-'));
  const trial = new Trial({ dir: own, seed, guest, progress, ...(lie === undefined ? {} : { lie }) });
  try {
    return await trial.run(cuts);
  } finally {
    clearTimeout(watchdog);
  }
}

async function main(guest: string, cuts: number): Promise<number> {
  const began = performance.now();
  const tally = await cutPower(guest, cuts);
  const { violations } = tally;
  const never = (['checkpoints', 'moves', 'freed'] as const).filter((what) => tally[what] === 0);
  // Of a few cuts nothing can be expected.
  if (violations.length === 0 && cuts >= 30) {
    if (never.length > 0) violations.push(`there were no ${never.join(', ')}`);
    if (tally.appending < cuts / 2)
      violations.push(`only ${tally.appending} of ${cuts} cuts came while the program was appending`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${tally.cuts} power cuts in ${seconds} s: ${tally.appending} while the program was appending, ${tally.opening} while the log was ` +
      `being opened, ${tally.killed} after the program had been killed`,
  );
  console.log(
    `${tally.acknowledged} entries acknowledged; ${tally.checkpoints} checkpoints, ${tally.moves} entries moved, ${tally.freed} ` +
      `segments freed; ${tally.torn} torn commits`,
  );
  for (const violation of violations) console.log(`FAILED  ${violation}`);
  console.log(`${tally.good} passed, ${violations.length} failed`);
  return violations.length === 0 ? 0 : 1;
}

async function control(guest: string, cuts: number): Promise<number> {
  let caught = 0;
  for (const lie of LIES) {
    const { violations } = await cutPower(guest, cuts, lie);
    const [violation] = violations;
    if (violation !== undefined) caught += 1;
    console.log(`${lie}: ${violation === undefined ? `not caught by ${cuts} cuts` : `caught ${violation}`}`);
  }
  console.log(`${caught} passed, ${LIES.length - caught} failed`);
  return caught === LIES.length ? 0 : 1;
}

setUp();
await conclude(() => {
  const missing = installed();
  if (missing !== undefined) {
    console.log(`left out: ${missing}`);
    console.log('0 passed, 0 failed');
    return 0;
  }
  const cuts = Number(flags.cuts ?? (flags.control ? 30 : 60));
  console.log(`${cuts} power cuts${flags.control ? ' at most for each lie' : ''}, --seed ${seed}`);
  const guest = compileGuest();
  return flags.control ? control(guest, cuts) : main(guest, cuts);
});
