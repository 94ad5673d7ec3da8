// A relay is killed and frozen at random under load, again and again. What it had acknowledged must all be there, each message once.

import type { Attempt } from './attempt.ts';
import { exitText } from './attempt.ts';
import { type Frame, frame } from './frames.ts';
import { Ledger, type Sent } from './ledger.ts';
import { Failed, Undecided } from './outcome.ts';
import { numberOf } from './relay-client.ts';
import { ready, started } from './server-stages.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** How often the relay is killed. */
const KILLS = 20;
/** Senders, each with a mailbox that it fills; the first mailbox is collected meanwhile. */
const SENDERS = 3;
/** SENDs that a sender has under way. */
const UNDER_WAY = 8;
/** How often the relay is frozen, and for how long each time, in milliseconds. */
const FREEZES = 4;
const FREEZE_MS = 200;
/** The load lasts this long before a kill or a freeze, in milliseconds. */
const LOAD_MS = { shortest: 5, longest: 120 };
/** The most messages of one sender in one run of the relay, so that a fast relay does not fill the memory. */
const MOST_MESSAGES = 150;

/** One sender: the same over all kills, with a new connection after each. */
class Sender {
  readonly #attempt: Attempt;
  readonly #ledger: Ledger;
  readonly #index: number;
  #wire: Wire | undefined;
  #isCut = false;
  #tries = 0;
  #count = 0;
  #open: Sent[] = [];

  constructor(attempt: Attempt, ledger: Ledger, index: number) {
    this.#attempt = attempt;
    this.#ledger = ledger;
    this.#index = index;
  }

  /** Connects anew, repeats what was not answered, and sends on until the connection ends. @param most new messages to send; 0: only what was not answered, which then must be */
  async run(most: number): Promise<void> {
    this.#tries += 1;
    this.#isCut = false;
    const name = `alice${this.#index}`;
    const wire = await this.#attempt.connect(name);
    this.#wire = wire;
    if (this.#isCut) return wire.close();
    // It does not wait for READY: of a frozen relay the kernel then has both what the old connection brought and what this one brings.
    wire.send(`HELLO version=1 as=${name} session=s${this.#index} try=${this.#tries}\n`);
    for (const sent of this.#open) this.#send(wire, sent);
    const greeting = await wire.next();
    if (this.#isCut) return;
    if (typeof greeting !== 'object' || greeting.verb !== 'READY')
      throw wire.failed('READY', 'A server greets as soon as it accepts.');
    let left = most;
    for (;;) {
      while (left > 0 && this.#open.length < UNDER_WAY) {
        left -= 1;
        this.#count += 1;
        const filler = 'x'.repeat(this.#attempt.below(1500));
        const sent = this.#ledger.add(
          `c${this.#index}-${this.#count}`,
          `box${this.#index}`,
          `${this.#attempt.word()}${filler}`,
        );
        this.#open.push(sent);
        this.#send(wire, sent);
      }
      if (this.#open.length === 0) return;
      const found = await wire.next();
      if (typeof found === 'string' && (most > 0 || this.#isCut)) return;
      if (typeof found !== 'object')
        throw wire.failed('STORED for each SEND', 'Under load each SEND is answered, too.');
      this.#answered(wire, found);
    }
  }

  /** Gives up its connection, without a word. What was not answered is repeated by the next run. */
  cut(): void {
    this.#isCut = true;
    this.#wire?.close();
  }

  #send(wire: Wire, { id, to, body }: Sent): void {
    wire.send(frame(`SEND id=${id} to=${to}`, body));
  }

  #answered(wire: Wire, found: Frame): void {
    const sent = this.#open.find(({ id }) => id === found.fields.get('id'));
    if (sent === undefined || found.verb !== 'STORED')
      throw wire.failed('STORED with the id of a SEND', 'Each SEND gets one answer.');
    this.#open = this.#open.filter((other) => other !== sent);
    this.#ledger.stored(sent, numberOf(found, 'seq'));
  }
}

/** Collects everything, and compares it with what was sent. @throws Failed if the two contradict each other */
async function mustBeThere(attempt: Attempt, ledger: Ledger, sent: string): Promise<void> {
  for (let index = 0; index < SENDERS; index += 1) await collectFrom(attempt, ledger, `box${index}`, true);
  const problem = ledger.problem();
  if (problem !== undefined) throw new Failed({ sent: `${ledger.sent} messages, and ${sent}`, ...problem });
}

/** Collects from a mailbox until the connection ends, or, with `drain`, until EMPTY. */
async function collectFrom(attempt: Attempt, ledger: Ledger, name: string, drain: boolean): Promise<void> {
  const wire = await ready(attempt, 'relay', name);
  wire.send(`HELLO version=1 as=${name}\nRECEIVE window=16${drain ? ' drain=yes' : ''}\n`);
  let last = 0;
  for (;;) {
    const found = await wire.next(drain ? undefined : 60_000);
    if (found === 'FIN' || found === 'RST') {
      if (!drain) return;
      throw wire.failed('EMPTY after the last MESSAGE', 'The relay runs and is asked for all mail.');
    }
    if (found === undefined)
      throw wire.failed(
        drain ? 'EMPTY after the last MESSAGE' : 'MESSAGE',
        'The mail that was stored is sent.',
      );
    if (found.verb === 'EMPTY') return;
    const seq = numberOf(found, 'seq');
    if (seq <= last)
      throw wire.failed(
        `a MESSAGE above seq=${last}`,
        'On one connection mail comes in the order of its numbers, each once.',
      );
    last = seq;
    ledger.received(name, found);
    wire.send(`ACK seq=${seq}\n`);
  }
}

const sendersOf = (attempt: Attempt, ledger: Ledger): Sender[] =>
  Array.from({ length: SENDERS }, (_, index) => new Sender(attempt, ledger, index));

/** Lets the load last for a random time. */
const underLoad = (attempt: Attempt): Promise<void> =>
  attempt.pass(LOAD_MS.shortest + attempt.random() * (LOAD_MS.longest - LOAD_MS.shortest));

/** Frozen at random under load, while its senders give up their connections and repeat on new ones. */
export const frozen: Stage = {
  name: 'FROZEN',
  does: `stores each message once, frozen ${FREEZES} times under load`,
  points: 4,
  section: 'Repeats',
  async run(attempt) {
    const ledger = new Ledger();
    const senders = sendersOf(attempt, ledger);
    (await started(attempt, 'relay')).close();
    let open = 0;
    for (let freeze = 1; freeze <= FREEZES; freeze += 1) {
      const before = Promise.all(senders.map((sender) => sender.run(MOST_MESSAGES)));
      // Who fails before the freeze fails the stage after it.
      before.catch(() => {});
      await underLoad(attempt);
      let after: Promise<unknown> = before;
      await attempt.frozen(async () => {
        open += ledger.open;
        for (const sender of senders) sender.cut();
        await before;
        after = Promise.all(senders.map((sender) => sender.run(0)));
        after.catch(() => {});
        await attempt.pass(FREEZE_MS);
      });
      await after;
    }
    if (open === 0) throw new Undecided('No freeze came while a SEND was under way.');
    await mustBeThere(attempt, ledger, `${FREEZES} freezes`);
  },
};

/** Killed at random under load, and started on its folder. */
export const crash: Stage = {
  name: 'CRASH',
  does: `loses nothing that it said was STORED, killed ${KILLS} times under load`,
  points: 10,
  section: 'What a sender may conclude',
  async run(attempt) {
    const ledger = new Ledger();
    const senders = sendersOf(attempt, ledger);
    let open = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      ledger.kills = kill;
      const program = await attempt.start();
      (await ready(attempt, 'relay')).close();
      const work = [
        ...senders.map((sender) => sender.run(MOST_MESSAGES)),
        collectFrom(attempt, ledger, 'box0', false),
      ];
      // The kill may come at any step of theirs, so what they find wrong after it does not count.
      const ended = Promise.all(
        work.map((one) =>
          one.catch((error: unknown) => {
            if (!program.killed) throw error;
          }),
        ),
      );
      // Who fails before the kill fails the stage after it.
      ended.catch(() => {});
      await underLoad(attempt);
      if (program.exit !== undefined)
        throw new Failed({
          sent: `${SENDERS} senders and a collector`,
          expected: 'a relay that runs until it is killed',
          came: exitText(program.exit),
          why: 'It ended by itself under load.',
        });
      open += ledger.open;
      await attempt.kill();
      await ended;
    }
    if (open === 0) throw new Undecided('No kill came while a SEND was under way.');
    await attempt.start();
    for (const sender of senders) await sender.run(0);
    if (ledger.acknowledged < KILLS)
      throw new Undecided(`Only ${ledger.acknowledged} messages were acknowledged between the kills.`);
    await mustBeThere(attempt, ledger, `${KILLS} kills`);
  },
};
