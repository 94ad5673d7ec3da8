// `detour explain [WORDS]`: the catalogue of errors, for reading. It opens no connection and reads no log:
// it says what a code means in general, not what happened in a particular run.

import type { Command } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { hanging, wrap } from '../../core/wrap.ts';
import { CATALOG, fill } from '../../errors/catalog.ts';
import { type CatalogEntry, LAYERS } from '../../errors/entry.ts';
import { NOBODY, partsOf } from '../../errors/parts.ts';
import { explain as about } from '../../library/explain.ts';
import type { CommandSpec } from '../command.ts';
import { columns, own, shownIn } from '../render/output.ts';

/** The width at which everything is wrapped: a terminal of 80 columns, with the last one left free; none for plain output. */
const width = (): number => columns(process.stdout, 79);

/** The width of the column of codes in the list. */
const CODE_COLUMN = 17;
/** The width of the column of labels in an entry. */
const LABEL_COLUMN = 13;

const listLine = ({ code, title }: CatalogEntry): string => `  ${code.padEnd(CODE_COLUMN)}${title}`;

/** The whole catalogue as text: one line per situation, grouped by layer. */
export function listText(): string {
  const groups = LAYERS.map((layer) => {
    const lines = CATALOG.filter((entry) => entry.layer === layer).map(listLine);
    return [layer, ...lines, ''].join('\n');
  });
  return asTyped`${groups.join('\n')}\nIn full: detour explain CODE, or a number, a question, or a line of another\nprogram's output.\nA code alone never decides a verdict.\n`;
}

/** One situation in full, as wrapped text. */
export function entryText(entry: CatalogEntry): string {
  return [
    ...wrap(`${entry.code}: ${entry.title}`, width()),
    '',
    ...partsOf(entry).flatMap(({ label, lines }) =>
      lines.flatMap((line, index) =>
        hanging(`  ${(index === 0 ? label : '').padEnd(LABEL_COLUMN)}`, line, width()),
      ),
    ),
    '',
  ].join('\n');
}

/** The situations that were found, as text: each in full, after a list of them if there are several. */
function foundText(entries: readonly CatalogEntry[]): string {
  const full = entries.map(entryText).join('\n');
  if (entries.length < 2) return full;
  return `${entries.length} situations fit:\n${entries.map(listLine).join('\n')}\n\n${full}`;
}

/** One situation as JSON, with general words for who is called and where. */
function entryJson(entry: CatalogEntry): string {
  return JSON.stringify(entry, (_, value: unknown) =>
    typeof value === 'string' ? fill(value, NOBODY) : value,
  );
}

/** The entries that a text names, or all of them without one. @throws DetourError `usage` for a text that names none */
export function asked(text: string | undefined): readonly CatalogEntry[] {
  return text === undefined ? CATALOG : about(text);
}

/** The command `detour explain`. */
export const explain: CommandSpec = {
  summary: 'what an error code means, and answers to questions',
  build(command: Command): void {
    command
      .argument(
        '[words...]',
        "an error code or number, a verdict, a line of another program's output, a question, or a word of the list; without it: the list",
      )
      // A pasted line may contain `-2]`.
      .allowUnknownOption()
      .option('--json', 'one entry per line, as JSON')
      .action((words: string[], options: { json?: boolean }) => {
        const text = words.length === 0 ? undefined : words.join(' ');
        const entries = asked(text);
        if (options.json === true)
          process.stdout.write(entries.map((entry) => `${entryJson(entry)}\n`).join(''));
        else process.stdout.write(shownIn(own(text === undefined ? listText() : foundText(entries))));
      });
  },
};
