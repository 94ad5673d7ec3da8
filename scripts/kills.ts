// kill -9 under load: a relay as a real process, killed at random moments while senders have messages under way and receivers
// collect, and started again on the same journal each time. Whatever it acknowledged must be there: once, under its number, in
// order, intact; and a repeat must be known. Not a test of power cuts: what a killed process has written survives in the kernel.
//
//   npx tsx scripts/kills.ts [--runs 105] [--seed N] [--relay-main FILE]    FILE: the main.js of another build
//   npx tsx scripts/kills.ts --control      succeeds if broken builds, which forget, are caught

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MAIN } from './lib/broken.ts';
import { type Broken, conclude, control } from './lib/control.ts';
import { Ledger } from './lib/ledger.ts';
import { BusyReceiver, BusySender } from './lib/load.ts';
import { Program } from './lib/process.ts';
import { type Random, randomFrom } from './lib/random.ts';
import { setUp } from './setup.mjs';

/** Nothing here may take longer, in milliseconds. */
const LIMIT_MS = 5 * 60_000;

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '105' },
    seed: { type: 'string' },
    'relay-main': { type: 'string', default: MAIN },
    control: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const runs = Number(flags.runs);
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
  const relayMain = flags['relay-main'];
  console.log(`${runs} kills, --seed ${seed}, of ${relayMain}`);
  const watchdog = setTimeout(() => {
    console.log(`it did not end in ${LIMIT_MS / 1000} s`);
    process.exit(1);
  }, LIMIT_MS);
  const dir = mkdtempSync(join(tmpdir(), 'detour-kills-'));
  const run = new Run(relayMain, join(dir, 'journal'), randomFrom(seed));
  try {
    return await run.all(runs);
  } finally {
    clearTimeout(watchdog);
    run.hangUp();
    rmSync(dir, { recursive: true, force: true });
  }
}

class Run {
  readonly #main: string;
  readonly #journal: string;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #senders: readonly BusySender[];
  readonly #receivers: readonly BusyReceiver[];
  #kills = 0;
  #underLoad = 0;
  #early = 0;
  #mostOutstanding = 0;

  constructor(main: string, journal: string, random: Random) {
    this.#main = main;
    this.#journal = journal;
    this.#random = random;
    // `away` collects nothing before the end.
    const mailboxes = ['bob', 'carol', 'away'];
    const names = ['alice', 'dave', 'erin', 'frank'];
    this.#senders = names.map((name) => new BusySender(name, mailboxes, this.#ledger, random));
    this.#receivers = mailboxes.map((name) => new BusyReceiver(name, this.#ledger, random));
  }

  async all(runs: number): Promise<number> {
    while (this.#kills < runs && this.#ledger.violations.length === 0) {
      if (!(await this.#oneLife())) break;
      this.#tell(runs);
    }
    if (this.#ledger.violations.length === 0) await this.#collectAll();
    return this.#conclude(runs);
  }

  hangUp(): void {
    for (const client of [...this.#senders, ...this.#receivers]) client.hangUp();
  }

  // Starts a relay and kills it. False if it did not start.
  async #oneLife(): Promise<boolean> {
    const random = this.#random;
    const relay = this.#start();
    if (random.next() < 0.05) {
      // In the middle of its start, while it repairs what the kill before left.
      await pause(random.whole(60, 300));
      this.#early += 1;
    } else {
      const port = await this.#port(relay);
      if (port === undefined) return false;
      for (const client of [...this.#senders, ...this.#receivers.slice(0, -1)]) client.call(port);
      // After so many answers, or after a while if that comes first.
      const answers = random.whole(0, 700);
      const patience = performance.now() + random.whole(30, 250);
      while (this.#answered() < answers && performance.now() < patience) await pause(1);
    }
    const outstanding = this.#senders.reduce((sum, sender) => sum + sender.outstanding, 0);
    relay.child.kill('SIGKILL');
    const how = await relay.ended;
    if (how !== 'SIGKILL') {
      this.#ledger.violation(`the relay ended by itself (${how}): ${relay.stderr}`);
      return false;
    }
    this.#kills += 1;
    if (outstanding > 0) this.#underLoad += 1;
    this.#mostOutstanding = Math.max(this.#mostOutstanding, outstanding);
    this.hangUp();
    return true;
  }

  // The last life: everything is answered and collected; and a life after that finds nothing left.
  async #collectAll(): Promise<void> {
    const relay = this.#start();
    const port = await this.#port(relay);
    if (port === undefined) return;
    for (const sender of this.#senders) sender.call(port);
    await Promise.all(this.#senders.map((sender) => sender.finish()));
    await Promise.all(this.#receivers.map((receiver) => receiver.drain(port)));
    this.hangUp();
    relay.child.kill('SIGKILL');
    await relay.ended;
    const after = this.#start();
    if ((await this.#port(after)) !== undefined && !after.stderr.includes('Nobody has mail'))
      this.#ledger.violation(`mail that was acknowledged durably is there again: ${after.stderr}`);
    after.child.kill('SIGKILL');
    await after.ended;
  }

  #start(): Program {
    return new Program(this.#main, ['async', 'relay', '--port', '0', '--journal', this.#journal]);
  }

  async #port(relay: Program): Promise<number | undefined> {
    const listens = await relay.says(/relay listens on 127\.0\.0\.1:(\d+), .*\n/);
    if (listens === undefined) this.#ledger.violation(`the relay did not start: ${relay.stderr}`);
    return listens && Number(listens[1]);
  }

  #answered(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.storedNow, 0);
  }

  #tell(runs: number): void {
    const line = `${this.#kills} of ${runs} killed, ${this.#underLoad} with SENDs outstanding`;
    if (process.stderr.isTTY) process.stderr.write(`\r${line}${this.#kills === runs ? '\n' : ''}`);
    else if (this.#kills % 20 === 0) console.log(line);
  }

  #conclude(runs: number): number {
    const { violations, repeats, deliveries } = this.#ledger;
    const there = violations.length === 0 ? this.#ledger.settle() : 0;
    if (this.#underLoad < 0.75 * runs && violations.length === 0)
      violations.push(`only ${this.#underLoad} of ${runs} kills came with SENDs outstanding`);
    const answers = this.#senders.reduce((sum, sender) => sum + sender.storedInAll, 0);
    console.log(
      `${this.#kills} kills: ${this.#underLoad} with SENDs outstanding (up to ${this.#mostOutstanding}), ${this.#early} during a start`,
    );
    console.log(
      `${answers} times STORED, ${repeats} of them for a repeat; ${there} messages stored and there, handed out ${deliveries} times`,
    );
    for (const violation of violations.slice(0, 10)) console.log(`FAILED  ${violation}`);
    console.log(`${there} passed, ${violations.length} failed`);
    return violations.length === 0 ? 0 : 1;
  }
}

// ---- the control: builds with one promise broken each

const ANSWER = `session.answer({ verb: 'STORED', id, seq: held.seq, present: presence(box) }, size);`;
const APPEND = 'this.#commits.append([entryOf(held, crc, body)], (refs) => {';

const BROKEN: readonly Broken[] = [
  {
    what: 'a relay that says STORED before it writes',
    edits: [
      { file: 'async/relay.js', from: ANSWER, to: '' },
      { file: 'async/relay.js', from: APPEND, to: `${ANSWER} ${APPEND}` },
    ],
    finds: /^FAILED.*(?:was stored for|is also|LOST|was not known|and also)/m,
  },
  {
    what: 'a relay that forgets the ids when it dies',
    edits: [
      {
        file: 'async/mailroom.js',
        from: 'for (const id of remembered)',
        to: 'for (const id of remembered.slice(0, 0))',
      },
    ],
    finds: /^FAILED.*(?:was not known|and again as)/m,
  },
  {
    what: 'a relay that lets go of a message when it is sent, not when it is acknowledged',
    edits: [
      {
        file: 'async/delivery.js',
        from: 'box.sent(held.seq);',
        to: `box.sent(held.seq); this.#commits.append([{ kind: 'ack', to: box.name, seq: held.seq }], () => {});`,
      },
    ],
    finds: /^FAILED.*(?:was the last it acknowledged|LOST)/m,
  },
];

setUp();
await conclude(() => {
  if (!flags.control) return main();
  return control(BROKEN, {
    script: fileURLToPath(import.meta.url),
    args: (build) => [
      ...['--runs', '40', '--relay-main', build],
      ...(flags.seed === undefined ? [] : ['--seed', flags.seed]),
    ],
    attempts: 1,
  });
});
