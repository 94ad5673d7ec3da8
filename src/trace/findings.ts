// What a reader should know about the two logs of a connection: frames that only one end logged, and where the two contradict each other.
// A log that ends early (its process was killed) or begins late contradicts nothing: it only lacks events. Pure.

import type { FrameFields } from '../core/event.ts';
import type { Channel, End, Placed } from './model.ts';

/** Something about the logs that a reader should know. */
export type Finding =
  | {
      /**
       * `not_received`: sent, and no log says that it arrived, although there is a log of the other end.
       * `not_sent`: received, and the other end's log, which may be incomplete, does not say that it was sent.
       * `impossible`: the logs contradict each other; this event comes before its cause.
       */
      readonly kind: 'not_received' | 'not_sent' | 'impossible';
      readonly placed: Placed;
    }
  | {
      /**
       * `differs`: the two ends say different things about the same frame; `other` was received.
       * `never_sent`: received, and the other end logged the whole connection and did not send it; `other` is an event of that end.
       */
      readonly kind: 'differs' | 'never_sent';
      readonly placed: Placed;
      readonly other: Placed;
    };

/** Do the logs contradict each other, so that at least one of them is wrong, or not of this run? */
export const isContradiction = ({ kind }: Finding): boolean =>
  kind === 'impossible' || kind === 'differs' || kind === 'never_sent';

type FrameSaid = { readonly verb: string; readonly fields: FrameFields };

/** The fields in which two logs differ about the same frame; only `verb` if the verbs differ. Empty if they agree. */
export function differencesOf(one: FrameSaid, other: FrameSaid): string[] {
  if (one.verb !== other.verb) return ['verb'];
  // A field that only one end logged proves nothing: the other may be an older detour that does not know it.
  return Object.keys(one.fields).filter((key) => {
    const [here, there] = [one.fields[key], other.fields[key]];
    return there !== undefined && plain(key, here) !== plain(key, there);
  });
}

// A log has either the whole of a random token or only its beginning.
const TOKENS: ReadonlySet<string> = new Set(['session', 'store']);
const TOKEN_BEGINNING = 8;

/** The part of a random token that every log has. */
export const beginningOf = (token: unknown): string => String(token).slice(0, TOKEN_BEGINNING);

const plain = (key: string, value: unknown): string => (TOKENS.has(key) ? beginningOf(value) : String(value));

/** Finds the missing frames and contradictions in all connections whose two ends were logged. */
export function findingsIn(channels: readonly Channel[]): Finding[] {
  const framing = new Set(
    channels
      .flatMap(({ client, server }) => [...(client?.events ?? []), ...(server?.events ?? [])])
      .filter(({ recorded }) => recorded.event === 'sent' || recorded.event === 'received')
      .map(({ process }) => process),
  );
  return channels.flatMap(({ client, server, certain = false }) => {
    if (client === undefined || server === undefined) return [];
    // A process whose log has no frames at all was told not to log any.
    const believed = certain && framing.has(client.process) && framing.has(server.process);
    return [...findingsBetween(client, server, believed), ...findingsBetween(server, client, believed)];
  });
}

function findingsBetween(from: End, to: End, believed: boolean): Finding[] {
  const sent = new Map<number, Placed>();
  for (const placed of from.events) if (placed.recorded.event === 'sent') sent.set(placed.recorded.n, placed);
  const findings: Finding[] = [];
  for (const placed of to.events) {
    const { recorded, peer } = placed;
    if (recorded.event !== 'received' || peer !== undefined) continue;
    const other = sent.get(recorded.n);
    const [first] = from.events;
    if (believed && other !== undefined) {
      sent.delete(recorded.n);
      findings.push({ kind: 'differs', placed: other, other: placed });
    } else if (believed && first !== undefined && covers(from, recorded.n)) {
      findings.push({ kind: 'never_sent', placed, other: first });
    } else findings.push({ kind: 'not_sent', placed });
  }
  for (const placed of sent.values())
    if (placed.peer === undefined) findings.push({ kind: 'not_received', placed });
  return findings;
}

// Does the log of this end have everything up to its nth frame? It does if it has the beginning, and a later frame or the connection's end.
function covers({ events }: End, n: number): boolean {
  const begins = events[0]?.recorded.event === 'connecting' || events[0]?.recorded.event === 'accepted';
  return (
    begins &&
    events.some(
      ({ recorded }) => recorded.event === 'closed' || (recorded.event === 'sent' && recorded.n > n),
    )
  );
}
