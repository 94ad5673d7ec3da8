// Writes scripts/bench/README.md and the picture in README.md from what a run of the bench has found:
//
//   npm run bench -- --json FILE && npx tsx scripts/bench/publish.ts FILE

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure, Run } from './part.ts';
import { median, ratio, short, spread } from './statistics.ts';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PICTURE = path.join(HERE, '..', 'picture', 'bench.svg');

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error(
    'Which file? npx tsx scripts/bench/publish.ts FILE, with a FILE that npm run bench -- --json FILE has written.',
  );
  process.exit(2);
}
const run = JSON.parse(readFileSync(file, 'utf8')) as Run;
writeFileSync(path.join(HERE, 'README.md'), document(run));
writeFileSync(PICTURE, picture(run));

interface Line {
  readonly who: string;
  readonly values: number[];
}

interface Row {
  readonly part: string;
  readonly row: string;
  readonly unit: string;
  readonly lines: Line[];
}

function rowsOf(figures: readonly Figure[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { part, row, unit, who, value } of figures) {
    const key = `${part} ${row}`;
    const found: Row = rows.get(key) ?? { part, row, unit, lines: [] };
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
    return [`## ${part}`, about, ...rows.map(table)].join('\n\n');
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

function table({ row, unit, lines }: Row): string {
  const [first] = lines;
  const body = lines.map(({ who, values }) => {
    const compared =
      first === undefined || values === first.values ? '' : ratio(first.values, values).toFixed(2);
    return `| ${who} | ${short(median(values))} | ${spread(values)} | ${compared} |`;
  });
  return [
    `**${row}**`,
    `| | ${unit} | lowest-highest | first/this |\n|---|---|---|---|\n${body.join('\n')}`,
  ].join('\n\n');
}

// Bars from one baseline, a group for each shape; detour's in its own colour.
function picture({ figures, machine, rounds }: Run): string {
  const groups = rowsOf(figures).filter(({ part, row }) => part === 'stores' && row.startsWith('128 B'));
  const [left, top, width, bar, gap] = [300, 86, 560, 20, 34];
  const most = Math.max(...groups.flatMap(({ lines }) => lines.map(({ values }) => median(values))));
  const drawn: string[] = [];
  let y = top;
  for (const { row, lines } of groups) {
    drawn.push(text(24, y + 15, row.replace(/ \(.*/, ''), 'font-weight="bold"'));
    y += 24;
    for (const { who, values } of lines) {
      const own = who === 'detour';
      const length = (median(values) / most) * width;
      drawn.push(text(left - 8, y + 15, who, 'text-anchor="end"'));
      drawn.push(
        `<rect x="${left}" y="${y + 2}" width="${length.toFixed(1)}" height="${bar - 5}" fill="${own ? '#007a5a' : '#9a9a9a'}"/>`,
      );
      drawn.push(text(left + length + 6, y + 15, short(median(values))));
      y += bar;
    }
    y += gap - 24;
  }
  const note = `Median of ${rounds} rounds, ${machine.processors}, ${machine.disk}, ${machine.date}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${y + 40}" width="1000" height="${y + 40}" font-family="Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif" font-size="14" role="img">
<title>Messages of 128 B stored a second, by detour's relay and by brokers</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(24, 32, 'Messages of 128 B stored a second: senders × messages that each has under way', 'font-size="18"')}
${text(24, 56, 'detour, Redis and beanstalkd sync before they acknowledge. NATS and Mosquitto, as they come, do not.')}
${drawn.join('\n')}
${text(24, y + 24, note, 'fill="#595959"')}
</svg>
`;
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${more.includes('fill=') ? '' : 'fill="#1a1a1a" '}${more}>${safe}</text>`;
}
