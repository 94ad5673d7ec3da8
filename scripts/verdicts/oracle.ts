// What really became of the messages of a run, and whether their senders were told the truth. Pure.

import type { VerdictName } from '../../src/core/event.ts';
import type { Attempt, AttemptEnd } from '../../src/exchange/verdict.ts';
import { contradiction } from '../../src/lab/contradiction.ts';

/** One message and what its sender concluded. */
export interface Said {
  readonly id: string;
  readonly verdict: VerdictName;
  /** The number in STORED, if there was a STORED, even if a later notice changed the verdict. */
  readonly seq: number | undefined;
  /** May it have expired? */
  readonly mortal: boolean;
  /** What the sender saw (see `viewOf`). */
  readonly view: string;
}

/** One handling of a message by a receiving program. */
export interface Handled {
  readonly id: string;
  /** Its number in the mailbox; undefined in sync. */
  readonly seq: number | undefined;
  /** Which process of the receiver did it, counted by its starts. */
  readonly life: number;
}

/** The result of one run, after everything was mended and drained. */
export interface Truth {
  readonly route: 'sync' | 'async';
  /** Has a relay forgotten the ids, as it may after 10 minutes? Then a repeat is a second message. */
  readonly forgotten?: boolean;
  /** Were the messages sent, and repeated, in the order of `said`? Then their numbers are in that order, too. */
  readonly inOrder?: boolean;
  readonly said: readonly Said[];
  /** In the order in which it happened. A last receiver collected what the relay still held at the end. */
  readonly handled: readonly Handled[];
}

/** Finds every lie, one text each. */
export function judge({ route, said, handled, forgotten = false, inOrder = false }: Truth): string[] {
  const lies: string[] = [];
  const bySeq = new Map<number, string>();
  const lastOf = new Map<number, number>();
  for (const { id, seq, life } of handled) {
    if (seq === undefined) continue;
    const other = bySeq.get(seq);
    if (other !== undefined && other !== id) lies.push(`number ${seq} is ${other} and also ${id}`);
    bySeq.set(seq, id);
    if (seq <= (lastOf.get(life) ?? 0))
      lies.push(`receiver ${life} handled ${seq} after ${lastOf.get(life)}`);
    lastOf.set(life, seq);
  }
  for (const one of said) {
    const times = handled.filter(({ id }) => id === one.id);
    const lie = lieOf(route, forgotten, one, times);
    if (lie !== undefined) lies.push(`${one.id} (${one.view}): ${lie}`);
  }
  if (inOrder && !forgotten) lies.push(...disorderOf(said, handled));
  // Only expired messages may leave gaps in the numbers.
  if (route === 'async' && !said.some(({ mortal }) => mortal) && bySeq.size > 0) {
    const highest = Math.max(...bySeq.keys());
    if (highest !== bySeq.size) lies.push(`${bySeq.size} numbers came, but the highest was ${highest}`);
  }
  return lies;
}

// Whatever was stored was stored in the order in which it was sent, because repeats are sent in order, too, and before anything new.
function disorderOf(said: readonly Said[], handled: readonly Handled[]): string[] {
  const numbered = said.flatMap(({ id }) => {
    const seq = handled.find((one) => one.id === id)?.seq;
    return seq === undefined ? [] : [{ id, seq }];
  });
  return numbered.flatMap(({ id, seq }, i) => {
    const before = numbered[i - 1];
    if (before === undefined || before.seq < seq) return [];
    return [`${before.id} was sent before ${id}, but got number ${before.seq}, after ${seq}`];
  });
}

function lieOf(
  route: Truth['route'],
  forgotten: boolean,
  { verdict, seq, mortal }: Said,
  times: readonly Handled[],
): string | undefined {
  const numbers = new Set(times.map((one) => one.seq));
  if (route === 'sync' && times.length > 1) return `sent once, handled ${times.length} times`;
  if (numbers.size > 1 && !forgotten) return `handled under the numbers ${[...numbers].join(' and ')}`;
  // Whether it was stored is decided by its number, below.
  const lie = contradiction(verdict, times.length > 0);
  if (lie !== undefined) return lie;
  if (seq === undefined) return undefined;
  if (times.length === 0) return mortal ? undefined : 'STORED, and it is nowhere';
  return numbers.has(seq) ? undefined : `STORED as ${seq}, and handled as ${[...numbers].join()}`;
}

/**
 * What a sender saw of its attempts, in a few words. It cannot see the phase in which a fault struck, so two runs with one view look the
 * same to it. If it says UNKNOWN, that view must occur both with the message handled and without, or the sender could have known.
 */
export function viewOf(attempts: readonly Attempt[]): string {
  const written = attempts.filter(({ phase }) => phase === 'written');
  const [first] = written;
  if (first === undefined) return `not sent: ${endOf(attempts.at(-1)?.end)}`;
  if (written.length === 1) return `sent: ${endOf(first.end)}`;
  // By then it does not matter how the first one ended without an answer.
  const last = written.at(-1)?.end;
  const told = last?.how === 'taken' || last?.how === 'refused';
  return `sent, no answer; again: ${told ? endOf(last) : 'no answer'}`;
}

function endOf(end: AttemptEnd | undefined): string {
  switch (end?.how) {
    case 'taken':
      return 'taken';
    case 'refused':
      return `REFUSED ${end.code}`;
    case 'error':
      return `ERROR ${end.code}`;
    case 'bye':
      return 'BYE';
    case 'broken':
      // Whether the errno is ECONNRESET or EPIPE depends on the kernel's timing and says nothing.
      return 'broken off';
    case 'fin':
      return 'FIN';
    case 'earlier':
      return 'by an earlier process';
    case 'interrupted':
      return 'given up';
    default:
      return 'silence';
  }
}
