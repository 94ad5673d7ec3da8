// What a sender may conclude, from the phases of all its attempts. One pure function decides, and nothing else in detour
// does: not an errno, not a timeout, not a hunch. PROTOCOL.md, "What a sender may conclude".

import type { VerdictName } from '../core/event.ts';
import type { TriedAddress } from '../net/dial.ts';
import type { PartialFrame } from '../wire/decoder.ts';

/** How far one attempt to send a message got. */
export type Phase =
  /** No TCP connection yet. */
  | 'connecting'
  /** Connected, but no acceptable READY yet. */
  | 'greeting'
  /** READY has come; no byte of this SEND has been handed to the socket. */
  | 'ready'
  /** At least one byte of this SEND was handed to `socket.write`, perhaps all of it. */
  | 'written';

/** How an attempt ended. `taken` and `refused` answer this SEND, `bye` answers all that are open; the others answer none. */
export type AttemptEnd =
  | { readonly how: 'taken' }
  | { readonly how: 'refused'; readonly code: string; readonly reason: string }
  /**
   * BYE: the other side has answered every SEND that it took, and takes no more. So BYE is an answer, too: this SEND was not taken.
   * `code`: why, if the other side said so. `by`: the address of whoever took this client's mailbox, if it said so.
   */
  | { readonly how: 'bye'; readonly code?: string | undefined; readonly by?: string | undefined }
  /** ERROR, or bytes that are not detour/1. `ours`: this side found the fault; the other side did not report one. */
  | { readonly how: 'error'; readonly code: string; readonly reason: string; readonly ours?: true }
  /** The socket failed with an errno. */
  | { readonly how: 'broken'; readonly code: string; readonly syscall: string }
  | { readonly how: 'fin' }
  /** SILENT_BEATS heartbeats passed without a byte, or BYE got no answer. */
  | { readonly how: 'silent' }
  /** The other side took nothing of what was sent for STALL_MS, and this side closed. */
  | { readonly how: 'stalled' }
  /** Nothing came for `ms` milliseconds, so this side gave the connection up, to ask again on a new one (async only). */
  | { readonly how: 'unanswered'; readonly ms: number }
  | { readonly how: 'deadline' }
  /** An earlier process made it. All that is known is that nobody saw an answer that settled it. */
  | { readonly how: 'earlier' }
  /** This side gave up by itself, before the deadline. */
  | { readonly how: 'interrupted' };

/** What a connection saw until it ended, or until the attempt on it did. */
export interface Seen {
  /** The name of the other side was still being looked up. */
  readonly lookingUp: boolean;
  /** The addresses that have given no connection, in the order in which they were tried. */
  readonly tried: readonly TriedAddress[];
  /** A frame that had begun and not ended. */
  readonly partial: PartialFrame | undefined;
  /** This end's address; undefined if there was no connection. */
  readonly local?: string | undefined;
  /** How long this program had not run when the connection ended, at least, in milliseconds: it was frozen or stopped. */
  readonly stoodStillMs?: number | undefined;
}

/** A message that came while a SEND was waiting for its answer, and answers none that is waiting. */
export interface StrayMessage {
  readonly verb: string;
  /** The id that it names, if it names one. */
  readonly id: string | undefined;
}

/** One attempt to send one message. Without `end` it is still under way. `seen` and `stray` only explain: `conclude` does not look at them. */
export interface Attempt {
  phase: Phase;
  end?: AttemptEnd;
  seen?: Seen | undefined;
  /** The first one that came. */
  stray?: StrayMessage;
}

/**
 * The verdict over all attempts of one message.
 *
 * NOT_DELIVERED only if no attempt handed a byte of the SEND to the socket, or each attempt that did was answered REFUSED, or BYE in
 * place of an answer. Once one attempt has ended unanswered, only RECEIVED or STORED can resolve it: the bytes may be anywhere, and a
 * later ECONNREFUSED, REFUSED, write error or deadline says nothing about them. PROTOCOL.md, "What a sender may conclude".
 * @param success what an answer that took the message means in this mode: handled (DELIVERED), or durable at the relay (STORED)
 */
export function conclude(attempts: readonly Attempt[], success: 'DELIVERED' | 'STORED'): VerdictName {
  if (attempts.some(({ end }) => end?.how === 'taken')) return success;
  return attempts.some(isOpen) ? 'UNKNOWN' : 'NOT_DELIVERED';
}

/** Was a byte of it written without an answer that settles it? */
export const isOpen = ({ phase, end }: Attempt): boolean =>
  phase === 'written' && end?.how !== 'refused' && end?.how !== 'bye';

/**
 * The attempt that explains the verdict best. For UNKNOWN: the first one of this process that was written and not answered. For
 * NOT_DELIVERED: one that was written and got BYE, because then something did leave. Otherwise the last one; attempts of an earlier
 * process, and those that our own deadline cut off while connecting, are skipped if there is another. It only explains: `conclude` decides.
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
