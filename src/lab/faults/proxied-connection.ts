// One connection through the link: the client's socket, the socket to the target, and a pipe in each direction. FIN passes in one
// direction alone (TCP connections can be half closed). What breaks one side breaks the other, as it would without the link.

import { createConnection, type Socket } from 'node:net';
import { Pipe, type PipeEnvironment, type Sink } from './pipe.ts';

/** How a connection through the link ended: `fin`, `reset`, `stopped` (with the link), or the errno of the side that failed first. */
export type ProxiedEnd = string;

/** What a proxied connection tells its link. */
export interface ProxiedHandlers {
  /** The connection to the target is established. */
  reached(target: Socket): void;
  /** Both sockets are closed. @param how see ProxiedEnd */
  over(how: ProxiedEnd): void;
}

/**
 * How long each address of the target's name but the last is tried, in milliseconds. Node's own limit is 250 ms, too short for a slow line.
 */
const ADDRESS_MS = 10_000;

/** One connection. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #dialTarget: () => Socket;
  readonly #environment: PipeEnvironment;
  readonly #handlers: ProxiedHandlers;
  readonly #up: Pipe;
  readonly #down: Pipe;
  #target: Socket | undefined;
  #how: ProxiedEnd | undefined;
  #struck = false;
  #over = false;

  /** @param client the accepted socket @param to the target to connect to */
  constructor(
    client: Socket,
    to: { host: string; port: number },
    environment: PipeEnvironment,
    handlers: ProxiedHandlers,
  ) {
    this.#client = client;
    this.#dialTarget = () =>
      createConnection({
        host: to.host,
        port: to.port,
        allowHalfOpen: true,
        noDelay: true,
        autoSelectFamilyAttemptTimeout: ADDRESS_MS,
      });
    this.#environment = environment;
    this.#handlers = handlers;
    this.#up = new Pipe(
      'up',
      environment,
      sinkOf(
        () => this.#target,
        () => this.#up.open(),
      ),
      () => client.resume(),
    );
    this.#down = new Pipe(
      'down',
      environment,
      sinkOf(
        () => client,
        () => this.#down.open(),
      ),
      () => this.#target?.resume(),
    );
    this.#join(client, this.#up, this.#down);
    this.#down.open();
    this.pump();
  }

  /** Bytes that this connection holds, both directions together. */
  get held(): number {
    return this.#up.held + this.#down.held;
  }

  /** Releases what may pass, after the conditions have changed. */
  pump(): void {
    // Nothing connects through a cut cable.
    if (this.#target === undefined && !this.#client.destroyed && !this.#environment.conditions().cut)
      this.#dial();
    this.#up.pump();
    this.#down.pump();
    this.#look();
  }

  /** RST to both sides, now. */
  reset(): void {
    this.#struck = true;
    this.#how ??= 'reset';
    this.#dropAll();
    reset(this.#client);
    if (this.#target !== undefined) reset(this.#target);
    this.#look();
  }

  /** FIN to both sides, after what is held. */
  close(): void {
    this.#up.finish('fin');
    this.#down.finish('fin');
  }

  /** Destroys both sockets immediately, without an RST of its own: the program is ending. */
  destroy(): void {
    this.#struck = true;
    this.#how ??= 'stopped';
    this.#dropAll();
    this.#client.destroy();
    this.#target?.destroy();
  }

  #dial(): void {
    const target = this.#dialTarget();
    this.#target = target;
    this.#join(target, this.#down, this.#up);
    target.once('connect', () => {
      this.#handlers.reached(target);
      this.#up.open();
    });
  }

  // What arrives from the socket goes into `out`; `back` leads to the socket.
  #join(socket: Socket, out: Pipe, back: Pipe): void {
    socket.on('data', (bytes) => {
      out.push(bytes);
      if (out.full) socket.pause();
    });
    socket.on('end', () => out.finish('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#how ??= error.code ?? 'EUNKNOWN';
      // Nothing more can go to this socket. What came from it still passes on, followed by an RST to the other side.
      back.shut();
      out.finish('reset');
    });
    socket.on('close', () => {
      back.shut();
      this.#look();
    });
  }

  #dropAll(): void {
    this.#up.drop();
    this.#down.drop();
  }

  #look(): void {
    if (this.#over || !this.#client.destroyed) return;
    // A client that left while the cable was cut, before the target was connected to: there is nothing left to connect for.
    const waits = !this.#struck && this.#environment.conditions().cut;
    if (this.#target === undefined ? waits : !this.#target.destroyed) return;
    this.#over = true;
    this.#dropAll();
    this.#handlers.over(this.#how ?? 'fin');
  }
}

// Node cannot reset a socket whose own FIN still waits for bytes to leave (libuv: EINVAL): that one is only destroyed.
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting || (socket.writableEnded && !socket.writableFinished)) socket.destroy();
  else socket.resetAndDestroy();
}

// There is room while the kernel takes everything immediately: at most one chunk waits in Node, which would otherwise keep many small ones.
function sinkOf(socket: () => Socket | undefined, onRoom: () => void): Sink {
  return {
    write(bytes) {
      const found = socket();
      if (found === undefined) return false;
      found.write(bytes, () => {
        if (!found.destroyed) onRoom();
      });
      return found.writableLength === 0;
    },
    end: () => void socket()?.end(),
    reset: () => {
      const found = socket();
      if (found !== undefined) reset(found);
    },
  };
}
