// What `detour explain` says of the codes and verdicts that have come up, for a click on them.

import type { Recorded } from '../../core/event.ts';
import { lookup } from '../../errors/catalog.ts';
import type { CatalogEntry } from '../../errors/entry.ts';
import { partsOf } from '../../errors/parts.ts';
import type { Explanation } from './messages.ts';

/** The verdict and the code of an event, as far as it has them. */
export function codesOf(recorded: Recorded): string[] {
  const codes = [
    'verdict' in recorded ? recorded.verdict : undefined,
    'code' in recorded ? recorded.code : undefined,
  ];
  return codes.filter((code) => code !== undefined);
}

/** Everything that the catalogue says of a code or a verdict; undefined if it does not know it. */
export function explanationOf(code: string): Explanation | undefined {
  const entries = lookup(code);
  const [first] = entries;
  if (first === undefined) return undefined;
  // A code may have several entries, one for each situation in which it is met.
  if (entries.length === 1) return { title: `${first.code}: ${first.title}`, lines: linesOf(first) };
  return {
    title: first.code,
    lines: entries.flatMap((entry) => [`${entry.code}: ${entry.title}`, ...linesOf(entry)]),
  };
}

const linesOf = (entry: CatalogEntry): string[] =>
  partsOf(entry).flatMap(({ label, lines }) =>
    lines.map((line, index) => (index === 0 ? `${label}: ${line}` : line)),
  );
