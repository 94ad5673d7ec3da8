// A TCP proxy between two processes that breaks the network on purpose: without root, and the same on every system. It passes bytes
// and knows nothing of the protocol. The faults (faults.ts) decide what the network is like; this file does it.

import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Emit } from '../../core/event.ts';
import { formatAddress } from '../../net/address.ts';
import { cannotListen } from '../../net/listener.ts';
import { type Conditions, type Direction, type Fault, HEALTHY } from './fault.ts';
import { type FullBacklog, listenWithFullBacklog } from './full-backlog.ts';
import { ProxiedConnection } from './proxied-connection.ts';

/**
 * The most connections of a link at the same time. Each direction may always hold 128 + 64 KiB in its pipe and one chunk of at most
 * 64 KiB that waits in Node for the kernel (proxied-connection.ts): 256 × 2 × 256 KiB = 128 MiB. On a line with latency a pipe may hold up
 * to 4 MiB, while all of them together hold less than 64 MiB (pipe.ts). So it is 192 MiB at worst, plus the kernel's buffers.
 */
export const MAX_PROXIED = 256;

/** What a link needs. */
export interface LinkOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Where to connect to for each client. */
  readonly to: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  /**
   * Asked once for each connection, in order: do the faults hold for it? For the others the network has none, except that `refuse` and `full`
   * are about the listener and hold for all. Default: they hold for every connection.
   */
  readonly draw?: () => boolean;
  readonly emit: Emit;
}

/** A command: a fault with its value. It says how the conditions change and what happens to open connections. */
export interface LinkCommand {
  readonly fault: Pick<Fault, 'word' | 'strike'>;
  /** The value after the word, as it was typed. */
  readonly value?: string;
  apply(before: Conditions): Conditions;
}

/** A link. */
export interface Link {
  readonly host: string;
  readonly port: number;
  conditions(): Conditions;
  /** Open connections, bytes that passed since the start, bytes that are held. */
  counts(): { connections: number; up: number; down: number; held: number };
  /** Carries out a command. Rejects only if it cannot listen (EADDRINUSE, say); everything else is done, and reported if there is any. */
  obey(command: LinkCommand): Promise<void>;
  /** Stops listening and destroys every connection. Later commands do nothing. */
  close(): void;
}

/**
 * Starts a link; the network has no faults yet.
 * @throws DetourError EADDRINUSE, EADDRNOTAVAIL, EACCES
 */
export async function startLink(options: LinkOptions): Promise<Link> {
  const { clock, emit, to, random } = options;
  let conditions = HEALTHY;
  /** Every open connection. True: the faults hold for it. */
  const connections = new Map<ProxiedConnection, boolean>();
  const passed = { up: 0, down: 0 };
  const all = { held: 0 };
  let numbered = 0;

  const change = (fault: string, next: Conditions, value?: string): void => {
    conditions = next;
    emit({ event: 'fault', fault, ...(value === undefined ? {} : { value }), ...passed });
    for (const connection of connections.keys()) connection.pump();
  };

  const allow = (direction: Direction, wanted: number, { left }: Conditions): number => {
    const bytes = Math.min(wanted, left);
    passed[direction] += bytes;
    if (left === Number.POSITIVE_INFINITY) return bytes;
    conditions = { ...conditions, left: left - bytes };
    // These bytes still pass; nothing after them does.
    if (conditions.left === 0)
      change('cut', { ...conditions, left: Number.POSITIVE_INFINITY, cut: true }, 'limit');
    return bytes;
  };

  const accept = (client: Socket): void => {
    numbered += 1;
    const number = numbered;
    // Drawn first, so that the same seed means the same connections, whatever happens to them.
    const faulty = options.draw?.() ?? true;
    if (connections.size >= MAX_PROXIED) {
      client.on('error', () => {});
      client.resetAndDestroy();
      emit({ event: 'notice', text: `more than ${MAX_PROXIED} connections: call ${number} was reset` });
      return;
    }
    const own = { up: 0, down: 0 };
    const from = at(client.remoteAddress, client.remotePort);
    const drawn = options.draw === undefined ? {} : ({ faulty: faulty ? 'yes' : 'no' } as const);
    emit({ event: 'linked', line: number, from, ...drawn });
    const met = (): Conditions => (faulty ? conditions : HEALTHY);
    const environment = {
      clock,
      random,
      conditions: met,
      all,
      allow: (direction: Direction, wanted: number) => {
        const bytes = allow(direction, wanted, met());
        own[direction] += bytes;
        return bytes;
      },
    };
    const connection = new ProxiedConnection(client, to, environment, {
      reached({ localAddress, localPort, remoteAddress, remotePort }) {
        const [local, remote] = [at(localAddress, localPort), at(remoteAddress, remotePort)];
        emit({ event: 'reached', line: number, local, remote });
      },
      over(how) {
        connections.delete(connection);
        emit({ event: 'unlinked', line: number, how, ...own });
      },
    });
    connections.set(connection, faulty);
  };

  let server: Server | undefined;
  let fullBacklog: FullBacklog | undefined;
  let closed = false;
  const listen = async (port: number): Promise<{ host: string; port: number }> => {
    const made = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    const address = await listening(made, options.host, port);
    server = made;
    return address;
  };
  const refuse = (): void => {
    server?.close();
    server = undefined;
    fullBacklog?.end();
    fullBacklog = undefined;
  };
  const fill = async (port: number): Promise<void> => {
    const made = await listenWithFullBacklog(address.host, port, clock, refuse).catch(
      async (error: NodeJS.ErrnoException) => {
        throw await cannotListen(error, address.host, port, '--listen');
      },
    );
    fullBacklog = made;
    if (made.overflow === 'drops') return;
    emit({ event: 'notice', text: OVERFLOWS[made.overflow] });
    if (made.overflow === 'refuses') return;
    refuse();
    await listen(port);
  };
  // Brings the listener into the state that the conditions ask for: none, one with a full backlog, or one that accepts.
  const listenAs = async (next: Conditions): Promise<void> => {
    if (!next.listening) refuse();
    else if (next.full) {
      if (fullBacklog === undefined) await fill(address.port);
    } else if (server === undefined) {
      refuse();
      await listen(address.port);
    }
  };

  const address = await listen(options.port);
  emit({ event: 'listening', role: 'link', ...address });

  return {
    ...address,
    conditions: () => conditions,
    counts: () => ({
      connections: connections.size,
      ...passed,
      held: [...connections.keys()].reduce((sum, connection) => sum + connection.held, 0),
    }),
    async obey({ fault, value, apply }) {
      if (closed) return;
      let failure: unknown;
      await listenAs(apply(conditions)).catch((error: unknown) => {
        failure = error;
      });
      if (closed) {
        refuse();
        return;
      }
      // Bytes may have passed meanwhile and used up a limit, so the command is applied to the conditions of this moment.
      const wanted = apply(conditions);
      const full = fullBacklog !== undefined;
      const listening = full || server !== undefined;
      const besides = differs(
        { ...wanted, listening: conditions.listening, full: conditions.full },
        conditions,
      );
      const next = { ...wanted, listening, full };
      // A change that could not be made is reported elsewhere. It is not a fault that happened.
      if (besides || (listening === wanted.listening && full === wanted.full))
        change(fault.word, next, value);
      else conditions = next;
      if (fault.strike !== undefined)
        for (const [connection, faulty] of connections) if (faulty) connection[fault.strike]();
      if (failure !== undefined) throw failure;
    },
    close() {
      // A command that is still being carried out must not listen again.
      closed = true;
      refuse();
      for (const connection of connections.keys()) connection.destroy();
    },
  };
}

function differs(one: Conditions, other: Conditions): boolean {
  return (Object.keys(one) as (keyof Conditions)[]).some((key) => one[key] !== other[key]);
}

const OVERFLOWS = {
  refuses: 'this system refuses a call to a full backlog (ECONNREFUSED) instead of letting it hang',
  'has room': 'the backlog could not be filled on this system: calls are accepted as before',
} as const;

function listening(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) =>
      cannotListen(error, host, port, '--listen').then(reject, reject),
    );
    server.listen({ host, port }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string')
        throw new TypeError('a TCP server has an address and a port');
      resolve({ host: address.address, port: address.port });
    });
  });
}

const at = (host = '?', port = 0): string => formatAddress(host, port);
