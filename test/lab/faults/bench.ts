// A link between two raw sockets of a test, with a clock that stands still.

import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { parseCommand } from '../../../src/cli/typed-commands.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { Event } from '../../../src/core/event.ts';
import { prng } from '../../../src/core/prng.ts';
import { type Link, startLink } from '../../../src/lab/faults/link.ts';
import { FakeClock } from '../../fake-clock.ts';
import { until } from '../../servers.ts';

/** One end of a connection, and what came out of it. */
export class Tap {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  /** The number of bytes that came. */
  size = 0;
  fin = false;
  error: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    onTestFinished(() => void socket.destroy());
    socket.on('data', (bytes) => {
      this.#chunks.push(bytes);
      this.size += bytes.length;
    });
    socket.on('end', () => {
      this.fin = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = `${error.code} ${error.syscall}`;
    });
  }

  /** Everything that came. */
  get got(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  get text(): string {
    return this.got.toString('latin1');
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }
}

/** A link, and a server to which it leads. */
export interface Bench {
  readonly link: Link;
  readonly clock: FakeClock;
  readonly events: Event[];
  /** Types a line to the link. */
  type(line: string): Promise<void>;
  /** Connects through the link. */
  call(): Tap;
  /** The server's ends, in order of connection. */
  readonly served: Tap[];
  /** Connects through the link. Resolves with both ends. */
  pair(): Promise<{ alice: Tap; bob: Tap }>;
}

/**
 * Sets up the link. It is removed at the end of the test.
 * @param port a port on which nobody listens, if there is to be no server
 * @param draw see LinkOptions
 * @param time `real` if the kernel's own timers are tested: then `clock` moves nothing
 */
export async function bench(
  port?: number,
  time: 'fake' | 'real' = 'fake',
  draw?: () => boolean,
): Promise<Bench> {
  const served: Tap[] = [];
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    served.push(new Tap(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const behind = port ?? (typeof address === 'object' ? (address?.port ?? 0) : 0);
  const clock = new FakeClock();
  const used: Clock = time === 'real' ? systemClock : clock;
  const events: Event[] = [];
  const link = await startLink({
    host: '127.0.0.1',
    port: 0,
    to: { host: '127.0.0.1', port: behind },
    clock: used,
    random: prng(1),
    ...(draw === undefined ? {} : { draw }),
    emit: (event) => events.push(event),
  });
  onTestFinished(() => link.close());
  const call = (): Tap =>
    new Tap(createConnection({ host: '127.0.0.1', port: link.port, allowHalfOpen: true, noDelay: true }));
  return {
    link,
    clock,
    events,
    served,
    call,
    type: (line) => link.obey(parseCommand(line)),
    async pair() {
      const before = served.length;
      const alice = call();
      await until(() => served.length > before);
      return { alice, bob: served[before] as Tap };
    },
  };
}
