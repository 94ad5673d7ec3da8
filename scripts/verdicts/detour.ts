// The asynchronous world of one run: alice, the relay and bob, in one process and on real sockets. The link is between alice and the relay
// or, if the schedule is about what becomes of a stored message, between bob and the relay.

import { Waiter } from '../../src/cli/waiting.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Event } from '../../src/core/event.ts';
import type { Outcome } from '../../src/exchange/pending.ts';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';
import { netContext } from '../../src/net/context.ts';
import { encode } from '../../src/wire/verbs.ts';
import { saidOf } from './direct.ts';
import { Gate, gatedClock } from './gate.ts';
import { Network } from './network.ts';
import type { Handled, Said } from './oracle.ts';
import { DEADLINE_MS, type FaultName } from './plan.ts';
import { Relays } from './relays.ts';
import { connected } from './sockets.ts';
import { holdAnswer, holdFrame, never, pause, type Setting, type World } from './world.ts';

type AsyncSender = InstanceType<Setting['parts']['AsyncSender']>;
type AsyncReceiver = InstanceType<Setting['parts']['AsyncReceiver']>;
type OfAlice = Parameters<AsyncSender['send']>[0];

/** A receiver from its start to its end. */
interface Bob {
  readonly number: number;
  readonly receiver: AsyncReceiver;
  readonly gate: Gate;
  readonly ended: Promise<unknown>;
  dead: boolean;
}

/** How long the sender waits for a receipt or a bounce, in milliseconds, for a message that can expire (`mortal`) and for any other. */
const NEWS_MS = { mortal: 3500, other: 700 };

/** The most messages that bob handles together. */
const TOGETHER = 3;

/** In half of the runs, this many more messages are sent right after the subject. */
const COMPANIONS = { fewest: 2, most: 8 };

/** Alice, the relay and bob. */
export class Detour implements World {
  readonly handled: Handled[] = [];
  readonly said: Said[] = [];
  readonly network: Network;
  readonly #setting: Setting;
  readonly #relays: Relays;
  readonly #waits: boolean;
  readonly #mortal: boolean;
  readonly #follows: boolean;
  readonly #work: number;
  readonly #waiter: Waiter;
  readonly #bobs: Bob[] = [];
  #alice: AsyncSender;
  #aliceGate = new Gate();
  #alices = 1;
  #aliceDead: (() => void) | undefined;
  #seq: number | undefined;
  #acknowledged = 0;
  #whenAcknowledged: () => void = () => {};

  private constructor(setting: Setting, relays: Relays, network: Network) {
    const { schedule, random, emitOf } = setting;
    this.#setting = setting;
    this.#relays = relays;
    this.network = network;
    this.#waits = schedule.mode === 'wait';
    this.#mortal = this.#waits && random.next() < 0.6;
    this.#follows = this.#waits || random.next() < 0.4;
    this.#work = random.pick([0, 0, 3, 25]);
    this.#alice = this.#newAlice();
    this.#waiter = new Waiter(
      { host: OWN_ADDRESS, port: relays.port },
      { context: netContext(emitOf('alice'), systemClock, true), random: () => random.next() },
    );
  }

  static async start(setting: Setting): Promise<Detour> {
    const { random, emitOf, reach, schedule } = setting;
    let world: Detour | undefined;
    const commitStrikesAt = random.pick(['write', 'sync'] as const);
    const sends = schedule.mode === 'async';
    const relays = await Relays.start(setting, {
      writing: () => sends && commitStrikesAt === 'write' && reach('taken'),
      syncing: () => sends && commitStrikesAt === 'sync' && reach('taken'),
      durable: () => sends && world?.durable(),
      event: (event) => world?.tellOf(event),
    });
    const deadline = DEADLINE_MS[sends ? 'async' : 'wait'];
    const network = await Network.start(relays.port, random, deadline, emitOf('link'), () => {
      if (schedule.phase === 'partly' || schedule.phase === 'reply') reach(schedule.phase);
    });
    world = new Detour(setting, relays, network);
    if (world.#follows && schedule.phase !== 'before')
      world.#startBob(sends ? relays.port : network.link.port);
    return world;
  }

  async warm(): Promise<void> {
    const said = saidOf(
      await this.#alice.send({ id: 'warm', to: 'bob', body: Buffer.from('warm') }, { timeoutMs: 10_000 }),
    );
    this.said.push(said);
    if (said.verdict !== 'STORED') throw new Error(`the first message was ${said.verdict}`);
    // Only the subject's frames may be on the link.
    if (this.#waits && this.#acknowledged === 0) {
      await new Promise<void>((acknowledged) => {
        this.#whenAcknowledged = acknowledged;
      });
    }
  }

  async send(body: Buffer): Promise<void> {
    const { schedule, subject, reach } = this.#setting;
    const message = { id: subject, to: 'bob', body };
    if (!this.#waits) {
      if (schedule.phase === 'connect') this.network.hold('down');
      else holdFrame(this.#setting, this.network, 'up', encode({ verb: 'SEND', ...message }).length);
      const outcomes = await this.#ask([message, ...this.#companions()], DEADLINE_MS.async);
      this.said.push(...outcomes.map(saidOf));
      return;
    }
    // Only the minimum length of MESSAGE is known in advance.
    holdFrame(this.#setting, this.network, 'down', 60 + body.length);
    const ttl = this.#mortal ? 1 : undefined;
    const [outcome] = await this.#ask([{ ...message, ttl, notify: this.#waiter.name }], DEADLINE_MS.wait);
    if (outcome === undefined) return;
    const said = saidOf(outcome);
    if (schedule.phase === 'before') {
      reach('before');
      this.#startBob(this.network.link.port);
    }
    if (said.verdict !== 'STORED') this.said.push(said);
    else this.said.push(await this.#newsOf(said));
  }

  // Draws the same conclusion from a receipt or a bounce as the command line.
  async #newsOf(said: Said): Promise<Said> {
    const news = await this.#waiter.wait(said.id, this.#mortal ? NEWS_MS.mortal : NEWS_MS.other);
    if (news === undefined) return { ...said, view: 'stored: no news' };
    if (news.kind === 'receipt') return { ...said, verdict: 'DELIVERED', view: 'stored: receipt' };
    if (news.tried) return { ...said, verdict: 'UNKNOWN', view: 'stored: bounce tried=yes' };
    return { ...said, verdict: 'NOT_DELIVERED', view: 'stored: bounce tried=no' };
  }

  // More messages under way, because a sender with only one cannot confuse two.
  #companions(): OfAlice[] {
    const { random, subject } = this.#setting;
    if (random.next() < 0.5) return [];
    return Array.from({ length: random.whole(COMPANIONS.fewest, COMPANIONS.most) }, (_, i) => ({
      id: `${subject}-${i + 1}`,
      to: 'bob',
      body: Buffer.alloc(random.whole(0, 200), 'y'),
    }));
  }

  // Sends all of them at the same time. If alice is killed, another process sends them again under the same ids.
  async #ask(messages: readonly OfAlice[], timeoutMs: number): Promise<Outcome[]> {
    const killed = new Promise<undefined>((resolve) => {
      this.#aliceDead = () => resolve(undefined);
    });
    const all = (earlier: boolean): Promise<Outcome[]> =>
      Promise.all(messages.map((message) => this.#alice.send(message, { timeoutMs }, earlier)));
    const outcomes = await Promise.race([all(false), killed]);
    if (outcomes !== undefined) return outcomes;
    await pause(this.#setting.random.whole(0, 40));
    this.#alice = this.#newAlice();
    return all(true);
  }

  #newAlice(): AsyncSender {
    const { parts, random, subject, emitOf, reach, schedule } = this.#setting;
    const session = `session-${subject}-${this.#alices}`;
    this.#alices += 1;
    this.#aliceGate = new Gate();
    return new parts.AsyncSender({
      as: 'alice',
      session,
      host: OWN_ADDRESS,
      port: schedule.mode === 'wait' ? this.#relays.port : this.network.link.port,
      context: netContext(
        (event) => {
          emitOf('alice')(event);
          if (event.event === 'connected') reach('connect');
        },
        gatedClock(this.#aliceGate),
        true,
      ),
      random: () => random.next(),
    });
  }

  /** The subject is durable, and nobody has been told yet. */
  durable(): void {
    const { subject, reach } = this.#setting;
    holdAnswer(this.#setting, this.network, 'down', `STORED id=${subject} seq=1\n`.length);
    reach('done');
  }

  tellOf(event: Event): void {
    if (event.event === 'stored' && event.id === this.#setting.subject) this.#seq = event.seq;
    if (event.event !== 'acknowledged' || event.to !== 'bob') return;
    this.#acknowledged = event.seq;
    this.#whenAcknowledged();
    if (this.#waits && event.seq === this.#seq) this.#setting.reach('after');
  }

  #startBob(port: number, follow = true): Bob {
    const { parts, random, emitOf, subject } = this.#setting;
    const number = this.#bobs.length + 1;
    const gate = new Gate();
    const receiver = new parts.AsyncReceiver({
      as: 'bob',
      session: `bob-${subject}-${number}`,
      host: OWN_ADDRESS,
      port,
      context: netContext(emitOf('bob'), gatedClock(gate), true),
      follow,
      // The last receiver must collect what is left, however busy the computer is.
      patienceMs: follow ? 2000 : 10_000,
      together: TOGETHER,
      handle: async (messages) => {
        for (const { id, seq } of messages) await this.#handle(bob, id, seq);
      },
      random: () => random.next(),
    });
    const bob: Bob = { number, receiver, gate, ended: receiver.run(), dead: false };
    this.#bobs.push(bob);
    return bob;
  }

  async #handle(bob: Bob, id: string, seq: number): Promise<void> {
    const { subject, reach } = this.#setting;
    const subjectHere = this.#waits && id === subject;
    if (subjectHere) reach('taken');
    await pause(this.#work);
    await new Promise<void>((go) => bob.gate.pass(go));
    if (bob.dead) return never();
    this.handled.push({ id, seq, life: bob.number });
    if (!subjectHere) return;
    holdAnswer(this.#setting, this.network, 'up', `ACK seq=${seq}\n`.length);
    reach('done');
    await new Promise<void>((go) => bob.gate.pass(go));
    if (bob.dead) return never();
  }

  strike(fault: FaultName): void {
    const bob = this.#waits ? this.#bobs.at(-1) : undefined;
    switch (fault) {
      case 'kill':
        if (!this.#waits) this.#relays.kill();
        else if (bob !== undefined && !bob.dead) {
          bob.dead = true;
          for (const socket of connected(this.network.link.port)) socket.destroy();
          bob.receiver.stop();
        }
        return;
      case 'freeze':
        if (this.#waits) bob?.gate.close();
        else this.#relays.freeze();
        this.network.freeze();
        return;
      case 'restart':
        if (this.#waits) bob?.receiver.stop();
        else this.#relays.stop();
        return;
      case 'kill relay':
        this.#relays.kill();
        return;
      case 'freeze relay':
        this.#relays.freeze();
        this.network.freeze();
        return;
      case 'restart relay':
        this.#relays.stop();
        return;
      case 'replaced':
        this.#startBob(this.#relays.port);
        return;
      case 'disk full':
        this.#relays.full = true;
        return;
      case 'full later':
        this.#relays.kill({ forgets: false, full: true });
        return;
      case 'forgets':
        this.#relays.kill({ forgets: true, full: true });
        return;
      case 'disk fails':
        this.#relays.breakDisk();
        return;
      default:
        this.#strikeAlice(fault);
    }
  }

  #strikeAlice(fault: FaultName): void {
    const sockets = connected(this.network.link.port);
    if (fault === 'kill sender') {
      for (const socket of sockets) socket.destroy();
      this.#aliceDead?.();
      this.#alice.interrupt();
    } else if (fault === 'freeze sender') {
      this.#aliceGate.close();
      for (const socket of sockets) socket.pause();
    } else if (fault === 'interrupt') this.#alice.interrupt();
    else throw new RangeError(`${fault} does not exist in async`);
  }

  async mend(all: boolean): Promise<void> {
    await this.network.heal();
    if (this.#aliceGate.closed) {
      for (const socket of connected(this.network.link.port)) socket.resume();
      this.#aliceGate.open();
    }
    for (const { gate } of this.#bobs) gate.open();
    await this.#relays.mend(all);
    // A bob that was killed or stopped comes back; one that was replaced does not.
    const last = this.#bobs.at(-1);
    if (this.#waits && last !== undefined && (last.dead || (await isOver(last.ended))))
      this.#startBob(this.network.link.port);
  }

  async settle(): Promise<void> {
    await this.#alice.close();
    await this.#waiter.stop();
    for (const bob of this.#bobs) bob.receiver.stop();
    for (const bob of this.#bobs) if (!bob.dead) await bob.ended;
    await this.network.quiet();
    const collected = await this.#startBob(this.#relays.port, false).ended;
    if (JSON.stringify(collected).includes('"why":"empty"')) return;
    throw new Error(`what is left could not be collected: ${JSON.stringify(collected)}`);
  }

  async close(): Promise<void> {
    this.#alice.interrupt();
    for (const { gate, receiver } of this.#bobs) {
      gate.open();
      receiver.stop();
    }
    await this.#waiter.stop();
    this.network.link.close();
    await this.#relays.close();
  }
}

const isOver = (ended: Promise<unknown>): Promise<boolean> =>
  Promise.race([ended.then(() => true), Promise.resolve(false)]);
