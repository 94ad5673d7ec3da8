// The shape of a fact: a situation, how it is made for real, and what may be seen in it. What detour concludes is part of it.

/** What was seen: whose view, and what that told. `node…`: Node's raw sockets. Everything else: detour's own programs. */
export type Seen = Readonly<Record<string, string>>;

/** What may be seen, for each view. */
export type Allowed = Readonly<Record<string, readonly string[]>>;

/** One row. */
export interface Fact {
  /** The situation in a few words: what `explain` cites. */
  readonly id: string;
  readonly needs?: 'namespaces' | 'firewall' | 'signals' | 'a reserved port';
  /** Makes it, and tells what was seen. Durations are never told: codes and their order are. */
  make(): Promise<Seen>;
  /** What is allowed on Linux. On the others, too, as far as `elsewhere` says nothing else. */
  readonly allowed: Allowed;
  /** What documentation says of other systems. Not verified here. */
  readonly elsewhere?: Partial<Record<'darwin' | 'win32', Allowed>>;
}

/** What may be seen on this system. */
export function allowedOn(fact: Fact, platform: NodeJS.Platform): Allowed {
  const other = platform === 'darwin' || platform === 'win32' ? fact.elsewhere?.[platform] : undefined;
  return { ...fact.allowed, ...other };
}

/** A verdict of which no attempt's code or word is left to chance: the same in both modes. */
export const both = (verdict: string): Allowed => ({ sync: [verdict], async: [verdict] });
