// What the clients in the guest were told, and what they said that matters. A line of the console has one fact, or several separated by
// bars.

/** A fact. `size` is in bytes, `ttl` in seconds (0: none). */
export type Fact =
  /** The relay said STORED. */
  | {
      readonly kind: 'stored';
      readonly from: string;
      readonly id: string;
      readonly to: string;
      readonly seq: number;
      readonly size: number;
      readonly ttl: number;
      readonly notify: string;
      readonly dup: boolean;
    }
  /** The relay handed a message out. `notice`: receipt, bounce, or `no` if it is not a notice. */
  | {
      readonly kind: 'message';
      readonly to: string;
      readonly seq: number;
      readonly from: string;
      readonly id: string;
      readonly attempt: number;
      readonly notice: string;
    }
  /** A receiver is about to write ACK. */
  | { readonly kind: 'acks'; readonly to: string; readonly seq: number }
  /** With EMPTY or BYE the relay said that this acknowledgement is durable. */
  | { readonly kind: 'acked'; readonly to: string; readonly seq: number }
  /** The relay reported that a message has expired. */
  | { readonly kind: 'expired'; readonly to: string; readonly seq: number };

/** Formats facts on one line. */
export const writeFacts = (facts: readonly Fact[]): string =>
  facts.map((fact) => Object.values(fact).join(' ')).join('|');

/** Parses the facts of a line. @throws RangeError if one is not a fact */
export const readFacts = (line: string): Fact[] => line.split('|').map(readFact);

function readFact(text: string): Fact {
  const [kind, a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = ''] = text.split(' ');
  if (kind === 'acks' || kind === 'acked' || kind === 'expired') return { kind, to: a, seq: Number(b) };
  if (kind === 'message')
    return { kind, to: a, seq: Number(b), from: c, id: d, attempt: Number(e), notice: f };
  if (kind !== 'stored') throw new RangeError(`not a fact: ${text}`);
  const stored = { kind, from: a, id: b, to: c, seq: Number(d), size: Number(e), ttl: Number(f) } as const;
  return { ...stored, notify: g, dup: h === 'true' };
}
