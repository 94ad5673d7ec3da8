// One availability: a receiver for the direct route and one for the relay, both with the same plan, and the three senders with the same
// messages. All three meet the same conditions at the same time, which makes them comparable.

import { COMMON_ADDRESS, OWN_ADDRESS } from '../stage/address.ts';
import type { Stage } from '../stage/stage.ts';
import { Receiver } from './receiver.ts';
import { absencesOf, type Plan, type Presence, shareOf } from './schedule.ts';
import { Sender, STRATEGIES, type Strategy, textOf } from './sender.ts';
import { mean } from './statistics.ts';
import type { Observed } from './tally.ts';
import { Interruption, Timeline } from './timeline.ts';

/** What a trial needs. */
export interface TrialOptions {
  readonly stage: Stage;
  /** Where the relay listens: `host:port`. */
  readonly relay: string;
  readonly plan: Plan;
  /** The time from `play` to the beginning, in milliseconds. */
  readonly begin: number;
  /** The time between two rounds of the sender that tries again, in milliseconds. */
  readonly retry: number;
  /** Kill all senders half-way, and start others in their place? */
  readonly killSender: boolean;
  readonly interruption: Interruption;
}

/** The result of a trial, until its end or until it was stopped. */
export interface TrialResult {
  /** The measured share of the time that the receiver was there, 0 to 1, for each route. */
  readonly present: Readonly<Record<'direct' | 'relay', number>>;
  /** The lengths of the absences that began while messages arrived, in milliseconds, for each route. */
  readonly absences: Readonly<Record<'direct' | 'relay', readonly number[]>>;
  /** How late the two receivers came, on average, in milliseconds. */
  readonly late: number;
  readonly observed: readonly Omit<Observed, 'stored'>[];
  readonly faults: readonly string[];
}

/** The name of the receiver's mailbox at the relay. */
export const boxOf = (availability: number): string => `bob-${Math.round(availability * 1000)}`;

/** The time between the arrivals of a message at two senders, in milliseconds: on a small computer they would slow each other down. */
const STAGGER_MS = 10;
/** At the end, when the receiver stays, everything must be done within this time plus one round, in milliseconds. */
const DRAIN_MS = 20_000;
const LOOK_AGAIN_MS = 20;

// Below the ephemeral ports (32768 and up on Linux): a sender that connects to an ephemeral port on which nobody listens can be given
// that very port as its own and then connect to itself (TCP simultaneous open).
const PORTS = { from: 20_000, count: 12_000 };
const PORT_TRIES = 8;

/** The processes of one availability, and what they do. */
export class Trial {
  readonly #options: TrialOptions;
  readonly #senders: Sender[] = [];
  #direct: Receiver | undefined;
  #relayed: Receiver | undefined;
  #timeline: Timeline;
  #settled = false;

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#timeline = new Timeline(options.stage.clock, options.interruption);
  }

  /** Starts all processes and lets the senders warm up. @throws DetourError `stage` */
  async open(): Promise<void> {
    const { stage, relay, plan, killSender } = this.#options;
    const box = boxOf(plan.availability);
    const [{ receiver, host, port }, relayed] = await Promise.all([
      directReceiver(stage, plan.presences),
      relayReceiver(stage, box, relay, plan.presences),
    ]);
    this.#direct = receiver;
    this.#relayed = relayed;
    const direct = ['--to', `${host}:${port}`];
    const args: Readonly<Record<Strategy, readonly string[]>> = {
      once: ['sync', 'send', '--as', 'once', ...direct],
      again: ['sync', 'send', '--as', 'again', ...direct],
      relay: ['async', 'send', '--as', 'relayed', '--to', box, '--relay', relay],
    };
    for (const strategy of STRATEGIES)
      this.#senders.push(new Sender(strategy, stage, strategy, args[strategy], this.#timeline, killSender));
    await Promise.race([
      Promise.all(this.#senders.map((sender) => sender.warmUp())),
      this.#options.interruption.came,
    ]);
  }

  /** Plays the plan to its end, or until Ctrl-C. @throws DetourError `stage` if a receiver cannot be started */
  async play(): Promise<void> {
    const { stage, plan, begin, interruption, killSender } = this.#options;
    if (!(await new Timeline(stage.clock, interruption).at(begin))) return;
    await Promise.all([this.#direct?.begin(plan.presences), this.#relayed?.begin(plan.presences)]);
    const timeline = new Timeline(stage.clock, interruption);
    this.#timeline = timeline;
    for (const sender of this.#senders) sender.begin(timeline);
    const through = new Interruption();
    const rounds = this.#rounds(through);
    await Promise.all([
      this.#direct?.play(plan.presences, timeline),
      this.#relayed?.play(plan.presences, timeline),
      this.#arrivals(),
      killSender ? this.#killSenders() : undefined,
    ]);
    if (plan.presences.length > 0) {
      await this.#until(() => this.#through());
      // What is still missing after all that time is lost: the tally finds it.
      this.#settled = !timeline.over;
    }
    through.stop();
    await rounds;
    // If the receiver never comes, there is nothing to wait for but the verdicts of what is under way.
    await this.#until(() => !this.#senders.some(({ busy }) => busy));
  }

  /** Ends all processes and returns what happened. */
  async close(): Promise<TrialResult> {
    const { plan } = this.#options;
    const end = this.#timeline.now();
    await Promise.all([this.#direct?.close(this.#timeline), this.#relayed?.close(this.#timeline)]);
    await Promise.all(this.#senders.map((sender) => sender.close()));
    const span = Math.min(plan.span, end);
    const [direct, relay] = [this.#direct?.presences ?? [], this.#relayed?.presences ?? []];
    return {
      present: { direct: shareOf(direct, span), relay: shareOf(relay, span) },
      absences: { direct: absencesOf(direct, span), relay: absencesOf(relay, span) },
      late: mean([...(this.#direct?.late ?? []), ...(this.#relayed?.late ?? [])]) ?? 0,
      observed: this.#senders.map((sender) => this.#observed(sender, end)),
      faults: this.#senders.flatMap(({ fault }) => (fault === undefined ? [] : [fault])),
    };
  }

  #observed(sender: Sender, end: number): Omit<Observed, 'stored'> {
    const { strategy, arrived, tries, aboard, killedAt: killed } = sender;
    const from = strategy === 'relay' ? 'relayed' : strategy;
    const receiver = strategy === 'relay' ? this.#relayed : this.#direct;
    const shown = receiver?.shown(this.#timeline).filter((one) => one.from === from) ?? [];
    return { strategy, arrived, tries, shown, aboard, killed, settled: this.#settled, end };
  }

  // Each message arrives at the three senders one shortly after another, and each time another one is first.
  async #arrivals(): Promise<void> {
    const { arrivals } = this.#options.plan;
    const feeds = arrivals.flatMap((at, message) =>
      this.#senders.map((sender, index) => ({
        at: at + STAGGER_MS * ((index + message) % this.#senders.length),
        sender,
      })),
    );
    feeds.sort((a, b) => a.at - b.at);
    for (const { at, sender } of feeds) {
      if (!(await this.#timeline.at(at))) return;
      sender.arrive();
    }
    // If the receiver never comes, the measurement ends with the time in which messages arrive.
    await this.#timeline.at(this.#options.plan.span);
  }

  async #rounds(through: Interruption): Promise<void> {
    const again = this.#senders.find(({ strategy }) => strategy === 'again');
    for (let round = 1; ; round += 1) {
      if (!(await this.#timeline.at(round * this.#options.retry, through))) return;
      void again?.round();
    }
  }

  async #killSenders(): Promise<void> {
    if (!(await this.#timeline.at(this.#options.plan.span / 2))) return;
    await Promise.all(this.#senders.map((sender) => sender.killed()));
  }

  // Waits until it has ended, or for Ctrl-C, or until the deadline.
  async #until(ended: () => boolean): Promise<void> {
    const deadline = this.#timeline.now() + DRAIN_MS + this.#options.retry;
    while (!ended() && this.#timeline.now() < deadline) {
      if (!(await this.#timeline.at(this.#timeline.now() + LOOK_AGAIN_MS))) return;
    }
  }

  // After the receiver has come for good: is everything done?
  #through(): boolean {
    return this.#senders.every(
      (sender) =>
        sender.idle &&
        (sender.strategy !== 'relay' ||
          sender.tries.every(
            ({ message, verdict }) =>
              message < 0 || verdict !== 'STORED' || this.#relayed?.has(textOf(message)) === true,
          )),
    );
  }
}

async function directReceiver(
  stage: Stage,
  presences: readonly Presence[],
): Promise<{ receiver: Receiver; host: string; port: number }> {
  for (let left = PORT_TRIES; ; left -= 1) {
    // Tries both addresses in turn, in case the system does not have OWN_ADDRESS.
    const host = left % 2 === 0 ? OWN_ADDRESS : COMMON_ADDRESS;
    const port = PORTS.from + Math.floor(Math.random() * PORTS.count);
    const receiver = new Receiver(stage, {
      name: 'bob',
      args: ['sync', 'receive', '--as', 'bob', '--host', host, '--port', String(port)],
      ready: (actor) => actor.until('listening'),
    });
    try {
      await receiver.open(presences);
      return { receiver, host, port };
    } catch (error) {
      // Another program may have the port.
      if (left <= 1) throw error;
    }
  }
}

async function relayReceiver(
  stage: Stage,
  box: string,
  relay: string,
  presences: readonly Presence[],
): Promise<Receiver> {
  const receiver = new Receiver(stage, {
    name: 'bob',
    args: ['async', 'receive', '--as', box, '--relay', relay, '--follow'],
    ready: (actor) => actor.until('sent', ({ verb }) => verb === 'RECEIVE'),
  });
  await receiver.open(presences);
  return receiver;
}
