// The shape of a fact: a situation, how it is created for real, and what may be seen in it, including what detour concludes.

/** What was seen, by view. `node…`: Node's raw sockets. Everything else: detour's own programs. */
export type Seen = Readonly<Record<string, string>>;

/** What may be seen, for each view. */
export type Allowed = Readonly<Record<string, readonly string[]>>;

/** One row. */
export interface Fact {
  /** The situation in a few words. `explain` cites it. */
  readonly id: string;
  readonly needs?: 'namespaces' | 'firewall' | 'signals' | 'a reserved port';
  /** It takes little time and stands for others: it is in `npm test`, too. */
  readonly quick?: true;
  /** Creates the situation and reports what was seen. Durations are never reported; codes and their order are. */
  make(): Promise<Seen>;
  /** What is allowed on Linux, and on other systems unless `elsewhere` says something else. */
  readonly allowed: Allowed;
  /** What documentation says about other systems. Not verified here. */
  readonly elsewhere?: Partial<Record<'darwin' | 'win32', Allowed>>;
}

/** What may be seen on this system. */
export function allowedOn(fact: Fact, platform: NodeJS.Platform): Allowed {
  const other = platform === 'darwin' || platform === 'win32' ? fact.elsewhere?.[platform] : undefined;
  return { ...fact.allowed, ...other };
}

/** A verdict with the code or words of each attempt, for situations in which nothing is left to chance: the same in both modes. */
export const both = (verdict: string): Allowed => ({ sync: [verdict], async: [verdict] });
