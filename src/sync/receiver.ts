// The synchronous receiver: a server that must be listening when a message is sent. It keeps nothing: it handles a SEND, answers RECEIVED,
// and forgets it. One message at a time per connection (window=1: stop and wait); different senders are served at the same time.

import { Server } from '../exchange/server.ts';
import type { Handler, Refusal, Session } from '../exchange/session.ts';
import type { NetContext } from '../net/context.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { type Message, VERSION } from '../wire/verbs.ts';

/** A message that came in. */
export interface Incoming {
  readonly id: string;
  readonly from: string;
  readonly body: Buffer;
}

/** How a synchronous receiver is set up. */
export interface ReceiverOptions {
  readonly as: string;
  readonly host: string;
  /** The port to listen on; 0 lets the system choose. */
  readonly port: number;
  readonly context: NetContext;
  /**
   * Handles one message. When it resolves, the message *is* handled (written to the output, and that write has completed); RECEIVED is
   * sent only then, with the reply if there is one. If it rejects, the sender gets ERROR code=failed, which proves nothing.
   */
  handle(incoming: Incoming): Promise<Buffer | undefined>;
  /** Must further SENDs wait, on every connection? When the answer changes, call `Receiver.resume`. Without this function, none waits. */
  saturated?(): boolean;
}

/** A synchronous receiver that listens. */
export interface Receiver {
  readonly host: string;
  readonly port: number;
  /** Takes the SENDs that had to wait, if `saturated` now allows it. */
  resume(): void;
  /** Stops listening, answers what was taken, sends BYE. Resolves when every connection is closed. */
  close(): Promise<void>;
}

/**
 * Starts a synchronous receiver.
 * @throws DetourError if it cannot listen: EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND, EAI_AGAIN, or another errno of the system
 */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { as, host, port, context } = options;
  const ready: Message<'READY'> = {
    verb: 'READY',
    version: VERSION,
    role: 'receiver',
    as,
    max: MAX_BODY,
    window: 1,
  };
  const server = new Server(ready, handlerOf(options), context);
  const listener = await server.listen(host, port);
  let closing: Promise<void> | undefined;
  context.emit?.({ event: 'listening', role: 'receiver', host: listener.host, port: listener.port });
  return {
    host: listener.host,
    port: listener.port,
    resume: () => server.resume(),
    close() {
      if (closing === undefined) {
        listener.close();
        // A SEND that waits for a saturated program might wait forever. BYE tells its sender for certain that it was not taken.
        closing = server.close(options.saturated === undefined);
      }
      return closing;
    },
  };
}

function handlerOf(options: ReceiverOptions): Handler {
  const { as, handle } = options;
  return {
    saturated: () => options.saturated?.() ?? false,
    send(session, message) {
      const refusal = refusalOf(as, message);
      if (refusal !== undefined) session.refuse(message.id, refusal, message.body.length);
      else void answer(session, message, handle);
    },
    oversize: (_session, _id, size) => ({
      code: 'too_large',
      reason: `The message has ${size} bytes; ${as} takes at most ${MAX_BODY}.`,
    }),
  };
}

// Sync remembers nothing, so it cannot keep a message for a while or report on it later.
function refusalOf(as: string, { to, ttl, notify }: Message<'SEND'>): Refusal | undefined {
  if (to !== undefined && to !== as) return { code: 'wrong_name', reason: `This is ${as}, not ${to}.` };
  if (ttl !== undefined)
    return {
      code: 'unsupported',
      reason: 'ttl= needs a relay that keeps messages; a receiver keeps nothing.',
    };
  if (notify !== undefined)
    return { code: 'unsupported', reason: 'notify= needs a relay; a receiver answers now or never.' };
  return undefined;
}

async function answer(
  session: Session,
  { id, body }: Message<'SEND'>,
  handle: ReceiverOptions['handle'],
): Promise<void> {
  try {
    const reply = await handle({ id, from: session.as, body });
    session.answer({ verb: 'RECEIVED', id, body: reply }, body.length);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const reason = `the program could not handle message ${id}: ${why}`;
    session.failSend({ code: 'failed', reason }, body.length);
  }
}
