// The relay: stores a message for a recipient who may be away, and forwards it when the recipient comes. This file puts the parts together
// and hands each frame of a client to the part that decides about it. Decisions are appended and applied (machine.ts, state.ts), and
// answered once they are durable; delivery.ts sends what goes out. README.md tells the life of a message.

import type { Timer } from '../core/clock.ts';
import { Server } from '../exchange/server.ts';
import type { Handler, Session } from '../exchange/session.ts';
import type { NetContext } from '../net/context.ts';
import type { Listener } from '../net/listener.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { type Message, VERSION } from '../wire/verbs.ts';
import { Admission, type RelayLimits } from './admission.ts';
import { Delivery } from './delivery.ts';
import { Endings } from './endings.ts';
import type { OpenLog } from './log/log.ts';
import { Machine } from './machine.ts';
import { Retention } from './retention.ts';
import { type Loss, salvage } from './salvage.ts';
import { Sends } from './sends.ts';
import { Answers, statusPage, type Waiting } from './status.ts';

/** How many unanswered SENDs one connection may have: enough to keep a LAN and a disk that syncs in 1 ms busy. PROTOCOL.md, "Limits". */
export const WINDOW = 256;
/** How often the relay compares its clocks, expires messages and looks for segments to free, in milliseconds. */
const LOOK_MS = 1000;

/** How a relay is set up. */
export interface RelayOptions {
  readonly host: string;
  /** The port to listen on; 0 lets the system choose. */
  readonly port: number;
  readonly context: NetContext;
  readonly log: OpenLog;
  /** The relay's own name: its notices come from it, and a client may not use it in HELLO. Default: `relay`. */
  readonly as?: string;
  readonly limits?: Partial<RelayLimits>;
  /** If given, the relay goes on after damage and reports here what each mailbox has lost. The log must be opened with `salvage`, too. */
  readonly salvage?: (loss: Loss) => void;
  /** Called when the log has failed: nothing more is acknowledged, and the process must end. */
  readonly onFailure: (error: Error) => void;
}

/** A relay. `startRelay` makes one and lets it listen. */
export class Relay {
  readonly #context: NetContext;
  readonly #server: Server;
  readonly #delivery: Delivery;
  readonly #admission: Admission;
  readonly #endings: Endings;
  readonly #sends: Sends;
  readonly #answers: Answers;
  #listener: Listener | undefined;
  #timer: Timer | undefined;

  /** @param machine its log must be open */
  constructor(
    { context, limits }: RelayOptions,
    private readonly machine: Machine,
    private readonly retention: Retention,
  ) {
    this.#context = context;
    this.#admission = new Admission(machine, () => retention.room, limits);
    this.#delivery = new Delivery(context, machine);
    this.#endings = new Endings(context, machine, this.#delivery, this.#admission);
    this.#sends = new Sends(context, machine, this.#admission, this.#delivery, () => this.#server.resume());
    this.#answers = new Answers(machine, this.#delivery, this.#admission, retention);
    const ready: Message<'READY'> = {
      verb: 'READY',
      version: VERSION,
      role: 'relay',
      as: machine.name,
      max: MAX_BODY,
      window: WINDOW,
      store: machine.id.store,
    };
    this.#server = new Server(ready, this.#handler(), context);
  }

  /** The address and port on which it listens. */
  get address(): { host: string; port: number } {
    return { host: this.#listener?.host ?? '', port: this.#listener?.port ?? 0 };
  }

  /** Starts to listen. @throws DetourError with the errno if it cannot */
  async listen(host: string, port: number): Promise<void> {
    await this.retention.measure();
    this.#listener = await this.#server.listen(host, port);
    const { store } = this.machine.id;
    this.#context.emit?.({ event: 'listening', role: 'relay', ...this.address, store });
    this.#look();
  }

  /** All mailboxes with mail, sorted by name. */
  waiting(): Waiting[] {
    return statusPage(this.machine.state, [], undefined, Number.POSITIVE_INFINITY);
  }

  /** Stops listening, answers what was taken, says BYE and closes the log. */
  async close(): Promise<void> {
    this.#stop();
    await this.#server.close();
    this.#sends.flush();
    this.machine.append({ verb: 'CLOSED', ...this.machine.times() });
    await this.machine.log.close();
  }

  /** The log has failed: drops all connections. */
  fail(): void {
    this.#stop();
    this.#server.destroyAll();
  }

  #stop(): void {
    this.#listener?.close();
    this.#endings.stop();
    this.retention.stop();
    this.#timer?.cancel();
  }

  /** More has become durable. */
  durable(): void {
    this.#delivery.durable();
    this.#sends.changed();
    this.retention.grown();
  }

  /** The log may have more room. */
  room = (): void => this.#sends.changed();

  #look(): void {
    this.#endings.look();
    if (this.machine.clockMoved) this.machine.append({ verb: 'CLOCK', ...this.machine.times() });
    void this.retention.measure(this.#sends.room() === 'no');
    this.#timer = this.#context.clock.after(LOOK_MS, () => this.#look());
  }

  // ---- frames of clients

  #handler(): Handler {
    const { name } = this.machine;
    const [delivery, sends] = [this.#delivery, this.#sends];
    return {
      refuseName: (as) =>
        as === name ? { code: 'wrong_name', reason: `${as} is the relay's own name` } : undefined,
      saturated: () => sends.saturated,
      send: (session, send) => sends.send(session, send),
      oversize: (session, id, size) => sends.oversize(session, id, size),
      other: (session, message) => this.#other(session, message),
      ask: (question, client, answered) => {
        sends.flush();
        this.#answers.ask(question, client, answered);
        return true;
      },
      inFlight: (session) => (delivery.collecting(session)?.flight.length ?? 0) > 0,
      settled: (session, done) => {
        this.#sends.flush();
        this.#endings.settled(session, done);
      },
      drained: (session) => delivery.drained(session),
      ended: (session, how) => delivery.ended(session, how, (done) => this.#endings.settled(session, done)),
    };
  }

  #other(session: Session, message: Message): boolean {
    this.#sends.flush();
    if (message.verb === 'RECEIVE') this.#delivery.receive(session, message);
    else if (message.verb === 'ACK') this.#endings.acknowledge(session, message.seq);
    else return false;
    return true;
  }
}

/**
 * Opens the log and starts a relay on it.
 * @throws DetourError if it cannot open the journal or cannot listen on the address
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { context, onFailure, as = 'relay' } = options;
  let relay: Relay | undefined;
  const machine = new Machine(as, context.clock, {
    durable: () => relay?.durable(),
    room: () => relay?.room(),
    failed: (error) => {
      relay?.fail();
      onFailure(error);
    },
    torn: (file, offset, bytes) => context.emit?.({ event: 'cut', file, offset, bytes }),
    notice: (text) => context.emit?.({ event: 'notice', text }),
  });
  await machine.open(options.log);
  const { count: messages, mailboxes } = machine.state;
  context.emit?.({ event: 'recovered', messages, mailboxes: mailboxes.size });
  const retention = new Retention(machine, (text) => context.emit?.({ event: 'notice', text }));
  relay = new Relay(options, machine, retention);
  try {
    if (options.salvage) for (const loss of await salvage(machine, retention)) options.salvage(loss);
    machine.append({ verb: 'EPOCH', ...machine.times() });
    await relay.listen(options.host, options.port);
  } catch (error) {
    await machine.log.close();
    throw error;
  }
  return relay;
}
