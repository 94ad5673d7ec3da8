// The board's server: one page, a stream of what happens (GET /events), commands (POST /commands), and the run as files. It does nothing to
// the stage itself: commands go to the source.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../core/clock.ts';
import { DetourError, errnoOf } from '../../core/error.ts';
import { cannotListen } from '../../net/listener.ts';
import { Broadcast, MOST_WATCHERS } from './broadcast.ts';
import { parseCommand } from './commands.ts';
import { bundled, exported, LIVE, POLICY } from './document.ts';
import { Guard } from './guard.ts';
import type { History } from './history.ts';
import type { Audience, Source } from './source.ts';

/** How many bytes a command may have. */
export const MOST_COMMAND_BYTES = 4096;
/** How many bytes the headers of a request may have together. */
const MOST_HEADER_BYTES = 8 * 1024;
/** How long a request may take to come, its headers and the whole of it, in milliseconds. */
const HEADERS_MS = 5000;
const REQUEST_MS = 10_000;
/** How long a connection may take nothing, or be kept without a request, in milliseconds. */
const STUCK_MS = 60_000;
const KEEP_ALIVE_MS = 5000;
/** How many connections there may be: those who watch, and as many again that load something, and some more. */
const MOST_CONNECTIONS = 4 * MOST_WATCHERS;
/** How many ports are tried, one after the other, if the wanted one is taken. */
const MOST_PORTS = 20;

/** How a board is set up. */
export interface BoardOptions {
  readonly host: string;
  /** The port that is wanted. If it is taken, the next free one is used; 0 lets the system choose. */
  readonly port: number;
  /** detour's version. */
  readonly version: string;
  readonly clock: Clock;
  /** Makes what is shown. It is called when the server listens. */
  readonly source: (audience: Audience) => Source;
  /** For tests: a smaller history. */
  readonly history?: History | undefined;
  /** For tests: how long a connection may take nothing, in milliseconds. */
  readonly stuckMs?: number | undefined;
}

/** A board that runs. */
export interface Board {
  readonly port: number;
  /** What it takes to command. */
  readonly token: string;
  readonly source: Source;
  /** Tells every page that the board ends. For when this process is about to end in any case. */
  leave(): void;
  /** Tells every page that the board ends, ends every process of the source, and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts the board.
 * @throws DetourError EADDRINUSE if no port is free, EADDRNOTAVAIL, EACCES, or another errno of the system; and what making the source throws
 */
export async function startBoard(options: BoardOptions): Promise<Board> {
  const server = createServer({
    maxHeaderSize: MOST_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1000,
    noDelay: true,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(options.stuckMs ?? STUCK_MS);
  const port = await listenFrom(server, options.host, options.port);
  // An error from now on concerns a single connection, for which there is no file handle.
  server.on('error', () => {});
  const guard = new Guard(options.host, port);
  const broadcast = new Broadcast(options.clock, options.version, options.history);
  try {
    const source = options.source(broadcast);
    broadcast.begin(source);
    const desk = new Desk(guard, broadcast, source);
    server.on('request', (request, response) => void desk.serve(request, response));
    let left = false;
    const leave = (): void => {
      if (!left) broadcast.close();
      left = true;
    };
    return {
      port,
      token: guard.token,
      source,
      leave,
      async close() {
        leave();
        server.close();
        await source.close();
        server.closeAllConnections();
      },
    };
  } catch (error) {
    server.close();
    throw error;
  }
}

async function listenFrom(server: Server, host: string, wanted: number): Promise<number> {
  for (let port = wanted; ; port += 1) {
    try {
      return await listenOn(server, host, port);
    } catch (error) {
      const isLast = wanted === 0 || port >= wanted + MOST_PORTS - 1 || port >= 65_535;
      if (errnoOf(error) === 'EADDRINUSE' && !isLast) continue;
      throw await cannotListen(error as NodeJS.ErrnoException, host, port, '--port');
    }
  }
}

async function listenOn(server: Server, host: string, port: number): Promise<number> {
  server.listen({ host, port });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError('a TCP server has an address and a port');
  return address.port;
}

const SAFE = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'x-frame-options': 'DENY',
} as const;

const FILES: Readonly<Record<string, readonly [type: string, text: () => string]>> = {
  '/': ['text/html; charset=utf-8', () => LIVE],
  '/page.js': ['text/javascript; charset=utf-8', () => bundled('page.js')],
  '/style.css': ['text/css; charset=utf-8', () => bundled('style.css')],
};

/** Answers requests. */
class Desk {
  readonly #guard: Guard;
  readonly #broadcast: Broadcast;
  readonly #source: Source;

  constructor(guard: Guard, broadcast: Broadcast, source: Source) {
    this.#guard = guard;
    this.#broadcast = broadcast;
    this.#source = source;
  }

  /** Answers one request. Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SAFE)) response.setHeader(name, value);
    try {
      const refusal = this.#guard.refusal(request);
      if (refusal !== undefined) refuse(response, 403, refusal);
      else if (request.method === 'POST') await this.#command(request, response);
      else if (request.method === 'GET' || request.method === 'HEAD') await this.#show(request, response);
      else refuse(response, 405, 'The board knows GET, HEAD and POST.', { allow: 'GET, HEAD, POST' });
    } catch (error) {
      // The page has gone in the middle of its answer.
      if (response.headersSent) response.destroy();
      else refuse(response, 500, error instanceof Error ? error.message : String(error));
    }
  }

  async #show(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.replace(/\?.*$/s, '') ?? '';
    const [type, text] = Object.hasOwn(FILES, path) ? (FILES[path] ?? []) : [];
    if (type !== undefined) response.writeHead(200, { 'content-type': type }).end(text?.());
    else if (path === '/events') this.#watch(request, response);
    else if (path === '/export')
      await download(response, 'detour-board.html', 'text/html; charset=utf-8', () =>
        exported(this.#broadcast.snapshot()),
      );
    else await this.#log(/^\/logs\/([a-z][a-z0-9_-]*-\d+)\.log$/.exec(path)?.[1], response);
  }

  #watch({ method, headers }: IncomingMessage, response: ServerResponse): void {
    if (this.#broadcast.watchers >= MOST_WATCHERS) {
      refuse(response, 503, `${MOST_WATCHERS} pages watch this board already, and that is the most.`);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    if (method === 'HEAD') response.end();
    else this.#broadcast.watch(response, headers['last-event-id']?.toString());
  }

  async #log(process: string | undefined, response: ServerResponse): Promise<void> {
    const lines = process === undefined ? [] : this.#broadcast.history.log(process);
    if (process === undefined || lines.length === 0) refuse(response, 404, 'There is nothing here.');
    else await download(response, `${process}.log`, 'application/x-ndjson', () => lines);
  }

  async #command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url !== '/commands') refuse(response, 404, 'Commands go to /commands.');
    else if (!this.#guard.mayCommand(request))
      refuse(response, 403, 'To command takes the address with the token that the board has printed.');
    else if (!/^application\/json(?:$|;)/i.test(request.headers['content-type'] ?? ''))
      refuse(response, 415, 'A command is application/json.');
    else {
      const text = await bodyOf(request);
      if (text === undefined) refuse(response, 413, `A command has at most ${MOST_COMMAND_BYTES} bytes.`);
      else await this.#obey(text, response);
    }
  }

  async #obey(text: string, response: ServerResponse): Promise<void> {
    let status = 400;
    try {
      const command = parseCommand(text);
      status = 409;
      await this.#source.command(command);
      response.writeHead(204).end();
    } catch (error) {
      if (!(error instanceof DetourError)) throw error;
      answer(response, status, { error: error.message, ...(error.hint === '' ? {} : { hint: error.hint }) });
    }
  }
}

// The body as text; undefined if it is too long. Of that, no more is read.
function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MOST_COMMAND_BYTES) chunks.push(chunk);
      else resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}

const refuse = (
  response: ServerResponse,
  status: number,
  error: string,
  headers: Readonly<Record<string, string>> = {},
): void => answer(response, status, { error }, headers);

// The connection ends with the refusal: what else is still to come of the request is not read.
function answer(
  response: ServerResponse,
  status: number,
  body: { readonly error: string; readonly hint?: string },
  headers: Readonly<Record<string, string>> = {},
): void {
  const close = status === 409 ? {} : { connection: 'close' };
  response
    .writeHead(status, { 'content-type': 'application/json', ...close, ...headers })
    .end(JSON.stringify(body));
}

/** Sends a file to keep, in parts, no faster than it is taken. */
async function download(
  response: ServerResponse,
  name: string,
  type: string,
  parts: () => Iterable<string>,
): Promise<void> {
  response.writeHead(200, {
    'content-type': type,
    'content-disposition': `attachment; filename="${name}"`,
  });
  if (response.req.method === 'HEAD') response.end();
  else await pipeline(Readable.from(parts()), response);
}
