// Is what a sender concludes true? Real receivers and relays are killed and frozen at random moments around what real senders send;
// afterwards what the receivers showed, and what the relay still held, is compared with every verdict:
//
//   DELIVERED      it was shown.
//   STORED         it was shown, or was still held at the end: under the number that was told, and under no other.
//   NOT DELIVERED  it was never shown, not even later.
//
//   npx tsx scripts/verdicts.ts [--runs 200] [--seed N] [--main FILE]    FILE: the main.js of another build
//   npx tsx scripts/verdicts.ts --control      succeeds if builds that lie are caught

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brokenBuild, type Edit, MAIN } from './lib/broken.ts';
import { asyncLane, type LaneOptions, type Result, type Said, syncLane } from './lib/lane.ts';
import { randomFrom } from './lib/random.ts';
import { setUp } from './setup.mjs';

/** Nothing here may take longer, in milliseconds. */
const LIMIT_MS = 5 * 60_000;

/** The lanes, and which part of the kills and freezes each makes. They run at the same time. */
const LANES: readonly { readonly share: number; run(options: LaneOptions): Promise<Result> }[] = [
  { share: 0.22, run: syncLane },
  { share: 0.22, run: syncLane },
  { share: 0.23, run: (options) => asyncLane(options, false) },
  { share: 0.23, run: (options) => asyncLane(options, false) },
  { share: 0.1, run: (options) => asyncLane(options, true) },
];

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string' },
    main: { type: 'string', default: MAIN },
    control: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const runs = Number(flags.runs);
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${runs} kills and freezes, --seed ${seed}, of ${flags.main}`);
  const watchdog = setTimeout(() => {
    console.log(`it did not end in ${LIMIT_MS / 1000} s`);
    process.exit(1);
  }, LIMIT_MS);
  let made = 0;
  const progress = (): void => {
    made += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${made} of ${runs}${made === runs ? '\n' : ''}`);
    else if (made % 50 === 0) console.log(`${made} of ${runs}`);
  };
  const results = await Promise.all(
    LANES.map(({ share, run }, i) =>
      run({
        main: flags.main,
        random: randomFrom(seed + i),
        disturbances: Math.ceil(share * runs),
        progress,
        label: `lane ${i} message`,
      }),
    ),
  );
  clearTimeout(watchdog);
  return conclude(results);
}

function conclude(results: readonly Result[]): number {
  const wrong = results.flatMap(judge);
  const said = results.flatMap((result) => result.said.map((one) => ({ ...one, route: result.route })));
  const kills = results.reduce((sum, result) => sum + result.kills, 0);
  const freezes = results.reduce((sum, result) => sum + result.freezes, 0);
  console.log(`${kills} kills and ${freezes} freezes around ${said.length} messages:`);
  const counts = new Map<string, number>();
  for (const { route, verdict, phase } of said) {
    const row = `${route.padEnd(14)}${verdict.padEnd(15)}${phase}`;
    counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  for (const [row, count] of [...counts].sort()) console.log(`${String(count).padStart(5)}  ${row}`);
  const unknown = said.filter(({ verdict }) => verdict === 'UNKNOWN').length;
  console.log(`UNKNOWN: ${((100 * unknown) / said.length).toFixed(1)} % of all`);
  for (const line of wrong.slice(0, 10)) console.log(`FAILED  ${line}`);
  console.log(`${said.length - wrong.length} passed, ${wrong.length} failed`);
  return wrong.length === 0 ? 0 : 1;
}

// Every message that a sender of this lane was wrong about, in words.
function judge({ route, said, shown }: Result): string[] {
  const numbers = new Map<string, Set<number | undefined>>();
  const times = new Map<string, number>();
  for (const { text, seq } of shown) {
    numbers.set(text, (numbers.get(text) ?? new Set()).add(seq));
    times.set(text, (times.get(text) ?? 0) + 1);
  }
  return said.flatMap((one) => {
    const fault = faultOf(route, one, times.get(one.text) ?? 0, numbers.get(one.text) ?? new Set());
    return fault === undefined ? [] : [`${route}, "${one.text}" (${one.phase}, ${one.done}): ${fault}`];
  });
}

function faultOf(
  route: Result['route'],
  { verdict, seq }: Said,
  times: number,
  numbers: ReadonlySet<number | undefined>,
): string | undefined {
  if (verdict === 'NOT DELIVERED' && times > 0) return 'NOT DELIVERED, and it was shown';
  if (verdict === 'DELIVERED' && times === 0) return 'DELIVERED, and it was never shown';
  if (route === 'sync') return times > 1 ? `sent once, shown ${times} times` : undefined;
  if (numbers.size > 1) return `shown under the numbers ${[...numbers].join(' and ')}`;
  // With --ttl what was stored may also have expired.
  if (verdict === 'STORED' && times === 0 && route === 'async') return 'STORED, and it is nowhere';
  if (seq !== undefined && times > 0 && !numbers.has(seq))
    return `STORED as ${seq}, and shown as ${[...numbers].join()}`;
  return undefined;
}

// ---- the control: builds that lie

const BROKEN: readonly { readonly what: string; readonly edits: readonly Edit[]; readonly finds: RegExp }[] =
  [
    {
      what: 'a synchronous receiver that answers before it shows',
      edits: [
        {
          file: 'sync/receiver.js',
          from: 'const reply = await handle({ id, from: guest.as, body });',
          to: 'const reply = undefined; setTimeout(() => void handle({ id, from: guest.as, body }), 15);',
        },
      ],
      finds: /^FAILED {2}sync.* DELIVERED, and it was never shown/m,
    },
    {
      what: 'an asynchronous receiver that acknowledges before it shows',
      edits: [
        {
          file: 'async/receiver.js',
          from: 'await this.#options.handle(message);',
          to: `call.send({ verb: 'ACK', seq: message.seq }); await new Promise((go) => setTimeout(go, 15)); await this.#options.handle(message);`,
        },
      ],
      finds: /^FAILED {2}async.* (?:STORED, and it is nowhere|DELIVERED, and it was never shown)/m,
    },
    {
      what: 'a sender that takes no answer for a no',
      edits: [{ file: 'exchange/verdict.js', from: `return 'UNKNOWN';`, to: `return 'NOT_DELIVERED';` }],
      finds: /^FAILED.* NOT DELIVERED, and it was shown/m,
    },
  ];

/** A lie shows only if a kill meets the moment of it: a build that was not caught is tried again, so often at the most. */
const ATTEMPTS = 4;

function control(): number {
  let caught = 0;
  for (const { what, edits, finds } of BROKEN) {
    const build = brokenBuild(edits);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const args = ['--runs', '120', '--main', build];
      if (flags.seed !== undefined) args.push('--seed', String(Number(flags.seed) + attempt - 1));
      const tsx = ['--import', 'tsx', fileURLToPath(import.meta.url), ...args];
      const { status, stdout } = spawnSync(process.execPath, tsx, { encoding: 'utf8' });
      const found = finds.exec(stdout)?.[0];
      const good = status === 1 && found !== undefined;
      // Indented: its own count of passed and failed is not this run's.
      const told = found ?? `\n${stdout.replace(/^/gm, '    ')}`;
      console.log(`${what}: ${good ? 'caught' : 'not caught'} (exit ${status}): ${told}`);
      if (!good) continue;
      caught += 1;
      break;
    }
  }
  console.log(`${caught} passed, ${BROKEN.length - caught} failed`);
  return caught === BROKEN.length ? 0 : 1;
}

setUp();
try {
  process.exitCode = flags.control ? control() : await main();
} catch (error) {
  console.log(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}
