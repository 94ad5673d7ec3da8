// What a sender may conclude, from the phases of all its attempts. One pure function decides, and nothing else in detour
// does: not an errno, not a time-out, not a hunch. PROTOCOL.md, "What a sender may conclude".

import type { VerdictName } from '../trace/event.ts';

/** How far one attempt to send a message came before it ended. */
export type Phase =
  /** No TCP connection yet. */
  | 'connecting'
  /** Connected, and no acceptable READY yet. */
  | 'greeting'
  /** Greeted; nothing of this SEND has been handed to the socket. */
  | 'ready'
  /** At least a byte of this SEND was handed to `socket.write`, perhaps all of it. */
  | 'written';

/** How an attempt ended. `taken` and `refused` are answers to this very SEND; all the others are not. */
export type AttemptEnd =
  | { readonly how: 'taken' }
  | { readonly how: 'refused'; readonly code: string; readonly reason: string }
  /** ERROR, or BYE, or bytes that are not detour/1. `ours`: this side found the fault, the other said nothing of it. */
  | { readonly how: 'error'; readonly code: string; readonly reason: string; readonly ours?: true }
  /** The socket failed with an errno. */
  | { readonly how: 'broken'; readonly code: string; readonly syscall: string }
  | { readonly how: 'fin' }
  /** Three heartbeats without a byte. */
  | { readonly how: 'silent' }
  | { readonly how: 'deadline' }
  /** It was made before this process took over: nothing is known of it, but that nobody saw an answer that settled it. */
  | { readonly how: 'earlier' }
  /** This side gave the attempt up itself, before its deadline. */
  | { readonly how: 'interrupted' };

/** One attempt to get one message across. Without `end` it is still under way. */
export interface Attempt {
  phase: Phase;
  end?: AttemptEnd;
}

/**
 * The verdict over all attempts of one message.
 *
 * NOT_DELIVERED only if no attempt handed a byte of the SEND to the socket, or the only attempt that did was answered REFUSED.
 * Once one attempt ended unanswered, nothing but an answer that took the message resolves it: the bytes may be anywhere,
 * and a later ECONNREFUSED, REFUSED, write error or deadline says nothing about them.
 * @param success what an answer that took the message means in this mode: handled, or durable at the relay
 */
export function conclude(attempts: readonly Attempt[], success: 'DELIVERED' | 'STORED'): VerdictName {
  if (attempts.some(({ end }) => end?.how === 'taken')) return success;
  const written = attempts.filter(({ phase }) => phase === 'written');
  if (written.length === 0) return 'NOT_DELIVERED';
  if (written.length === 1 && written[0]?.end?.how === 'refused') return 'NOT_DELIVERED';
  return 'UNKNOWN';
}

/**
 * The attempt that explains the verdict best: for UNKNOWN the first of this process that was written and not answered, else the last.
 * It explains only; `conclude` has decided.
 */
export function telling(attempts: readonly Attempt[], verdict: VerdictName): Attempt | undefined {
  if (verdict === 'UNKNOWN')
    return (
      attempts.find(
        ({ phase, end }) => phase === 'written' && end?.how !== 'refused' && end?.how !== 'earlier',
      ) ?? attempts.at(-1)
    );
  return attempts.at(-1);
}
