// An entry of the catalogue in full, as labels with sentences: `detour explain` prints them, and the board shows them.

import { asTyped } from '../core/command-name.ts';
import { ALIASES } from './aliases.ts';
import { fill } from './catalog.ts';
import type { ByRoute, CatalogEntry } from './entry.ts';

/** General words for the names in a text, for where nobody in particular is called. */
export const NOBODY = { peer: 'the peer', address: 'HOST:PORT' } as const;

/** A label of an entry, such as `on the wire`, and what stands beside it. */
export interface Part {
  readonly label: string;
  readonly lines: readonly string[];
}

/** Everything that is shown of an entry below its title, with general words for who is called and where. What is the same for every question is left out. */
export function partsOf(entry: CatalogEntry): Part[] {
  const situation = (...parts: Part[]): Part[] => (entry.layer === 'questions' ? [] : parts);
  return [
    ...situation(part('layer', entry.layer), ...numbers(entry)),
    part('means', entry.meaning),
    part('on the wire', entry.wire),
    part('so', entry.so),
    ...(entry.notSo === undefined ? [] : [part('not so', entry.notSo)]),
    ...situation(part('verdict', entry.certainty)),
    part('try', entry.tryNext),
    part('specified in', entry.reference),
    ...situation(part('systems', entry.elsewhere), part('known from', evidence(entry))),
  ];
}

function part(label: string, of: ByRoute): Part {
  const lines = typeof of === 'string' ? of.split('\n') : [`sync: ${of.sync}`, `async: ${of.async}`];
  return { label, lines: lines.map((line) => fill(asTyped(line), NOBODY)) };
}

// An error often appears only as a number, and the number differs between systems.
function numbers({ code }: CatalogEntry): Part[] {
  const known = ALIASES.filter((alias) => alias.code === code).flatMap((alias) =>
    Object.entries(alias.numbers ?? {}),
  );
  return known.length === 0
    ? []
    : [part('number', known.map(([system, number]) => `${number} on ${system}`).join(', '))];
}

// Names the tests that reproduce the situation: whoever runs them measures it again.
function evidence({ basis, shownBy }: CatalogEntry): string {
  if (shownBy === undefined) return basis;
  const rows = shownBy.map((row) => `"${row}"`).join(', ');
  const how = basis === 'measured on Linux' ? 'measured on Linux by' : `${basis}; also shown by`;
  return `${how} ${shownBy.length === 1 ? 'a test' : 'tests'} in test/facts: ${rows}`;
}
