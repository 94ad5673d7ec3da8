// The calling side of a connection: connect, wait for READY, say HELLO, keep the heartbeat, end. Both senders and the
// asynchronous receiver make calls; server-connection.ts is the other end. It never calls again by itself.

import type { Timer } from '../core/clock.ts';
import { type Connection, connect, type Ending } from '../net/connection.ts';
import type { NetContext } from '../net/context.ts';
import { type Message, VERSION } from '../wire/verbs.ts';
import { HEARTBEAT_S, Heartbeat } from './heartbeat.ts';
import type { AttemptEnd, Phase } from './verdict.ts';

/** After our BYE, wait so long for the server's. Milliseconds. */
export const LEAVE_MS = 2_000;

/** Faults that are none of the server's: it is not told. */
const UNSAID: ReadonlySet<string> = new Set(['not_detour', 'wrong_door', 'wrong_name']);

/** Who calls, and where. */
export interface Caller {
  readonly host: string;
  readonly port: number;
  /** The name that HELLO gives. */
  readonly as: string;
  /** Random per process. */
  readonly session: string;
  /** The heartbeat that HELLO asks for, 1 to 3600 s; HEARTBEAT_S unless given. */
  readonly heartbeat?: number | undefined;
  readonly context: NetContext;
}

/** One connection of many. */
export interface ClientOptions extends Caller {
  /** Counts the connections of the session, from 1. */
  readonly tryNumber: number;
  /** The role that must answer; another is the wrong door. */
  readonly expect: 'receiver' | 'relay';
}

/** What the caller is told. `ended` is last and comes once. */
export interface ClientHandlers {
  /** The connection has come so far. */
  progressed?(phase: ClientConnection['phase']): void;
  ready(ready: Message<'READY'>): void;
  /** Anything but READY, PING, PONG, BYE and ERROR. */
  message(message: Message): void;
  drained?(): void;
  ended(end: AttemptEnd): void;
}

//  connecting ──► greeting ──(READY: role, version)──► ready ──► ended
//      └──────────────┴────────────────────────────────────────► ended (an errno, FIN, ERROR, BYE, silence, wrong door)
/** One connection to a server. */
export class ClientConnection {
  /** What the server said of itself, once it has. */
  greeting: Message<'READY'> | undefined;
  phase: Exclude<Phase, 'written'> = 'connecting';
  readonly #connection: Connection;
  readonly #options: ClientOptions;
  readonly #on: ClientHandlers;
  #heartbeat: Heartbeat | undefined;
  #end: AttemptEnd | undefined;
  /** Who waits for the connection to be closed after BYE. */
  readonly #left: (() => void)[] = [];
  #closed = false;
  #leaveTimer: Timer | undefined;
  /** For each PING without its PONG, who waits for it, in their order. */
  readonly #pings: (() => void)[] = [];

  constructor(options: ClientOptions, on: ClientHandlers) {
    this.#options = options;
    this.#on = on;
    this.#connection = connect(options.host, options.port, options.context, {
      connected: () => this.#hello(),
      message: (message) => this.#message(message),
      unacceptable: (fault, verb) => this.#unacceptable(fault.code, verb, fault.reason),
      oversize: ({ verb }) =>
        this.#fail(
          this.greeting === undefined ? 'not_detour' : 'too_large',
          `${verb} came with a body beyond every limit`,
        ),
      fault: (code, reason) => this.#fail(this.greeting === undefined ? 'not_detour' : code, reason),
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

  /** Number of the connection in this process's events. */
  get number(): number {
    return this.#connection.number;
  }

  /** Sends a message. @param handed called when this computer's kernel has taken all of it */
  send(message: Message, handed?: () => void): void {
    this.#connection.send(message, handed);
  }

  /**
   * Says PING. Frames are read in order, and PING is answered by the program: its PONG shows that what was sent before was read.
   * @param answered called when the PONG to this PING is here
   */
  ping(answered: () => void = () => {}): void {
    this.#pings.push(answered);
    this.#connection.send({ verb: 'PING' });
  }

  /** Bytes that the kernel at the other end has not acknowledged; undefined if that cannot be seen. */
  get unacknowledged(): number | undefined {
    return this.#connection.unacknowledged;
  }

  /**
   * Says BYE; the server answers what it took, then BYE, then both close. One who has not greeted took nothing, and is not waited
   * for. `ended` comes first; this resolves when the connection is closed, whoever began it.
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
      this.#connection.send({ verb: 'BYE' });
      this.#leaveTimer = this.#options.context.clock.after(LEAVE_MS, () => this.drop({ how: 'silent' }));
    });
  }

  /** Ends it at once. `ended` is called now, with the reason given. */
  drop(end: AttemptEnd): void {
    this.#over(end);
    this.#connection.destroy();
  }

  #reached(phase: ClientConnection['phase']): void {
    this.phase = phase;
    this.#on.progressed?.(phase);
  }

  #hello(): void {
    const { as, session, tryNumber, heartbeat = HEARTBEAT_S, context } = this.#options;
    this.#reached('greeting');
    this.#connection.send({
      verb: 'HELLO',
      version: VERSION,
      as,
      session,
      try: tryNumber,
      heartbeat,
    });
    this.#heartbeat = new Heartbeat(
      this.#connection,
      context,
      heartbeat,
      () => this.drop({ how: 'silent' }),
      () => this.ping(),
    );
  }

  #message(message: Message): void {
    if (this.over) return;
    switch (message.verb) {
      case 'READY':
        this.#ready(message);
        break;
      case 'PING':
        this.#connection.send({ verb: 'PONG' });
        break;
      case 'PONG':
        this.#pings.shift()?.();
        break;
      case 'ERROR':
        // What is queued goes out, and is reported, before whoever hears of the end acts on it.
        this.#connection.finish();
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
      this.#fail('version', `it speaks detour/${ready.version}, this is detour/${VERSION}`);
      return;
    }
    if (ready.role !== expect) {
      const is = ready.role === 'relay' ? 'a relay' : 'a synchronous receiver';
      this.#fail('wrong_door', `this is ${is}`);
      return;
    }
    if (ready.role === 'relay' && ready.as === as) {
      // It will refuse our HELLO: before that comes, a SEND might be on its way.
      this.#fail('wrong_name', `${as} is the relay's own name`);
      return;
    }
    this.greeting = ready;
    this.#reached('ready');
    this.#on.ready(ready);
  }

  #bye({ code }: Message<'BYE'>): void {
    if (this.#left.length === 0) this.#connection.send({ verb: 'BYE' });
    this.#over({ how: 'bye', code });
    this.#connection.finish();
  }

  #unacceptable(code: string, verb: string, reason: string): void {
    if (code === 'version') this.#fail('version', `it speaks a newer detour than detour/${VERSION}`);
    else this.#fail(this.greeting === undefined ? 'not_detour' : code, `${verb}: ${reason}`);
  }

  // The server broke the protocol: tell it, and go.
  #fail(code: string, reason: string): void {
    if (this.over) return;
    if (!UNSAID.has(code)) this.#connection.send({ verb: 'ERROR', code, body: Buffer.from(reason) });
    this.#over({ how: 'error', code, reason, ours: true });
    this.#connection.finish();
  }

  #over(end: AttemptEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#heartbeat?.stop();
    if (end.how === 'fin') this.#connection.finish();
    this.#leaveTimer?.cancel();
    this.#on.ended(end);
  }
}

function endOf(ending: Ending): AttemptEnd {
  if (ending.how === 'error') return { how: 'broken', code: ending.code, syscall: ending.syscall };
  return { how: ending.how === 'fin' ? 'fin' : 'interrupted' };
}
