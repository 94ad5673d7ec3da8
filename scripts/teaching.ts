// Makes pages to print of the sheets in scripts/teaching: `npx tsx scripts/teaching.ts [DIR]` writes an HTML file for each into DIR (default:
// `printed`). Open it in a browser and print it: it fits A4 and Letter.
//
// Two lines that Markdown draws as a rule have a meaning on paper: `---` begins a new page, and `___` is a line to write on.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Marked } from 'marked';

const SHEETS = join(dirname(fileURLToPath(import.meta.url)), 'teaching');

// The size of the paper is left to the printer. A task is not torn apart: its heading stays with what follows, and a block is in one piece.
const STYLE = `
@page { margin: 10mm 14mm; }
body { font: 9.5pt/1.3 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif; color: #000; max-width: 184mm; margin: 0 auto; }
h1 { font-size: 15pt; margin: 0 0 2mm; }
h2 { font-size: 12pt; margin: 3mm 0 1mm; border-bottom: 0.3mm solid; }
h3 { font-size: 10pt; margin: 2.5mm 0 1mm; }
h1, h2, h3 { break-after: avoid; }
p:has(+ pre) { break-after: avoid; }
p, ul, ol, table { margin: 1mm 0; }
ul, ol { padding-left: 5mm; }
p, li, table, pre { break-inside: avoid; }
code, pre { font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: 8pt; }
pre { line-height: 1.25; margin: 1mm 0; padding: 1mm 2mm; border-left: 0.8mm solid #999; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.7mm 2mm; border: 0.2mm solid #999; }
.write { height: 7mm; margin: 0; border-bottom: 0.2mm solid #999; }
.page { break-after: page; }
@media screen { body { padding: 5mm; } }
`;

/** The Markdown of a sheet as a page for a browser. Only its links to other sheets stay links, because the page may be anywhere. */
function pageOf(markdown: string, sheets: readonly string[]): string {
  const marked = new Marked({
    renderer: {
      hr: ({ raw }) => `<div class="${raw.startsWith('_') ? 'write' : 'page'}"></div>\n`,
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return sheets.includes(href) ? `<a href="${href.replace(/md$/, 'html')}">${text}</a>` : text;
      },
    },
  });
  const body = marked.parse(markdown, { async: false });
  const [, title = ''] = /^# (.*)$/m.exec(markdown) ?? [];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title.replaceAll('`', '')}</title>
<style>${STYLE}</style>
${body.replaceAll('☐ ', '☐&nbsp;')}</html>
`;
}

const dir = resolve(process.argv[2] ?? 'printed');
mkdirSync(dir, { recursive: true });
const sheets = readdirSync(SHEETS).filter((name) => name.endsWith('.md'));
for (const sheet of sheets) {
  const file = join(dir, sheet.replace(/md$/, 'html'));
  writeFileSync(file, pageOf(readFileSync(join(SHEETS, sheet), 'utf8'), sheets));
  process.stdout.write(`${file}\n`);
}
