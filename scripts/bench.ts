// Measures detour's relay beside what people would pick instead, on this computer, in one run: `npm run bench`. It uses the brokers that it
// finds and names those that are missing. All are driven by the same program, bench/load.c, one after the other in each round.
//
//   --rounds N     how often each is measured, in turn; 7 unless given
//   --seconds N    how long each time, after two seconds of warm-up; 2 unless given
//   --only WORD    of the peers only those with this word in their name
//   --json FILE    every single figure
//   --install      gets the brokers first, with strace and a C compiler: as root, on Debian

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compileLoad, type Load, runLoad, type Shape } from './bench/load.ts';
import { DETOUR, find, PEERS, type Peer } from './bench/peers.ts';
import { withServer } from './bench/server.ts';
import { median, ratio, short, spread } from './bench/statistics.ts';
import { syncsPerAnswer } from './bench/syncs.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    install: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
  console.error('--rounds is a number from 1, and --seconds one above 0.');
  process.exit(2);
}

const SHAPES: readonly Shape[] = [128, 4096].flatMap((size) => [
  { senders: 1, outstanding: 1, size },
  { senders: 1, outstanding: 256, size },
  { senders: 32, outstanding: 1, size },
  { senders: 32, outstanding: 64, size },
]);

const scratch = mkdtempSync(path.join(tmpdir(), 'detour-bench-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130));

if (values.install) install();

const wanted = PEERS.filter(({ name }) => name.includes(values.only));
const missing = wanted.filter(({ program }) => find(program) === undefined);
for (const { name, package: from } of missing)
  console.log(`not here: ${name} (Debian: apt-get install ${from})`);
const peers = [DETOUR, ...wanted.filter((peer) => !missing.includes(peer))];
if (find('cc') === undefined) {
  console.error(
    'The load driver is written in C, and there is no C compiler here (Debian: apt-get install gcc libc6-dev).',
  );
  process.exit(1);
}
const load = compileLoad(scratch);

for (const peer of peers) {
  const syncs = await syncsPerAnswer(load, peer, scratch);
  if (syncs === undefined) {
    console.log(
      'strace is not here: that they sync as they say is not looked at (Debian: apt-get install strace)',
    );
    break;
  }
  const says = peer.synced ? 'syncs before it acknowledges' : 'does not sync before it acknowledges';
  console.log(`${peer.name} ${says}: ${syncs.toFixed(2)} syncs for each answer`);
  if (peer.synced !== syncs >= 0.9) {
    console.error('That is not so: it cannot be compared.');
    process.exit(1);
  }
}

/** One figure of one round. */
interface Measured extends Shape, Load {
  readonly peer: string;
  readonly round: number;
}

const all: Measured[] = [];
for (let round = 0; round < rounds; round++)
  for (const shape of SHAPES)
    for (let turn = 0; turn < peers.length; turn++) {
      // Another one begins each time: whoever comes after a heavy writer has the slower disk.
      const peer = peers[(turn + round) % peers.length] as Peer;
      const got = await withServer(peer, scratch, (port) =>
        runLoad(load, peer.protocol, port, shape, seconds),
      );
      all.push({ peer: peer.name, round, ...shape, ...got });
      progress(`round ${round + 1} of ${rounds}: ${title(shape)}: ${peer.name} ${short(got.rate)}`);
    }
progress('');
for (const shape of SHAPES) report(shape);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, undefined, 1)}\n`);

function install(): void {
  const apt = find('apt-get');
  if (apt === undefined || process.getuid?.() !== 0) {
    console.error('--install needs root, and apt-get.');
    process.exit(2);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...words: string[]): boolean => spawnSync(apt, words, { env, stdio: 'inherit' }).status === 0;
  run('update', '-qq');
  // One by one: what cannot be had is only missing.
  for (const from of ['gcc', 'libc6-dev', 'strace', ...PEERS.flatMap((peer) => peer.package ?? [])])
    if (!run('install', '-y', '-qq', '--no-install-recommends', from))
      console.error(`${from} cannot be had.`);
}

function title({ senders, outstanding, size }: Shape): string {
  return `${size} B, ${senders}×${outstanding}`;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function report(shape: Shape): void {
  const figures = (peer: Peer, key: keyof Load): number[] =>
    all.filter((one) => one.peer === peer.name && title(one) === title(shape)).map((one) => one[key]);
  console.log(`\n${title(shape)} (senders × messages that each has under way)`);
  for (const peer of peers) {
    const rates = figures(peer, 'rate');
    const words = [
      peer.name.padEnd(40),
      `${short(median(rates)).padStart(6)}/s`,
      `(${spread(rates)})`.padEnd(15),
      `p50 ${short(median(figures(peer, 'p50')))} µs, p99 ${short(median(figures(peer, 'p99')))} µs,`,
      `driver ${median(figures(peer, 'cpu')).toFixed(2)} of a processor`,
      peer === DETOUR ? '' : `detour/this ${ratio(figures(DETOUR, 'rate'), rates).toFixed(2)}`,
    ];
    console.log(`  ${words.join(' ')}`);
  }
}
