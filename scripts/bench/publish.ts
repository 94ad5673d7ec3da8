// Writes scripts/bench/README.md and its pictures from what a run of the bench has found:
//
//   npm run bench -- --json FILE && npx tsx scripts/bench/publish.ts FILE

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure, Run } from './part.ts';
import { DETOUR, PEERS } from './peers.ts';
import { type Comparison, compared, median, short, spread } from './statistics.ts';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PICTURES = path.join(HERE, '..', 'picture');
/** The parts that have a picture, and its file. */
const DRAWN: Readonly<Record<string, string>> = { stores: 'bench.svg', growth: 'growth.svg' };

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error(
    'Which file? npx tsx scripts/bench/publish.ts FILE, with a FILE that npm run bench -- --json FILE has written.',
  );
  process.exit(2);
}
const run = JSON.parse(readFileSync(file, 'utf8')) as Run;
writeFileSync(path.join(HERE, 'README.md'), document(run));
writeFileSync(path.join(PICTURES, 'bench.svg'), peers(run));
writeFileSync(path.join(PICTURES, 'growth.svg'), growth(run));

interface Line {
  readonly who: string;
  readonly values: number[];
}

interface Row {
  readonly part: string;
  readonly row: string;
  readonly unit: string;
  readonly compare: Comparison;
  readonly lines: Line[];
}

function rowsOf(figures: readonly Figure[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { part, row, unit, compare, who, value } of figures) {
    const key = `${part} ${row}`;
    const found: Row = rows.get(key) ?? { part, row, unit, compare, lines: [] };
    rows.set(key, found);
    const line = found.lines.find((each) => each.who === who);
    if (line === undefined) found.lines.push({ who, values: [value] });
    else line.values.push(value);
  }
  return [...rows.values()];
}

function document({ rounds, seconds, machine, figures }: Run): string {
  const { date, system, processors, memory, disk, node, versions } = machine;
  const parts = [...new Set(figures.map(({ part }) => part))];
  const tables = parts.map((part) => {
    const source = readFileSync(path.join(HERE, `${part}.ts`), 'utf8');
    // The comment at the top of each part says what it measures.
    const about = source.slice(0, source.indexOf('\n\n')).replaceAll(/^\/\/ ?/gm, '');
    const rows = rowsOf(figures).filter((row) => row.part === part);
    const pictured = part in DRAWN ? [`![${part}, drawn](../picture/${DRAWN[part]})`] : [];
    return [`## ${part}`, about, ...pictured, ...rows.map(table)].join('\n\n');
  });
  const programs = Object.entries(versions).map(([name, version]) => `| ${name} | ${version} |`);
  return `# Measured

\`npm run bench\` measures detour's relay beside brokers that people would pick instead, its direct route beside a bare socket, and its commands.
This is one run of it, written by \`publish.ts\`. Figures of another machine will differ: compare ratios, and measure your own.

| | |
|---|---|
| date | ${date} |
| system | ${system} |
| processors | ${processors} |
| memory | ${memory} GiB |
| file system | ${disk} |
| Node | ${node} |
${programs.join('\n')}

They take turns: in each of ${rounds} rounds each is measured once, and another one begins each time, with ${seconds} seconds of load after 2 seconds of warm-up.
A table shows the median, the lowest and the highest of the rounds. A ratio is taken within each round, and its median is shown.
The load driver is written in C, so that it is not what is measured. It runs on the same computer as everything else.

Not measured: several computers, replication, hours of writing to one disk, more than one relay, messages above 4 KiB, and
what brokers can do that this relay cannot (topics, routing, consumer groups, replay, clusters, users and rights, encryption).

${tables.join('\n\n')}
`;
}

function table({ row, unit, compare, lines }: Row): string {
  const first = lines[0]?.values ?? [];
  const titles = ['', unit, 'lowest to highest', ...(compare === 'not' ? [] : [compare])];
  const body = lines.map(({ who, values }) => [
    readable(who),
    short(median(values)),
    spread(values),
    ...(compare === 'not' ? [] : [compared(first, values, compare)]),
  ]);
  const cells = [titles, titles.map(() => '---'), ...body].map((all) => `| ${all.join(' | ')} |`);
  return `**${row}**\n\n${cells.join('\n')}`;
}

// Messages stored a second: detour's relay and the brokers, a group for each shape.
function peers({ figures, ...of }: Run): string {
  const rows = rowsOf(figures).filter(({ part, row }) => part === 'stores' && row.startsWith('128 B'));
  const names = (synced: boolean): string =>
    [DETOUR, ...PEERS]
      .filter((peer) => peer.synced === synced && peer.name in of.machine.versions)
      .map(({ name }) => name.split(/[ ,]/)[0])
      .join(', ');
  return bars(of, rows, {
    title: 'Messages of 128 B stored a second: senders × messages that each has under way',
    about: `These sync before they acknowledge: ${names(true)}. With default settings, these do not: ${names(false)}.`,
    name: (row) => row.replace(/ \(.*/, ''),
    own: (who) => who === 'detour',
  });
}

// The same for detour's relay alone, while its work grows: a group for each way to grow.
function growth({ figures, ...of }: Run): string {
  return bars(
    of,
    rowsOf(figures).filter(({ part }) => part === 'growth'),
    {
      title: 'Messages of 128 B that the relay stores a second, as its work grows',
      about: '32×64: 32 senders, each with 64 messages under way.',
      name: (row) => row.replace('128 B, ', ''),
      own: () => true,
    },
  );
}

interface Words {
  readonly title: string;
  readonly about: string;
  /** What is written above the bars of a row. */
  name(row: string): string;
  /** Are these detour's own figures? They have its colour. */
  own(who: string): boolean;
}

// Bars from one baseline, in groups, each with its own scale: the figures of one are up to a hundred times those of another.
function bars({ machine, rounds }: Omit<Run, 'figures'>, groups: readonly Row[], words: Words): string {
  const [left, top, width, bar, gap] = [300, 86, 560, 20, 34];
  const drawn: string[] = [];
  let y = top;
  for (const { row, lines } of groups) {
    drawn.push(text(24, y + 15, words.name(row), 'font-weight="bold"'));
    y += 24;
    const most = Math.max(...lines.map(({ values }) => median(values)));
    for (const { who, values } of lines) {
      const length = (median(values) / most) * width;
      drawn.push(text(left - 8, y + 15, readable(who), 'text-anchor="end"'));
      drawn.push(
        `<rect x="${left}" y="${y + 2}" width="${length.toFixed(1)}" height="${bar - 5}" fill="${words.own(who) ? '#007a5a' : '#9a9a9a'}"/>`,
      );
      drawn.push(text(left + length + 6, y + 15, short(median(values))));
      y += bar;
    }
    y += gap - 24;
  }
  const note = `Each group has its own scale. Median of ${rounds} rounds, ${machine.processors}, ${machine.disk}, ${machine.date}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${y + 40}" width="1000" height="${y + 40}" font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif" font-size="14" role="img">
<title>${words.title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(24, 32, words.title, 'font-size="18"')}
${text(24, 56, words.about)}
${drawn.join('\n')}
${text(24, y + 24, note, 'fill="#595959"')}
</svg>
`;
}

// 5000000 is hard to read at a glance.
function readable(who: string): string {
  return who.replace(/^[0-9]{4,}/, (digits) => Number(digits).toLocaleString('en-US'));
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${more.includes('fill=') ? '' : 'fill="#1a1a1a" '}${more}>${safe}</text>`;
}
