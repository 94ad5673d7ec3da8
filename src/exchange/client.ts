// The client side of a connection: connect, wait for READY, send HELLO, keep the heartbeat, end. Both senders and the asynchronous
// receiver use it; server-connection.ts is the other end. It never reconnects by itself.

import type { Timer } from '../core/clock.ts';
import type { Connection, Ending } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';
import { connect, type Dial } from '../net/dial.ts';
import type { Progress } from '../net/unacknowledged.ts';
import { type Message, VERSION } from '../wire/verbs.ts';
import { HEARTBEAT_S, Heartbeat } from './heartbeat.ts';
import type { AttemptEnd, Phase, Seen } from './verdict.ts';

/** How long to wait for the server's BYE after ours, in milliseconds. */
export const LEAVE_MS = 2_000;

/** Faults that are not reported by an ERROR: the other end is not a detour server, or not the one that was meant. */
const UNSAID: ReadonlySet<string> = new Set(['not_detour', 'wrong_door', 'wrong_name']);

/** What all connections of one client have in common: where to connect, and as whom. */
export interface Caller {
  readonly host: string;
  readonly port: number;
  /** The client's name: `as` of HELLO. */
  readonly as: string;
  /** `session` of HELLO: random for each process. */
  readonly session: string;
  /** The heartbeat that HELLO asks for, 1 to 3600 s. Default: HEARTBEAT_S. */
  readonly heartbeat?: number | undefined;
  readonly context: NetContext;
}

/** How to make one connection. */
export interface ClientOptions extends Caller {
  /** `try` of HELLO, which counts the connections of the session from 1. */
  readonly tryNumber: number;
  /** The role that READY must name; if it names another, the connection ends with the code `wrong_door`. */
  readonly expect: 'receiver' | 'relay';
  /** How long the owner will wait for a connection, in milliseconds: a name with several addresses divides it. Default: as long as it takes. */
  readonly connectMs?: number | undefined;
  /** Leave HELLO to `greet`? It closes the older connections of the session. Default: it goes out as soon as there is a connection. */
  readonly helloLater?: boolean | undefined;
}

/** What the owner of a client connection is told. `ended` comes last, and once. */
export interface ClientHandlers {
  /** The connection has reached this phase. */
  progressed?(phase: ClientConnection['phase']): void;
  ready(ready: Message<'READY'>): void;
  /** Any message except READY, PING, PONG, BYE and ERROR. */
  message(message: Message): void;
  drained?(): void;
  ended(end: AttemptEnd): void;
}

//  connecting ──► greeting ──(READY: role, version)──► ready ──► ended
//      └──────────────┴────────────────────────────────────────► ended (an errno, FIN, ERROR, BYE, silence, wrong role)
/** One connection to a server. */
export class ClientConnection {
  /** The server's READY; undefined until it has come. */
  greeting: Message<'READY'> | undefined;
  phase: Exclude<Phase, 'written'> = 'connecting';
  /** How long it took from the beginning until READY, in milliseconds; Infinity until then. No answer can come in much less time. */
  greetedAfter = Number.POSITIVE_INFINITY;
  readonly #dial: Dial;
  readonly #options: ClientOptions;
  readonly #on: ClientHandlers;
  readonly #dialed: number;
  #heartbeat: Heartbeat | undefined;
  #end: AttemptEnd | undefined;
  #local: string | undefined;
  #stoodStillMs: number | undefined;
  /** Resolvers of `leave`, which wait for the connection to be closed. */
  readonly #left: (() => void)[] = [];
  #closed = false;
  #leaveTimer: Timer | undefined;
  /** The callbacks of all PINGs whose PONG has not come, in order. */
  readonly #pings: (() => void)[] = [];

  constructor(options: ClientOptions, on: ClientHandlers) {
    this.#options = options;
    this.#on = on;
    this.#dialed = options.context.clock.monotonic();
    this.#dial = connect(options, options.context, {
      connected: (connection) => this.#hello(connection),
      message: (message) => this.#message(message),
      unacceptable: (fault, verb) => this.#unacceptable(fault.code, verb, fault.reason),
      oversize: ({ verb }) =>
        this.#fail(
          this.greeting === undefined ? 'not_detour' : 'too_large',
          `${verb} came with a body above every limit`,
        ),
      fault: (code, reason) =>
        this.#fail(this.greeting === undefined && code !== 'too_slow' ? 'not_detour' : code, reason),
      fin: () => this.#over({ how: 'fin' }),
      drained: () => on.drained?.(),
      closed: (ending) => {
        this.#closed = true;
        this.#over(endOf(ending));
        for (const resolve of this.#left) resolve();
      },
    });
  }

  /** Has it ended? */
  get over(): boolean {
    return this.#end !== undefined;
  }

  /** The connection's number in this process's events; 0 while the name is looked up. */
  get number(): number {
    return this.#dial.connection?.number ?? 0;
  }

  /** What it has seen so far, for an explanation. */
  get seen(): Seen {
    const { lookingUp, tried, connection } = this.#dial;
    const [local, stoodStillMs] = [this.#local, this.#stoodStillMs];
    return { lookingUp, tried, partial: connection?.partial, local, stoodStillMs };
  }

  /** When the last byte came, by the monotonic clock. */
  get heard(): number {
    return this.#dial.connection?.heard ?? 0;
  }

  /** How far the bytes sent on it have come; nothing is sent before there is a connection. */
  get progress(): Progress {
    return this.#dial.connection?.progress ?? { written: 0, acknowledged: undefined };
  }

  /** Says HELLO, if it was left for later. */
  greet(): void {
    if (this.#options.helloLater === true) this.#sayHello();
  }

  /** Sends a message. @param handed called when this computer's kernel has accepted all of it */
  send(message: Message, handed?: () => void): void {
    this.#dial.connection?.send(message, handed);
  }

  /**
   * Sends PING. The other program reads frames in order and answers PING itself, so the PONG shows that it has read everything sent before.
   * @param answered called when the PONG to this PING has come
   */
  ping(answered: () => void = () => {}): void {
    this.#pings.push(answered);
    this.#dial.connection?.send({ verb: 'PING' });
  }

  /** Bytes that the kernel at the other end has not acknowledged; undefined if that cannot be seen. */
  get unacknowledged(): number | undefined {
    return this.#dial.connection?.unacknowledged;
  }

  /**
   * Sends BYE. The server answers what it has taken, then sends BYE, and both close. A server whose READY has not come has taken nothing, so the
   * connection is just dropped. Resolves when the connection is closed, whichever side began; `ended` is called before.
   */
  leave(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve();
        return;
      }
      this.#left.push(resolve);
      if (this.over || this.#left.length > 1) return;
      if (this.greeting === undefined) {
        this.drop({ how: 'interrupted' });
        return;
      }
      this.#dial.connection?.send({ verb: 'BYE' });
      this.#leaveTimer = this.#options.context.clock.after(LEAVE_MS, () => this.drop({ how: 'silent' }));
    });
  }

  /** Closes the connection immediately, and calls `ended` with this end. */
  drop(end: AttemptEnd): void {
    this.#over(end);
    this.#dial.destroy();
  }

  #reached(phase: ClientConnection['phase']): void {
    this.phase = phase;
    this.#on.progressed?.(phase);
  }

  #hello(connection: Connection): void {
    const { heartbeat = HEARTBEAT_S, context } = this.#options;
    // Kept, because a closed socket does not know it any more.
    this.#local = connection.localAddress;
    this.#reached('greeting');
    if (this.#options.helloLater !== true) this.#sayHello();
    this.#heartbeat = new Heartbeat(
      connection,
      context,
      heartbeat,
      () => this.drop({ how: 'silent' }),
      () => this.ping(),
    );
  }

  #sayHello(): void {
    const { as, session, tryNumber, heartbeat = HEARTBEAT_S } = this.#options;
    this.#dial.connection?.send({
      verb: 'HELLO',
      version: VERSION,
      as,
      session,
      try: tryNumber,
      heartbeat,
    });
  }

  #message(message: Message): void {
    if (this.over) return;
    switch (message.verb) {
      case 'READY':
        this.#ready(message);
        break;
      case 'PING':
        this.#dial.connection?.send({ verb: 'PONG' });
        break;
      case 'PONG':
        this.#pings.shift()?.();
        break;
      case 'ERROR':
        // What is queued goes out, and is reported, before the owner hears of the end and acts on it.
        this.#dial.connection?.finish();
        this.#over({ how: 'error', code: message.code, reason: message.body.toString() });
        break;
      case 'BYE':
        this.#bye(message);
        break;
      default:
        if (this.greeting === undefined) this.#fail('not_detour', `${message.verb} came before READY`);
        else this.#on.message(message);
    }
  }

  #ready(ready: Message<'READY'>): void {
    const { expect, as } = this.#options;
    if (this.greeting !== undefined) {
      this.#fail('malformed', 'READY came twice');
      return;
    }
    if (ready.version > VERSION) {
      this.#fail('version', `it speaks detour/${ready.version}; this is detour/${VERSION}`);
      return;
    }
    if (ready.role !== expect) {
      const is = ready.role === 'relay' ? 'a relay' : 'a synchronous receiver';
      this.#fail('wrong_door', `this is ${is}`);
      return;
    }
    if (ready.role === 'relay' && ready.as === as) {
      // The relay will refuse our HELLO, but a SEND might be on its way before that ERROR comes.
      this.#fail('wrong_name', `${as} is the relay's own name`);
      return;
    }
    this.greeting = ready;
    this.greetedAfter = this.#options.context.clock.monotonic() - this.#dialed;
    this.#reached('ready');
    this.#on.ready(ready);
  }

  #bye({ code, by }: Message<'BYE'>): void {
    if (this.#left.length === 0) this.#dial.connection?.send({ verb: 'BYE' });
    this.#over({ how: 'bye', code, by });
    this.#dial.connection?.finish();
  }

  #unacceptable(code: string, verb: string, reason: string): void {
    if (code === 'version') this.#fail('version', `it speaks a newer detour than detour/${VERSION}`);
    else this.#fail(this.greeting === undefined ? 'not_detour' : code, `${verb}: ${reason}`);
  }

  // This side found a fault: sends ERROR, unless the fault is one of UNSAID, and closes.
  #fail(code: string, reason: string): void {
    if (this.over) return;
    if (!UNSAID.has(code)) this.#dial.connection?.send({ verb: 'ERROR', code, body: Buffer.from(reason) });
    this.#over({ how: 'error', code, reason, ours: true });
    this.#dial.connection?.finish();
  }

  #over(end: AttemptEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#stoodStillMs = this.#heartbeat?.stoodStillMs;
    this.#heartbeat?.stop();
    if (end.how === 'fin') this.#dial.connection?.finish();
    this.#leaveTimer?.cancel();
    this.#on.ended(end);
  }
}

function endOf(ending: Ending): AttemptEnd {
  if (ending.how === 'error') return { how: 'broken', code: ending.code, syscall: ending.syscall };
  return { how: ending.how === 'us' ? 'interrupted' : ending.how };
}
