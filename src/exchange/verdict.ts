// What a sender may conclude, from the phases of all its attempts. One pure function decides, and nothing else in detour
// does: not an errno, not a time-out, not a hunch. PROTOCOL.md, "What a sender may conclude".

import type { VerdictName } from '../core/event.ts';

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

/** How an attempt ended. `taken` and `refused` are answers to this very SEND; `bye` to all at once; the others to none. */
export type AttemptEnd =
  | { readonly how: 'taken' }
  | { readonly how: 'refused'; readonly code: string; readonly reason: string }
  /**
   * BYE: the other side has answered every SEND that it took, and takes no more. So it is an answer, too: that it did not take this
   * one. `code`: why, if it said so.
   */
  | { readonly how: 'bye'; readonly code?: string | undefined }
  /** ERROR, or bytes that are not detour/1. `ours`: this side found the fault, the other said nothing of it. */
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
 * NOT_DELIVERED only if no attempt handed a byte of the SEND to the socket, or each that did was told that it was not taken: by REFUSED,
 * or by BYE in place of an answer. Once one attempt ended unanswered, nothing but an answer that took the message resolves it: the
 * bytes may be anywhere, and a later ECONNREFUSED, REFUSED, write error or deadline says nothing about them.
 * @param success what an answer that took the message means in this mode: handled, or durable at the relay
 */
export function conclude(attempts: readonly Attempt[], success: 'DELIVERED' | 'STORED'): VerdictName {
  if (attempts.some(({ end }) => end?.how === 'taken')) return success;
  return attempts.some(isOpen) ? 'UNKNOWN' : 'NOT_DELIVERED';
}

/** Was it written, and never told what became of it? */
export const isOpen = ({ phase, end }: Attempt): boolean =>
  phase === 'written' && end?.how !== 'refused' && end?.how !== 'bye';

/**
 * The attempt that explains the verdict best: for UNKNOWN the first of this process that was written and not answered; for NOT_DELIVERED
 * one that was written and told BYE, for then something did leave; else the last, or the one before it if our own deadline cut the last
 * off in mid-connect, for such a one knows nothing. It explains only; `conclude` has decided.
 */
export function telling(attempts: readonly Attempt[], verdict: VerdictName): Attempt | undefined {
  const best =
    verdict === 'UNKNOWN'
      ? attempts.find((attempt) => isOpen(attempt) && attempt.end?.how !== 'earlier')
      : verdict === 'NOT_DELIVERED'
        ? attempts.find(({ phase, end }) => phase === 'written' && end?.how === 'bye')
        : undefined;
  if (best !== undefined) return best;
  const seen = attempts.findLast(
    ({ phase, end }) => end?.how !== 'earlier' && !(phase === 'connecting' && end?.how === 'deadline'),
  );
  return seen ?? attempts.at(-1);
}
