// Receiving by the direct route: a server that senders connect to. `detour sync receive` uses it.

import { startReceiver } from '../sync/receiver.ts';
import {
  type Body,
  bodyOf,
  type ConnectOptions,
  checkHost,
  checkName,
  checkPort,
  contextOf,
  interrupted,
  LOOPBACK,
  RECEIVER_PORT,
  usage,
} from './arguments.ts';
import { Handover } from './handover.ts';

/** How a receiver is started. */
export interface ReceiveOptions extends Pick<ConnectOptions, 'context'> {
  /** The receiver's name. A message for another name is refused. Default: `bob`. */
  readonly as?: string | undefined;
  /** The address to listen on. Default: 127.0.0.1, which only this computer can reach; 0.0.0.0 means all of its IPv4 addresses. */
  readonly host?: string | undefined;
  /** The port to listen on. Default: 4101; 0 lets the system choose one. */
  readonly port?: number | undefined;
  /** Stops the receiver politely when it fires: the loop finishes its current message, which is answered, and then ends. */
  readonly signal?: AbortSignal | undefined;
}

/** A message that came straight from its sender. */
export interface ReceivedMessage {
  readonly id: string;
  /** The name that the sender gave. Nothing proves it: anybody may use any name. */
  readonly from: string;
  readonly body: Buffer;
}

/** A message in a loop over a receiver. */
export interface LoopMessage extends ReceivedMessage {
  /** Sets the reply, which is sent with the answer. @throws DetourError `usage` for a body above 1 MiB */
  reply(body: Body): void;
  /** Says that the message is handled: answers RECEIVED now, before the loop asks for the next message. Only the first call counts. */
  done(): void;
}

/** A server that listens. */
export interface Listening extends AsyncDisposable {
  /** The address that it listens on. */
  readonly host: string;
  readonly port: number;
  /** Stops listening and closes every connection, with BYE. Resolves when that is done. */
  close(): Promise<void>;
}

/** A receiver, for one `for await` loop. Made by `receive`. */
export interface Receiver extends Listening, AsyncIterable<LoopMessage> {
  /**
   * Stops listening and closes every connection, with BYE; the loop ends. It does not wait for the loop: a message that is not `done`
   * is answered ERROR code=failed, and its sender's verdict is UNKNOWN. To let the loop finish, abort the `signal` instead.
   */
  close(): Promise<void>;
}

/** Handles one message. When it resolves, the message counts as handled, and RECEIVED is sent, with the reply if there is one. */
export type Handle = (message: ReceivedMessage) => Promise<Body | undefined> | Promise<void>;

/**
 * Starts a receiver that hands each message to `handle`. Messages of one connection are handled one after another; different connections
 * are served at the same time. If `handle` rejects, the sender gets ERROR code=failed, and its verdict is UNKNOWN.
 * @throws DetourError `usage`; `interrupted`; EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND, EAI_AGAIN or another errno if it cannot listen
 */
export function receive(options: ReceiveOptions & { readonly handle: Handle }): Promise<Listening>;
/**
 * Starts a receiver for a loop: `for await (const message of receiver)`. RECEIVED is sent after the loop's body, when the loop asks for
 * the next message. The loop gets one message at a time, from all connections together. The other messages wait in their connections
 * until their senders give up: at the deadline, or after three heartbeats, because a connection on which a message waits is not read.
 * Leaving the loop by `break`, `return` or `throw` closes the receiver. The current message is then not answered: its sender gets ERROR
 * code=failed and the verdict UNKNOWN. If it is handled, call `done()` before you leave. PROTOCOL.md, "RECEIVED".
 * @throws DetourError `usage`; `interrupted`; EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND, EAI_AGAIN or another errno if it cannot listen
 */
export function receive(options?: ReceiveOptions): Promise<Receiver>;
export async function receive(options: ReceiveOptions & { readonly handle?: Handle } = {}) {
  const { as = 'bob', host = LOOPBACK, port = RECEIVER_PORT, signal, handle } = options;
  const parts = {
    as: checkName(as, 'as'),
    host: checkHost(host),
    port: checkPort(port, 0),
    context: contextOf(options.context),
  };
  if (handle !== undefined && typeof handle !== 'function') throw usage('handle is not a function.');
  if (signal?.aborted) throw interrupted();
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  if (handle !== undefined) {
    receiver = await startReceiver({
      ...parts,
      handle: async (message) => {
        const reply: unknown = await handle(message);
        return reply === undefined ? undefined : bodyOf(reply as Body);
      },
    });
    return listening(receiver, () => receiver.close(), signal);
  }
  const messages = new Handover<LoopMessage>(
    () => receiver.resume(),
    () => server.close(),
  );
  const close = (): Promise<void> => {
    messages.drop('any');
    return stop();
  };
  const stop = async (): Promise<void> => {
    await receiver.close();
    messages.end();
  };
  receiver = await startReceiver({
    ...parts,
    saturated: () => !messages.wanted,
    async handle(message) {
      let answer: Buffer | undefined;
      const reply = (body: Body): void => {
        answer = bodyOf(body);
      };
      await messages.put((done) => ({ ...message, reply, done }));
      return answer;
    },
  });
  const server = listening(receiver, close, signal, stop);
  return {
    ...server,
    [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator](),
  };
}

// What every server has in common. @param stop called when the signal fires: closes the server after the current message is finished
function listening(
  { host, port }: { readonly host: string; readonly port: number },
  close: () => Promise<void>,
  signal: AbortSignal | undefined,
  stop = close,
): Listening {
  const stopped = (): void => void stop();
  if (signal?.aborted) stopped();
  else signal?.addEventListener('abort', stopped, { once: true });
  const closed = async (): Promise<void> => {
    signal?.removeEventListener('abort', stopped);
    await close();
  };
  return { host, port, close: closed, [Symbol.asyncDispose]: closed };
}
