// `detour explain [CODE]`: the catalogue of errors, for reading. It opens no connection and reads no log:
// it says what a code means in general, not what happened in a particular run.

import type { Command } from 'commander';
import { DetourError } from '../../core/error.ts';
import { visible } from '../../core/visible.ts';
import { hanging, wrap } from '../../core/wrap.ts';
import { CATALOG, fill, lookup, suggest } from '../../errors/catalog.ts';
import { type ByRoute, type CatalogEntry, LAYERS } from '../../errors/entry.ts';
import type { CommandSpec } from '../command.ts';

/** The width at which everything is wrapped: a terminal of 80 columns, with the last one left free. */
const COLUMNS = 79;

/** The width of the column of codes in the list. */
const CODE_COLUMN = 17;
/** The width of the column of labels in an entry. */
const LABEL_COLUMN = 13;

// General words for the names in a text, because here nobody in particular is called.
const NOBODY = { peer: 'the peer', place: 'HOST:PORT' } as const;

/** The whole catalogue as text: one line per situation, grouped by layer. */
export function listText(): string {
  const groups = LAYERS.map((layer) => {
    const lines = CATALOG.filter((entry) => entry.layer === layer).map(
      (entry) => `  ${entry.code.padEnd(CODE_COLUMN)}${entry.title}`,
    );
    return [layer, ...lines, ''].join('\n');
  });
  return `${groups.join('\n')}\nIn full: detour explain CODE. A code alone never decides a verdict.\n`;
}

/** One situation in full, as wrapped text. */
export function entryText(entry: CatalogEntry): string {
  return [
    ...wrap(`${entry.code}: ${entry.title}`, COLUMNS),
    '',
    ...labelled('layer', entry.layer),
    ...labelled('means', entry.meaning),
    ...labelled('on the wire', entry.wire),
    ...labelled('so', entry.so),
    ...(entry.notSo === undefined ? [] : labelled('not so', entry.notSo)),
    ...labelled('verdict', entry.certainty),
    ...labelled('try', entry.tryNext),
    ...labelled('specified in', entry.reference),
    ...labelled('systems', entry.elsewhere),
    ...labelled('known from', evidence(entry)),
    '',
  ].join('\n');
}

// Names the tests that reproduce the situation: whoever runs them measures it again.
function evidence({ basis, shownBy }: CatalogEntry): string {
  if (shownBy === undefined) return basis;
  const rows = shownBy.map((row) => `"${row}"`).join(', ');
  const how = basis === 'measured on Linux' ? 'measured on Linux by' : `${basis}; also shown by`;
  return `${how} ${shownBy.length === 1 ? 'a test' : 'tests'} in test/facts: ${rows}`;
}

function labelled(label: string, of: ByRoute): string[] {
  const parts = typeof of === 'string' ? [of] : [`sync: ${of.sync}`, `async: ${of.async}`];
  return parts.flatMap((part, index) =>
    hanging(`  ${(index === 0 ? label : '').padEnd(LABEL_COLUMN)}`, fill(part, NOBODY), COLUMNS),
  );
}

/** One situation as JSON, with general words for who is called and where. */
function entryJson(entry: CatalogEntry): string {
  return JSON.stringify(entry, (_, value: unknown) =>
    typeof value === 'string' ? fill(value, NOBODY) : value,
  );
}

/** The entries for a code, or all of them without one. @throws DetourError `usage` for an unknown code */
export function asked(code: string | undefined): readonly CatalogEntry[] {
  if (code === undefined) return CATALOG;
  // A verdict is printed as two words: NOT DELIVERED.
  const found = lookup(code.trim().replaceAll(' ', '_'));
  if (found.length > 0) return found;
  const near = suggest(code);
  throw new DetourError(
    'usage',
    `the catalogue has no entry ${visible(code, { max: 40 })}`,
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'detour explain, without a code, lists them all',
  );
}

/** The command `detour explain`. */
export const explain: CommandSpec = {
  summary: 'what an error code means, on the wire and for a verdict',
  build(command: Command): void {
    command
      .argument('[code...]', 'an error code, a verdict, or another word of the list; without it: the list')
      .option('--json', 'one entry per line, as JSON')
      .action((words: string[], options: { json?: boolean }) => {
        const code = words.length === 0 ? undefined : words.join(' ');
        const entries = asked(code);
        if (options.json === true)
          process.stdout.write(entries.map((entry) => `${entryJson(entry)}\n`).join(''));
        else process.stdout.write(code === undefined ? listText() : entries.map(entryText).join('\n'));
      });
  },
};
