// The catalogue of errors, for a program. `detour explain` uses it.

import { asTyped } from '../core/command-name.ts';
import { DetourError } from '../core/error.ts';
import { visible } from '../core/visible.ts';
import type { CatalogEntry } from '../errors/entry.ts';
import { find, suggest } from '../errors/find.ts';

/**
 * What the catalogue knows about the code of a DetourError or of `Sent`, a verdict, a word of the protocol, or a question. A code may
 * have several entries, one for each situation. `{peer}` and `{address}` in their texts are placeholders for the peer and its address.
 * @param text a code or a verdict in upper or lower case, the number of an error, a line of another program's output, or a question in other
 * words
 * @throws DetourError `usage` if the text names no entry; its hint suggests the nearest ones
 */
export function explain(text: string): readonly CatalogEntry[] {
  const found = find(text);
  if (found.length > 0) return found;
  const near = suggest(text);
  throw new DetourError(
    'usage',
    `the catalogue has no entry ${visible(text, { max: 40 })}`,
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : asTyped('detour explain, without a word, lists them all'),
  );
}
