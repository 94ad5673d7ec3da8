// The catalogue of errors, for a program. `detour explain` is made of this.

import { DetourError } from '../core/error.ts';
import { visible } from '../core/visible.ts';
import { lookup, suggest } from '../errors/catalog.ts';
import type { CatalogEntry } from '../errors/entry.ts';

/**
 * What the catalogue knows about a code: that of a DetourError or of `Sent`, a verdict, or a word of the protocol. A code may have several
 * entries, one for each situation. `{peer}` and `{place}` in their texts stand for who is called and where.
 * @param code in any spelling of upper and lower case; a verdict also as two words
 * @throws DetourError `usage` for a code that the catalogue does not have, with the nearest ones as the hint
 */
export function explain(code: string): readonly CatalogEntry[] {
  const found = lookup(code.trim().replaceAll(' ', '_'));
  if (found.length > 0) return found;
  const near = suggest(code);
  throw new DetourError(
    'usage',
    `the catalogue has no entry ${visible(code, { max: 40 })}`,
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'detour explain, without a code, lists them all',
  );
}
