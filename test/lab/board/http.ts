// A client of the board's server, as a browser or somebody with bad intentions could be, and a source that a test plays.

import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Recorded } from '../../../src/core/event.ts';
import type { Command, Message } from '../../../src/lab/board/messages.ts';
import { type Board, type BoardOptions, startBoard } from '../../../src/lab/board/server.ts';
import type { Audience, Source } from '../../../src/lab/board/source.ts';
import { FakeClock } from '../../fake-clock.ts';

/** A source that does what the test says. */
export class Puppet implements Source {
  mode: 'stage' | 'logs' = 'stage';
  readonly stories = [];
  readonly commands: Command[] = [];
  shown: readonly Message[] = [];
  closed = false;
  /** What a command throws, if anything. */
  failure: Error | undefined;

  constructor(readonly audience: Audience) {}

  present(): readonly Message[] {
    return this.shown;
  }

  async command(command: Command): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.commands.push(command);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A board with a puppet; the test's end closes it. */
export async function board(
  options: Partial<BoardOptions> = {},
): Promise<{ board: Board; puppet: Puppet; clock: FakeClock; port: number; token: string }> {
  const clock = new FakeClock();
  let puppet: Puppet | undefined;
  const running = await startBoard({
    host: '127.0.0.1',
    port: 0,
    version: '0.0.0',
    clock,
    source: (audience) => {
      puppet = new Puppet(audience);
      return puppet;
    },
    ...options,
  });
  onTestFinished(() => running.close());
  if (puppet === undefined) throw new TypeError('the board made no source');
  return { board: running, puppet, clock, port: running.port, token: running.token };
}

/** An event, number `n` of a process. */
export const event = (n: number, text = 'x', actor = 'bob'): Recorded => ({
  event: 'notice',
  text: `${n} ${text}`,
  time: '2026-01-01T00:00:00.000000000Z',
  actor,
  pid: 7,
});

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly host?: string;
}

function ask(port: number, path: string, { method, headers, body, host }: Asked): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        host: host ?? '127.0.0.1',
        port,
        path,
        method: method ?? 'GET',
        agent: false,
        headers: { ...headers },
      },
      resolve,
    );
    asking.on('error', reject);
    asking.end(body);
  });
}

/** Sends a request, and reads the whole answer. */
export async function http(port: number, path: string, asked: Asked = {}): Promise<Reply> {
  const response = await ask(port, path, asked);
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Posts a command, with everything that a command needs; the test may take something away or change it. */
export const command = (
  port: number,
  token: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> =>
  http(port, '/commands', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', 'x-detour-token': token, ...headers },
  });

/** A page that watches. */
export class Watching {
  readonly response: IncomingMessage;
  readonly messages: Message[] = [];
  /** All that came, as text. */
  text = '';
  /** The id of the last message that had one. */
  id = '';
  closed = false;
  #waiting: (() => void)[] = [];

  /** @param reads does it read what comes? */
  constructor(response: IncomingMessage, reads: boolean) {
    this.response = response;
    const wake = (): void => {
      for (const one of this.#waiting.splice(0)) one();
    };
    response.on('close', () => {
      this.closed = true;
      wake();
    });
    response.on('error', () => {});
    if (!reads) return;
    let rest = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      this.text += part;
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const line of blocks.flatMap((block) => block.split('\n'))) {
        if (line.startsWith('id: ')) this.id = line.slice(4);
        if (line.startsWith('data: ')) this.messages.push(JSON.parse(line.slice(6)) as Message);
      }
      wake();
    });
    onTestFinished(() => void response.destroy());
  }

  /** Waits until something holds. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Waits for a message of a kind, and returns the first. */
  async first<K extends Message['kind']>(kind: K): Promise<Extract<Message, { kind: K }>> {
    const isIt = (one: Message): one is Extract<Message, { kind: K }> => one.kind === kind;
    await this.until(() => this.messages.some(isIt) || this.closed);
    const found = this.messages.find(isIt);
    if (found === undefined) throw new Error(`the stream ended without ${kind}`);
    return found;
  }

  /** The numbers of all events that came, in their order. */
  get events(): number[] {
    return this.messages.flatMap((one) => (one.kind === 'events' ? one.events.map(({ n }) => n) : []));
  }
}

/** Begins to watch. @param headers such as `last-event-id` @param reads does the page read what comes? */
export async function watch(
  port: number,
  headers: Readonly<Record<string, string>> = {},
  reads = true,
): Promise<Watching> {
  return new Watching(await ask(port, '/events', { headers }), reads);
}
