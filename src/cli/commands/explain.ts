// detour explain [CODE]: the catalogue of errors, for reading. It opens no connection and reads no log:
// it says what a code means in general, not what happened in a certain run.

import type { Command } from 'commander';
import { hanging, wrap } from '../../core/wrap.ts';
import { CATALOG, fill } from '../../errors/catalog.ts';
import { type ByRoute, type CatalogEntry, LAYERS } from '../../errors/entry.ts';
import { explain as about } from '../../library/explain.ts';
import type { CommandSpec } from '../command.ts';

/** The width that everything is wrapped to: a terminal of 80 columns, the last one left free. */
const COLUMNS = 79;

/** The width of the column of codes, and of labels. */
const CODE_COLUMN = 17;
const LABEL_COLUMN = 13;

// In a catalogue nobody in particular is called.
const NOBODY = { peer: 'the peer', place: 'the place' } as const;

/** The whole catalogue as text: one line a situation, grouped by layer. */
export function listText(): string {
  const groups = LAYERS.map((layer) => {
    const lines = CATALOG.filter((entry) => entry.layer === layer).map(
      (entry) => `  ${entry.code.padEnd(CODE_COLUMN)}${entry.title}`,
    );
    return [layer, ...lines, ''].join('\n');
  });
  return `${groups.join('\n')}\nOne in full: detour explain CODE. A verdict is never a property of a code alone.\n`;
}

/** One situation as text, wrapped. */
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
    ...labelled('laid down in', entry.reference),
    ...labelled('systems', entry.elsewhere),
    ...labelled('known from', evidence(entry)),
    '',
  ].join('\n');
}

// A situation that a test makes is measured again each time the tests are run.
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

/** One situation as a line of JSON, with general words for who is called and where. */
function entryJson(entry: CatalogEntry): string {
  return JSON.stringify(entry, (_, value: unknown) =>
    typeof value === 'string' ? fill(value, NOBODY) : value,
  );
}

/** The entries that a person asked for; all of them if no code was given. @throws DetourError `usage` for an unknown code */
export function asked(code: string | undefined): readonly CatalogEntry[] {
  return code === undefined ? CATALOG : about(code);
}

/** `detour explain`. */
export const explain: CommandSpec = {
  summary: 'what an error code means, on the wire and for a verdict',
  build(command: Command): void {
    command
      .argument('[code...]', 'an error code, a verdict or a word of the list; without it, the list')
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
