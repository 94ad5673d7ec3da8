// Power cuts under load. A Linux kernel runs as a process (user-mode Linux) with its own disk, on which the relay works. Clients keep the
// relay busy: they send, send again, collect, acknowledge and leave, and report what they were told. The kernel is killed at random moments,
// what is on its disk is opened and compared with the reports, and the kernel is booted again. Whatever was told must be true: a message
// that was STORED is there, byte by byte, or was acknowledged or has expired; no number was given twice; what was durably acknowledged does
// not come back; an id is known.
//
// A killed kernel loses its page cache, as in a power cut. So this finds a sync that is missing or reported too early, and steps in the
// wrong order around one: for files, and for directories unless ext4 happens to write their names with something else. Some of the relays
// are killed first, so that another relay has opened what they left when the power goes. It does not find what only a real disk does:
// sectors torn in the middle, writes that the device reorders in its own cache, a drive that lies about what it has flushed.
//
//   npx tsx scripts/power-cuts.ts [--cuts 60] [--seed N]
//   npx tsx scripts/power-cuts.ts --control [--cuts 30] [--seed N]   succeeds if file systems that do not sync are caught
//
// It needs Debian's packages user-mode-linux, e2fsprogs and iproute2, and installs them when it runs as root. Without them it says so and
// runs nothing.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '../src/cli/render/output.ts';
import { bundle } from './lib/bundle.ts';
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

/** The time in which everything must end, in milliseconds. */
const limitOf = (cuts: number): number => 2 * 60_000 + cuts * 10_000;

const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
const dir = mkdtempSync(join(tmpdir(), 'detour-power-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

/** Cuts the power of one machine. Two machines at the same time gain nothing on two processors: each takes more than twice as long. */
async function cutPower(guest: string, cuts: number, lie?: Lie): Promise<Tally> {
  const watchdog = setTimeout(() => {
    console.log(`FAILED  it did not end in ${limitOf(cuts) / 1000} s`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  }, limitOf(cuts));
  const bar = new Progress(cuts);
  const progress = (survived: number): void => bar.show(survived, 'power cuts survived');
  const own = mkdtempSync(join(dir, 'machine-'));
  const trial = new Trial({ dir: own, seed, guest, progress, ...(lie === undefined ? {} : { lie }) });
  try {
    return await trial.run(cuts);
  } finally {
    bar.end();
    clearTimeout(watchdog);
  }
}

async function main(guest: string, cuts: number): Promise<number> {
  const began = performance.now();
  const tally = await cutPower(guest, cuts);
  const { violations } = tally;
  const never = (['checkpoints', 'moves', 'freed'] as const).filter((what) => tally[what] === 0);
  // With only a few cuts, some of these may be missing.
  if (violations.length === 0 && cuts >= 30) {
    if (never.length > 0) violations.push(`there were no ${never.join(', ')}`);
    if (tally.busy < cuts / 2)
      violations.push(`only ${tally.busy} of ${cuts} cuts came while senders were busy`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const { stored, repeats, delivered, confirmed, expired } = tally.ledger;
  console.log(
    `${tally.cuts} power cuts in ${seconds} s: ${tally.busy} while senders were busy, ${tally.opening} while the log was being opened, ` +
      `${tally.killed} after a relay had been killed`,
  );
  console.log(
    `${stored} messages stored, ${repeats} repeats known; ${delivered} handed out, ${confirmed} acknowledgements confirmed, ` +
      `${expired} expired; up to ${tally.held} held`,
  );
  console.log(
    `${tally.checkpoints} checkpoints, ${tally.moves} entries moved, ${tally.freed} segments freed; ${tally.torn} torn commits`,
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
    console.log(`skipped: ${missing}`);
    console.log('0 passed, 0 failed');
    return 0;
  }
  const cuts = Number(flags.cuts ?? (flags.control ? 30 : 60));
  console.log(`${cuts} power cuts${flags.control ? ' at most for each lie' : ''}, --seed ${seed}`);
  const guest = join(dir, 'guest.mjs');
  bundle('power-cuts/guest.ts', guest);
  return flags.control ? control(guest, cuts) : main(guest, cuts);
});
