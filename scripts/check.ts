// Does `detour check` grade right? Correct programs must pass every stage, and programs with one planted bug must fail at the stage for it.
//
//   npx tsx scripts/check.ts [--runs 5] [--own 1] [--bugs all|some|none] [--all] [--at-once 2] [--busy 0] [--seed N] [--role ROLE]
//
// `--runs`: how often each correct program is checked, and `--own`: how often detour's own programs are. `--all`: try all stages of a program
// with a bug, and list those that fail. `--at-once`: programs that are checked at the same time, and `--busy`: processes that only use up time
// meanwhile.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CheckResult, ROLES, type Role, runCheck } from '../src/lab/check/run.ts';
import { BUGS } from '../test/lab/check/bugs.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    own: { type: 'string', default: '1' },
    all: { type: 'boolean', default: false },
    'at-once': { type: 'string', default: '2' },
    busy: { type: 'string', default: '0' },
    bugs: { type: 'string', default: 'some' },
    seed: { type: 'string', default: '1' },
    role: { type: 'string' },
  },
});

const PROGRAMS = fileURLToPath(new URL('../test/lab/check/programs/', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** With `--bugs some`: every fourth, and the last four of each role, which are about kills. */
const EVERY = 4;

process.env.PYTHONDONTWRITEBYTECODE = '1';
// Output is buffered, as it is by default, so that a forgotten flush is found.
process.env.PYTHONUNBUFFERED = '';

const detour = (...words: string[]): string[] => [process.execPath, MAIN, ...words];
const OWN: Readonly<Record<Role, readonly string[]>> = {
  receiver: detour('sync', 'receive', '--port', '{port}', '--as', '{as}'),
  sender: detour('sync', 'send', '--lines', '--to', '{to}', '--as', '{as}', '--timeout', '{timeout}s'),
  depositor: detour(
    ...['async', 'send', '--lines', '--relay', '{relay}', '--to', '{to}'],
    ...['--as', '{as}', '--timeout', '{timeout}s'],
  ),
  collector: detour('async', 'receive', '--relay', '{relay}', '--as', '{as}'),
  relay: detour('async', 'relay', '--port', '{port}', '--journal', '{journal}'),
};

interface Job {
  readonly title: string;
  readonly role: Role;
  readonly command: readonly string[];
  readonly seed: number;
  /** The stages one of which must be the first that fails; undefined: none may fail. */
  readonly finds?: string | undefined;
}

const roles = (Object.keys(ROLES) as Role[]).filter(
  (role) => values.role === undefined || role === values.role,
);
const python = (role: Role, bug: string): string[] => [
  '/usr/bin/env',
  `BUG=${bug}`,
  'python3',
  `${PROGRAMS}${role}.py`,
];

function jobs(): Job[] {
  const seed = Number(values.seed);
  return roles.flatMap((role) => [
    ...(values.bugs === 'none' ? [] : Object.entries(BUGS[role]))
      .filter((_, index, all) => values.bugs === 'all' || index % EVERY === 0 || index >= all.length - EVERY)
      .map(([bug, finds]) => ({
        title: `${role}, bug ${bug}`,
        role,
        command: python(role, bug),
        seed,
        finds,
      })),
    ...Array.from({ length: Number(values.runs) }, (_, run) => ({
      title: `${role}, correct, run ${run + 1}`,
      role,
      command: python(role, ''),
      seed: seed + run,
    })),
    ...Array.from({ length: Number(values.own) }, (_, run) => ({
      title: `${role}, detour's own, run ${run + 1}`,
      role,
      command: OWN[role],
      seed: seed + run,
    })),
  ]);
}

/** What is wrong with the result; empty if it is as it must be. */
function faultOf({ finds }: Job, { stages }: CheckResult): string {
  // On a computer that is kept busy on purpose it may be impossible to tell.
  const isBusy = values.busy !== '0';
  const bad = stages.filter(({ status }) => status === 'failed' || (status === 'undecided' && !isBusy));
  const text = bad.map(
    ({ stage, status, problem, reason }) =>
      `${stage.name} ${status}: ${problem === undefined ? reason : `expected ${problem.expected}, came ${problem.came}`}`,
  );
  if (finds === undefined) return text.join('; ');
  const first = bad[0];
  if (first === undefined) return `not found, but it should have failed at ${finds}`;
  return first.status === 'failed' && finds.split(' ').includes(first.stage.name)
    ? ''
    : `should fail at ${finds}: ${text.join('; ')}`;
}

const busy = Array.from({ length: Number(values.busy) }, () =>
  spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
);
process.on('exit', () => {
  for (const child of busy) child.kill('SIGKILL');
});
let passed = 0;
let failed = 0;
const waiting = jobs();
const began = performance.now();
await Promise.all(
  Array.from({ length: Number(values['at-once']) }, async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const { role, command, seed, finds } = job;
      const start = performance.now();
      const result = await runCheck({
        role,
        command,
        seed,
        all: finds === undefined || values.all,
        deadlineMs: 2000,
      });
      const fault = faultOf(job, result);
      if (fault === '') passed += 1;
      else failed += 1;
      const took = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
      const others = result.stages
        .filter(({ status }) => status === 'failed' || status === 'undecided')
        .map(({ stage, status }) => `${stage.name}${status === 'failed' ? '' : ' could not tell'}`);
      console.log(
        `${fault === '' ? 'ok    ' : 'FAILED'} ${took} s  ${[job.title, ...others].join(', ')}${fault === '' ? '' : `, seed ${seed}: ${fault}`}`,
      );
    }
  }),
);
for (const child of busy) child.kill('SIGKILL');
console.log(`in ${((performance.now() - began) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
