// The synchronous world of one run: alice, the link and bob, in one process and on real sockets.

import type { Outcome } from '../../src/exchange/pending.ts';
import { OWN_ADDRESS } from '../../src/lab/stage/address.ts';
import { netContext } from '../../src/net/context.ts';
import type { Receiver } from '../../src/sync/receiver.ts';
import { encode } from '../../src/wire/verbs.ts';
import { Gate, gatedClock } from './gate.ts';
import { Network } from './network.ts';
import { type Handled, type Said, viewOf } from './oracle.ts';
import { DEADLINE_MS, type FaultName } from './plan.ts';
import { onPort, onPortAgain } from './ports.ts';
import { accepted, connected } from './sockets.ts';
import { holdAnswer, holdFrame, never, pause, type Setting, type World } from './world.ts';

/** A receiver from its start to its end. */
interface Bob {
  readonly number: number;
  readonly receiver: Receiver;
  readonly gate: Gate;
  dead: boolean;
}

/** Does handling the next message fail, and is that before or after it is shown? */
type Failing = 'no' | 'before' | 'after';

/** Alice, the link and bob. */
export class Direct implements World {
  readonly handled: Handled[] = [];
  readonly said: Said[] = [];
  readonly network: Network;
  readonly #setting: Setting;
  readonly #port: number;
  readonly #alice: InstanceType<Setting['parts']['SyncSender']>;
  readonly #aliceGate = new Gate();
  readonly #work: number;
  #aliceDead: (() => void) | undefined;
  #bob: Bob;
  #bobs = 1;
  #failing: Failing = 'no';
  #stopping: Promise<void> = Promise.resolve();
  readonly #stopped = new Set<Bob>();

  private constructor(setting: Setting, network: Network, bob: Bob) {
    this.#setting = setting;
    this.network = network;
    this.#bob = bob;
    this.#port = bob.receiver.port;
    const { parts, random } = setting;
    this.#work = random.pick([0, 0, 3, 25]);
    this.#alice = new parts.SyncSender({
      as: 'alice',
      session: `session-${setting.subject}`,
      host: OWN_ADDRESS,
      port: network.link.port,
      context: netContext(
        (event) => {
          setting.emitOf('alice')(event);
          if (event.event === 'connected') setting.reach('connect');
        },
        gatedClock(this.#aliceGate),
        true,
      ),
    });
  }

  static async start(setting: Setting): Promise<Direct> {
    const { random, emitOf, reach, schedule } = setting;
    // bob needs the world, the world needs the link, and the link needs bob's port.
    let world: Direct | undefined;
    const bob = await onPort((port) =>
      startBob(setting, port, 1, (bob, id) => world?.handle(bob, id) ?? never()),
    );
    const { port } = bob.receiver;
    const network = await Network.start(port, random, DEADLINE_MS.sync, emitOf('link'), () => {
      if (schedule.phase === 'partly' || schedule.phase === 'reply') reach(schedule.phase);
    });
    world = new Direct(setting, network, bob);
    return world;
  }

  async warm(): Promise<void> {
    const said = saidOf(await this.#alice.send('warm', Buffer.from('warm'), { timeoutMs: 10_000 }));
    this.said.push(said);
    if (said.verdict !== 'DELIVERED') throw new Error(`the first message was ${said.verdict}`);
  }

  async send(body: Buffer): Promise<void> {
    const { schedule, subject } = this.#setting;
    const { length } = encode({ verb: 'SEND', id: subject, body });
    if (schedule.phase === 'connect') this.network.hold('down');
    else holdFrame(this.#setting, this.network, 'up', length);
    const killed = new Promise<undefined>((resolve) => {
      this.#aliceDead = () => resolve(undefined);
    });
    const outcome = await Promise.race([
      this.#alice.send(subject, body, { timeoutMs: DEADLINE_MS.sync }),
      killed,
    ]);
    if (outcome !== undefined) this.said.push(saidOf(outcome));
  }

  /** Handles a message that bob has read. */
  async handle(bob: Bob, id: string): Promise<undefined> {
    const subject = id === this.#setting.subject;
    if (subject) this.#setting.reach('taken');
    await pause(this.#work);
    await new Promise<void>((go) => bob.gate.pass(go));
    if (bob.dead) return never();
    if (this.#failing === 'before') throw new Error('no room on the screen');
    this.handled.push({ id, seq: undefined, life: bob.number });
    if (!subject) return undefined;
    holdAnswer(this.#setting, this.network, 'down', `RECEIVED id=${id}\n`.length);
    this.#setting.reach('done');
    if (bob.dead) return never();
    if (this.#failing !== 'no') throw new Error('no room on the screen');
    if (bob.gate.closed) await new Promise<void>((go) => bob.gate.pass(go));
    return bob.dead ? never() : undefined;
  }

  strike(fault: FaultName): void {
    const bob = this.#bob;
    switch (fault) {
      case 'kill':
        if (bob.dead) return;
        bob.dead = true;
        for (const socket of accepted(this.#port)) socket.destroy();
        this.#stop(bob);
        return;
      case 'freeze':
        // Mending waits for a bob that is being stopped. If it were frozen, that would never end.
        if (!this.#stopped.has(bob)) bob.gate.close();
        this.network.freeze();
        return;
      case 'restart':
        if (!bob.dead) this.#stop(bob);
        return;
      case 'fails':
        this.#failing = this.#setting.schedule.phase === 'done' ? 'after' : 'before';
        return;
      case 'kill sender':
        for (const socket of connected(this.network.link.port)) socket.destroy();
        this.#aliceDead?.();
        this.#alice.interrupt();
        return;
      case 'freeze sender':
        this.#aliceGate.close();
        for (const socket of connected(this.network.link.port)) socket.pause();
        return;
      case 'interrupt':
        this.#alice.interrupt();
        return;
      default:
        throw new RangeError(`${fault} does not exist in sync`);
    }
  }

  // Stops bob politely. A killed bob has no connections left, so nobody sees that it was polite.
  #stop(bob: Bob): void {
    if (this.#stopped.has(bob)) return;
    this.#stopped.add(bob);
    const closed = bob.receiver.close();
    // The handler of a killed bob never ends, so it is not waited for.
    if (!bob.dead) this.#stopping = Promise.all([this.#stopping, closed]).then(() => {});
  }

  async mend(): Promise<void> {
    await this.network.heal();
    this.#failing = 'no';
    this.#bob.gate.open();
    if (this.#aliceGate.closed) {
      for (const socket of connected(this.network.link.port)) socket.resume();
      this.#aliceGate.open();
    }
    if (!this.#stopped.has(this.#bob)) return;
    await this.#stopping;
    this.#bobs += 1;
    const number = this.#bobs;
    this.#bob = await onPortAgain(() =>
      startBob(this.#setting, this.#port, number, (bob, id) => this.handle(bob, id)),
    );
  }

  async settle(): Promise<void> {
    await this.#alice.close();
    await this.network.quiet();
    await this.#bob.receiver.close();
  }

  async close(): Promise<void> {
    this.#alice.interrupt();
    this.network.link.close();
    this.#bob.gate.open();
    for (const socket of accepted(this.#port)) socket.destroy();
    await this.#bob.receiver.close();
  }
}

async function startBob(
  { parts, emitOf }: Setting,
  port: number,
  number: number,
  handle: (bob: Bob, id: string) => Promise<undefined>,
): Promise<Bob> {
  const gate = new Gate();
  const receiver = await parts.startReceiver({
    as: 'bob',
    host: OWN_ADDRESS,
    port,
    context: netContext(emitOf('bob'), gatedClock(gate), true),
    handle: ({ id }) => handle(bob, id),
  });
  const bob: Bob = { number, receiver, gate, dead: false };
  return bob;
}

/** What a sender concluded, in the form that the oracle needs. */
export function saidOf({ send, verdict, answer, attempts }: Outcome): Said {
  return {
    id: send.id,
    verdict,
    seq: answer?.verb === 'STORED' ? answer.seq : undefined,
    mortal: send.ttl !== undefined,
    view: viewOf(attempts),
  };
}
