// Draws the picture in README.md: what `npx detour demo 3 --fast` really printed on a terminal, as SVG. It draws only what it reads from
// the screen. Run it with `npx tsx scripts/picture.ts`; it needs tmux.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setUp } from './setup.mjs';
import { isInstalled, ROOT, Terminals, until } from './terminal.ts';

const COMMAND = 'npx detour demo 3 --fast';
const COLUMNS = 80;
const FILE = join(ROOT, 'scripts', 'picture', 'run.svg');
const DEADLINE_MS = 60_000;

// The size of a character cell, in the picture's units.
const CELL = { width: 8.4, height: 18 };
// The distance of the text from the edge, in the picture's units.
const EDGE = 20;

const PLAIN = '#d8dee9';
// Colours by the terminal's codes: dim, red, green, magenta.
const INK: ReadonlyMap<string, string> = new Map([
  ['2', '#8b95a5'],
  ['31', '#ff7b72'],
  ['32', '#7ee787'],
  ['35', '#d2a8ff'],
]);
const COLOUR_OR_SIGN = new RegExp(`${String.fromCharCode(27)}\\[([0-9;]*)m|.`, 'gu');

interface Cell {
  readonly char: string;
  readonly ink: string;
  readonly bold: boolean;
}

/** Reads lines with escape sequences for colour into cells. A colour continues on the next line. */
function cellsOf(lines: readonly string[]): Cell[][] {
  let [ink, bold] = [PLAIN, false];
  return lines.map((line) => {
    const cells: Cell[] = [];
    for (const [char, codes] of line.matchAll(COLOUR_OR_SIGN)) {
      if (codes === undefined) cells.push({ char, ink, bold });
      for (const code of codes?.split(';') ?? []) {
        if (code === '' || code === '0') [ink, bold] = [PLAIN, false];
        else if (code === '1') bold = true;
        else if (code === '22') bold = false;
        else ink = INK.get(code) ?? PLAIN;
      }
    }
    return cells;
  });
}

const escaped = (text: string): string => text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);

/** Draws a line as text elements. Each character that is not plain ASCII is placed separately, because its width depends on the font. */
function drawLine(line: readonly Cell[], row: number): string {
  const y = EDGE + row * CELL.height + 13;
  const parts: { x: number; cell: Cell; text: string }[] = [];
  for (const [column, cell] of line.entries()) {
    const last = parts.at(-1);
    const plain = /^[!-~]$/.test(cell.char);
    if (cell.char === ' ') continue;
    const follows =
      last !== undefined &&
      plain &&
      /^[!-~]+$/.test(last.text) &&
      last.x + last.text.length === column &&
      last.cell.ink === cell.ink &&
      last.cell.bold === cell.bold;
    if (follows) last.text += cell.char;
    else parts.push({ x: column, cell, text: cell.char });
  }
  return parts
    .map(({ x, cell, text }) => {
      const weight = cell.bold ? ' font-weight="bold"' : '';
      const place = `x="${(EDGE + x * CELL.width).toFixed(1)}" y="${y}"`;
      return `<text ${place} fill="${cell.ink}"${weight}>${escaped(text)}</text>`;
    })
    .join('');
}

function draw(lines: readonly string[], title: string): string {
  const width = Math.ceil(2 * EDGE + COLUMNS * CELL.width);
  const height = 2 * EDGE + lines.length * CELL.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace" font-size="14" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="10" fill="#161b22" stroke="#30363d"/>`,
    ...cellsOf(lines).map(drawLine),
    '</svg>',
    '',
  ].join('\n');
}

// Records the screen, from the command to the legend below the story.
async function record(): Promise<string[]> {
  const terminals = new Terminals(COLUMNS);
  try {
    await terminals.open('you');
    terminals.type('you', COMMAND);
    const ended = (): boolean =>
      terminals.screen('you').at(-1) === 'you$' && terminals.screen('you').length > 1;
    await until(ended, `the end of ${COMMAND}`, DEADLINE_MS);
    const plain = terminals.screen('you');
    const legend = plain.findIndex((line) => line.includes('frame recorded in this run'));
    if (legend < 0) throw new Error(`no story on the screen:\n${plain.join('\n')}`);
    return terminals.screen('you', true).slice(0, legend + 1);
  } finally {
    await terminals.close();
  }
}

if (!isInstalled('tmux')) throw new Error('this needs tmux');
setUp();
const lines = await record();
lines[0] = (lines[0] ?? '').replace('you$', '$');
mkdirSync(join(ROOT, 'scripts', 'picture'), { recursive: true });
writeFileSync(FILE, draw(lines, `A real run of: ${COMMAND}`));
process.stdout.write(`${FILE}: ${lines.length} lines of a real run\n`);
