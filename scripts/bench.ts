// Measures detour's relay and what people would use instead, on this computer, in one run: `npm run bench`. It uses the brokers that are
// installed and names those that are missing. Each part is a file in bench/. In each round a part measures everything that it compares, one
// after another.
//
//   --rounds N     how many times each is measured (default: 7)
//   --seconds N    for how long each time, after two seconds of warm-up (default: 2)
//   --part NAME    only this part; repeatable: stores, drain, live, busy, direct, startup, clients, talk, memory, growth, steady
//   --only WORD    only the peers with this word in their name
//   --json FILE    writes all figures; `npx tsx scripts/bench/publish.ts FILE` makes bench/README.md and the picture from it
//   --install      installs the brokers, strace and a C compiler first; as root, on Debian

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { statusLine } from '../src/cli/render/output.ts';
import { busy } from './bench/busy.ts';
import { clients } from './bench/clients.ts';
import { direct } from './bench/direct.ts';
import { drain } from './bench/drain.ts';
import { growth } from './bench/growth.ts';
import { live } from './bench/live.ts';
import { compileLoad } from './bench/load.ts';
import { describe } from './bench/machine.ts';
import { memory } from './bench/memory.ts';
import type { Bench, Figure, Run } from './bench/part.ts';
import { DETOUR, find, PEERS } from './bench/peers.ts';
import { startup } from './bench/startup.ts';
import { steady } from './bench/steady.ts';
import { stores } from './bench/stores.ts';
import { talk } from './bench/talk.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    part: { type: 'string', multiple: true },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    install: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
  console.error('--rounds must be at least 1, and --seconds greater than 0.');
  process.exit(2);
}

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  stores,
  drain,
  live,
  busy,
  direct,
  startup,
  clients,
  talk,
  memory,
  growth,
  steady,
};
const chosen = values.part ?? Object.keys(PARTS);
for (const name of chosen.filter((each) => !(each in PARTS))) {
  console.error(`--part must be one of ${Object.keys(PARTS).join(', ')}; not ${name}.`);
  process.exit(2);
}

const scratch = mkdtempSync(path.join(tmpdir(), 'detour-bench-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130));

if (values.install) install();

const wanted = PEERS.filter(({ name }) => name.includes(values.only));
const missing = wanted.filter(({ program }) => find(program) === undefined);
for (const { name, package: from } of missing)
  console.log(`not installed: ${name} (Debian: apt-get install ${from})`);
const peers = [DETOUR, ...wanted.filter((peer) => !missing.includes(peer))];
if (find('cc') === undefined) {
  console.error(
    'The load driver is written in C, and no C compiler is installed (Debian: apt-get install gcc libc6-dev).',
  );
  process.exit(1);
}

const figures: Figure[] = [];
const bench: Bench = {
  ...{ rounds, seconds, scratch, peers, load: compileLoad(scratch) },
  progress: statusLine,
  record: (figure) => void figures.push(figure),
};
try {
  for (const name of chosen) await PARTS[name]?.(bench);
} catch (error) {
  bench.progress('');
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
const run: Run = { ...{ rounds, seconds }, machine: describe(peers, scratch), figures };
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(run, undefined, 1)}\n`);

function install(): void {
  const apt = find('apt-get');
  if (apt === undefined || process.getuid?.() !== 0) {
    console.error('--install needs root and apt-get.');
    process.exit(2);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...words: string[]): boolean => spawnSync(apt, words, { env, stdio: 'inherit' }).status === 0;
  run('update', '-qq');
  // One by one, so that a package that cannot be installed is only missing.
  for (const from of ['gcc', 'libc6-dev', 'strace', ...PEERS.flatMap((peer) => peer.package ?? [])])
    if (!run('install', '-y', '-qq', '--no-install-recommends', from))
      console.error(`${from} cannot be installed.`);
}
