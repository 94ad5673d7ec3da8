// kill -9 under load: a relay, as a real process, is killed at random moments while senders have messages under way and receivers
// collect. Each time it is started again on the same journal. Whatever it acknowledged must be there: once, under its number, in
// order, intact; and a repeat must be known. This does not test power cuts: what a killed process has written survives in the kernel.
//
//   npx tsx scripts/kills.ts [--runs 105] [--seed N]
//   npx tsx scripts/kills.ts --control [--seed N]      succeeds if relays that lie are caught

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readJournal } from '../src/cli/journal-reader.ts';
import { Progress } from '../src/cli/render/output.ts';
import { bundle } from './lib/bundle.ts';
import { conclude, control, lieNamed } from './lib/control.ts';
import { Ledger } from './lib/ledger.ts';
import { BusyReceiver, BusySender } from './lib/load.ts';
import { MAIN, Program } from './lib/process.ts';
import { type Random, randomFrom } from './lib/random.ts';
import { RELAY_LIES } from './lib/relay-lies.ts';
import { Wire } from './lib/wire.ts';
import { setUp } from './setup.mjs';

/** The time in which everything must end, in milliseconds. */
const LIMIT_MS = 5 * 60_000;

/** The longest wait for a relay's first answer, in milliseconds. */
const SLOW_MS = 2000;

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '105' },
    seed: { type: 'string' },
    lie: { type: 'string' },
    control: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const runs = Number(flags.runs);
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
  const lie = lieNamed(RELAY_LIES, flags.lie);
  console.log(`${runs} kills, --seed ${seed}, of ${lie?.what ?? MAIN}`);
  const watchdog = setTimeout(() => {
    console.log(`it did not end in ${LIMIT_MS / 1000} s`);
    process.exit(1);
  }, LIMIT_MS);
  const dir = mkdtempSync(join(tmpdir(), 'detour-kills-'));
  const journal = join(dir, 'journal');
  const liar = join(dir, 'lying-relay.mjs');
  if (lie !== undefined) bundle('lib/lying-relay.ts', liar);
  const start = (): Program =>
    lie === undefined
      ? new Program(MAIN, ['async', 'relay', '--port', '0', '--journal', journal])
      : new Program(liar, [lie.what, journal]);
  const run = new Run(start, journal, randomFrom(seed));
  try {
    return await run.all(runs);
  } finally {
    clearTimeout(watchdog);
    run.hangUp();
    rmSync(dir, { recursive: true, force: true });
  }
}

class Run {
  readonly #start: () => Program;
  readonly #journal: string;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #senders: readonly BusySender[];
  readonly #receivers: readonly BusyReceiver[];
  #kills = 0;
  #underLoad = 0;
  #early = 0;
  #mostOutstanding = 0;
  #commits = 0;

  /** @param start starts a relay on the journal */
  constructor(start: () => Program, journal: string, random: Random) {
    this.#start = start;
    this.#journal = journal;
    this.#random = random;
    // `away` collects nothing before the end.
    const mailboxes = ['bob', 'carol', 'away'];
    const names = ['alice', 'dave', 'erin', 'frank'];
    this.#senders = names.map((name) => new BusySender(name, mailboxes, this.#ledger, random));
    this.#receivers = mailboxes.map((name) => new BusyReceiver(name, this.#ledger, random));
  }

  async all(runs: number): Promise<number> {
    const progress = new Progress(runs);
    while (this.#kills < runs && this.#ledger.violations.length === 0) {
      if (!(await this.#oneLife())) break;
      this.#tell(runs, progress);
    }
    progress.end();
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
      // Kills it in the middle of its start, while it repairs what the last kill left.
      await pause(random.whole(60, 300));
      this.#early += 1;
    } else {
      const port = await this.#port(relay);
      if (port === undefined) return false;
      for (const client of [...this.#senders, ...this.#receivers.slice(0, -1)]) client.call(port);
      // Kills it after this many answers, or after a while if that comes first.
      const answers = random.whole(0, 700);
      // Usually the time counts from the first answer: on a busy computer the relay would answer nothing in such a short time.
      if (random.next() < 0.75) await this.#answeredWithin(1, SLOW_MS);
      await this.#answeredWithin(answers, random.whole(30, 250));
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

  // The last relay but one answers everything and hands everything out. The last one must find nothing left.
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
    const again = await this.#port(after);
    if (again !== undefined)
      for (const box of await mailboxes(again))
        this.#ledger.violation(`mail that was durably acknowledged is there again: ${box}`);
    after.child.kill('SIGKILL');
    await after.ended;
    await this.#readThrough();
  }

  // The journal must also be sound for a reader from outside.
  async #readThrough(): Promise<void> {
    for await (const item of readJournal(this.#journal)) {
      if (item.kind === 'commit') this.#commits += 1;
      if (item.kind === 'damaged')
        this.#ledger.violation(`the journal is damaged at ${item.offset} of ${item.file}: ${item.what}`);
    }
  }

  async #port(relay: Program): Promise<number | undefined> {
    const listens = await relay.says(/relay listens on 127\.0\.0\.1:(\d+), .*\n/);
    if (listens === undefined) this.#ledger.violation(`the relay did not start: ${relay.stderr}`);
    return listens && Number(listens[1]);
  }

  async #answeredWithin(answers: number, ms: number): Promise<void> {
    const patience = performance.now() + ms;
    while (this.#answered() < answers && performance.now() < patience) await pause(1);
  }

  #answered(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.storedNow, 0);
  }

  #tell(runs: number, progress: Progress): void {
    const note = `killed, ${this.#underLoad} with SENDs outstanding`;
    progress.show(this.#kills, note);
    if (process.stderr.isTTY !== true && this.#kills % 20 === 0)
      console.log(`${this.#kills} of ${runs} ${note}`);
  }

  #conclude(runs: number): number {
    const { violations, repeats, deliveries } = this.#ledger;
    const there = violations.length === 0 ? this.#ledger.settle() : 0;
    if (this.#underLoad < 0.75 * runs && violations.length === 0)
      violations.push(`only ${this.#underLoad} of ${runs} kills happened with SENDs outstanding`);
    const answers = this.#senders.reduce((sum, sender) => sum + sender.storedInAll, 0);
    console.log(
      `${this.#kills} kills: ${this.#underLoad} with SENDs outstanding (up to ${this.#mostOutstanding}), ${this.#early} during a start`,
    );
    console.log(
      `${answers} STORED answers, ${repeats} of them to repeats; ${there} messages stored and there, handed out ${deliveries} times`,
    );
    if (this.#commits > 0) console.log(`${this.#commits} commits in the journal, all of them readable`);
    for (const violation of violations.slice(0, 10)) console.log(`FAILED  ${violation}`);
    console.log(`${there} passed, ${violations.length} failed`);
    return violations.length === 0 ? 0 : 1;
  }
}

// The mailboxes with mail, according to STATUS.
function mailboxes(port: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const found: string[] = [];
    const wire = new Wire(port, {
      message(message) {
        if (message.verb === 'READY') wire.say({ verb: 'STATUS' });
        else if (message.verb === 'MAILBOX' && message.held > 0)
          found.push(`${message.name} ${message.held}`);
        else if (message.verb === 'END') {
          wire.drop();
          resolve(found);
        }
      },
      closed: () => reject(new Error('the relay closed the connection at STATUS')),
    });
  });
}

setUp();
await conclude(() => {
  if (!flags.control) return main();
  return control(RELAY_LIES, {
    script: fileURLToPath(import.meta.url),
    args: (lie) => [
      ...['--runs', '40', '--lie', lie],
      ...(flags.seed === undefined ? [] : ['--seed', flags.seed]),
    ],
    attempts: 1,
  });
});
