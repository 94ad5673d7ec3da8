// Walks through README.md, src/lab/TEACHING.md and scripts/teaching/key.md: it types the commands of their blocks into real terminals, one after another, and
// compares the output with what is printed there, so that they cannot rot unnoticed. `npx tsx scripts/walk.ts`; with `--update` it writes
// the output into them.
//
// A block is a code block after the comment `<!-- walk -->`. Lines that begin with a terminal's name and a sign are typed:
//
//     BOB$   npx detour sync receive     a command, at the shell
//     BOB>   kill                        a line, to the program that runs there; ^C is that key
//
// The output follows: first that of this terminal, then that of others, each of which begins with its name. White space and what differs
// from run to run (times, pids, ids, clock times, ephemeral ports) do not count. Nor do lines that say that somebody waits, if the document
// has none: a slow computer may add some. `<!-- walk needs nc -->` names a program without which the block is skipped.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setUp } from './setup.mjs';
import { isFree, isInstalled, ROOT, Terminals } from './terminal.ts';

/** The documents, in order. A block starts with the terminals as the last block left them, even if that was in another document. */
const DOCUMENTS = ['README.md', 'src/lab/TEACHING.md', 'scripts/teaching/key.md'];
const COLUMNS = 80;
const PORTS = [4100, 4101, 4102];
/** The pause before each line that is typed, in milliseconds: as long as a person needs, because outputs may say how long a message waited. */
const PACE_MS = 1200;
/** The longest wait for the expected output, in milliseconds. */
const PATIENCE_MS = 30_000;
/** With --update, a screen that has not changed for this many milliseconds is finished. */
const QUIET_MS = 3000;
const LOOK_EVERY_MS = 150;
/** The width of the column for a terminal's name and sign. */
const MARGIN = 7;

interface Step {
  readonly terminal: string;
  readonly sign: '$' | '>';
  readonly typed: string;
  /** The line that says what to type, and the output. */
  readonly lines: string[];
}

interface Block {
  readonly document: string;
  /** The index of the first line inside the fence. */
  readonly from: number;
  /** The index of the closing fence. */
  readonly to: number;
  readonly needs: string | undefined;
  readonly steps: readonly Step[];
}

function blocksOf(document: string, text: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (const [index, line] of text.entries()) {
    const [mark, needs] = /^<!-- walk(?: needs (\w+))? -->$/.exec(line) ?? [];
    if (mark === undefined) continue;
    const from = text.findIndex((other, at) => at > index && other.startsWith('```')) + 1;
    const to = text.findIndex((other, at) => at >= from && other === '```');
    if (from !== index + 2 || to < 0)
      throw new Error(`${document}:${index + 1}: no code block after this comment`);
    blocks.push({ document, from, to, needs, steps: stepsOf(text.slice(from, to)) });
  }
  return blocks;
}

function stepsOf(lines: readonly string[]): Step[] {
  const steps: Step[] = [];
  for (const line of lines) {
    const [typed, terminal = '', sign, text = ''] = /^([A-Z]+)([$>]) +(.*)$/.exec(line) ?? [];
    if (typed !== undefined) {
      // Three spaces and a # begin a remark for the reader.
      const command = text.replace(/ {3,}# .*$/, '');
      steps.push({ terminal, sign: sign === '$' ? '$' : '>', typed: command, lines: [line] });
    } else if (steps.length > 0) steps.at(-1)?.lines.push(line);
    else throw new Error(`a block begins with a line that is not typed: ${line}`);
  }
  return steps;
}

/** Replaces everything that differs from run to run. */
function lasting(lines: readonly string[]): string[] {
  return lines
    .map((line) =>
      line
        .replace(/ {3,}# .*$/, '')
        .replace(/\d+(\.\d+)? (ms|s|min)\b/g, 'TIME')
        .replace(/^( +)\d+\.\d(?= )/, '$1TIME')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
        .replace(/\d\d:\d\d:\d\d(\.\d+)?/g, 'TIME')
        .replace(/\b(pid) \d+/g, '$1 N')
        .replace(/\b[a-z2-7]{8}-(\d+)\b/g, 'ID-$1')
        .replace(/\bstore=[^ ]+/g, 'store=TOKEN')
        .replace(/\b(salt|crc)=[0-9a-f]+/g, '$1=HEX')
        .replace(/\bsession=[0-9a-f-]+/g, 'session=TOKEN')
        // It depends on whether the peer's RST comes before the write or after it.
        .replace(/\((EPIPE|ECONNRESET)\)/g, '(EPIPE)')
        // Of two connections of one client, the one that the relay reads first decides how the older one ends.
        .replace(/(call \d+ over) \((?:FIN|EPIPE)\), \d+ bytes up, \d+ down/g, '$1, BYTES')
        .replace(/\b(at|t|held|oldest)=\d+/g, '$1=N')
        // The length of an entry depends on the clocks in it.
        .replace(/(COMMIT \d+ .*at) \d+/, '$1 N')
        .replace(/(from |127\.0\.0\.1):(?!410[012]\b)\d{4,5}/g, '$1:PORT')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '');
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  lasting(one).join(' ') === lasting(other).join(' ');

class Walk {
  readonly #terminals = new Terminals(COLUMNS);
  /** The number of lines of each terminal that have been taken. */
  readonly #told = new Map<string, number>();

  /** Types a step and waits for its output. @param expected the expected output; undefined: whatever comes until the screen is quiet */
  async take(step: Step, expected: readonly string[] | undefined): Promise<string[]> {
    const { terminal, sign, typed } = step;
    await this.#terminals.open(terminal);
    if (!this.#told.has(terminal)) this.#told.set(terminal, 0);
    await sleep(PACE_MS);
    if (sign === '$') await this.#promptIn(terminal);
    if (typed === '^C') this.#terminals.key(terminal, 'C-c');
    else if (typed === '^D') this.#terminals.key(terminal, 'C-d');
    else this.#terminals.type(terminal, typed);
    const began = performance.now();
    let changed = began;
    let came: string[] = [];
    for (;;) {
      await sleep(LOOK_EVERY_MS);
      const now = this.#tell(step, expected);
      const at = performance.now();
      if (now.join('\n') !== came.join('\n')) changed = at;
      came = now;
      if (expected === undefined ? at - changed > QUIET_MS : same(came, expected)) break;
      if (at - began > PATIENCE_MS) break;
    }
    for (const name of this.#terminals.names) this.#told.set(name, this.#linesOf(name).length);
    return came;
  }

  // Waits for the shell's prompt: npx takes a moment to end, and what is typed before would appear twice on the screen.
  async #promptIn(terminal: string): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (this.#terminals.screen(terminal).at(-1) !== `${terminal}$` && performance.now() < until)
      await sleep(LOOK_EVERY_MS);
  }

  close(): Promise<void> {
    return this.#terminals.close();
  }

  // Leaves out a prompt that waits for input, because what is typed there will be in the same line.
  #linesOf(name: string): string[] {
    const lines = this.#terminals.screen(name);
    while (isPrompt(lines.at(-1) ?? 'none')) lines.pop();
    return lines;
  }

  #tell({ terminal, sign, typed, lines }: Step, expected: readonly string[] | undefined): string[] {
    const slow = expected !== undefined && !expected.some(isWaiting);
    const others = this.#terminals.names.filter((name) => name !== terminal);
    const fresh = (name: string): string[] =>
      this.#linesOf(name)
        .slice(this.#told.get(name))
        .filter((line) => !isPrompt(line) && !(slow && isWaiting(line)));
    const [echo = '', ...more] = fresh(terminal);
    // What was typed is on the screen, too; the document's line for it keeps its remark.
    // The echo of a key is wherever the cursor was, and the program's next output may follow it in the same line.
    const key = typed.startsWith('^') ? echo.indexOf(typed) : -1;
    const said = key < 0 ? echo : echo.slice(key + typed.length);
    const rest = key < 0 && echo.endsWith(typed) ? more : [said, ...more];
    const first = lines[0] ?? `${terminal}${sign} ${typed}`;
    return [
      first,
      ...withoutEdges(rest).map((line) => indent(line, '')),
      ...others.flatMap((name) =>
        withoutEdges(fresh(name)).map((line, at) => indent(line, at === 0 ? name : '')),
      ),
    ];
  }
}

/** Removes the empty lines at both ends: npx leaves one when it is interrupted. */
function withoutEdges(lines: readonly string[]): readonly string[] {
  const from = lines.findIndex((line) => line !== '');
  return from < 0 ? [] : lines.slice(from, lines.findLastIndex((line) => line !== '') + 1);
}

const isWaiting = (line: string): boolean => /^[A-Z]* +[\d.]+ s +waiting /.test(line);
const isPrompt = (line: string): boolean => /^[A-Za-z]+[$>]$/.test(line);
const indent = (line: string, name: string): string => (name.padEnd(MARGIN) + line).trimEnd();

// Shows the lines that differ as - and +, and the equal ones before and after them without a mark.
function difference(expected: readonly string[], came: readonly string[]): string {
  const [old, fresh] = [lasting(expected), lasting(came)];
  let from = 0;
  while (from < Math.min(old.length, fresh.length) && old[from] === fresh[from]) from += 1;
  let to = 0;
  while (to < Math.min(old.length, fresh.length) - from && old.at(-1 - to) === fresh.at(-1 - to)) to += 1;
  return [
    ...old.slice(0, from).map((line) => `    ${line}`),
    ...old.slice(from, old.length - to).map((line) => `  - ${line}`),
    ...fresh.slice(from, fresh.length - to).map((line) => `  + ${line}`),
    ...old.slice(old.length - to).map((line) => `    ${line}`),
  ].join('\n');
}

async function run(update: boolean): Promise<number> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  if (!isInstalled('tmux')) {
    say('skipped: the walk needs tmux, which is not installed\n0 passed, 0 failed');
    return 0;
  }
  for (const port of PORTS) {
    if (await isFree(port)) continue;
    say(`port ${port} is in use: stop what listens there, the walk uses the usual ports\n0 passed, 1 failed`);
    return 1;
  }
  setUp();
  const texts = DOCUMENTS.map((name) => readFileSync(join(ROOT, name), 'utf8').split('\n'));
  const blocks = DOCUMENTS.flatMap((name, at) => blocksOf(name, texts[at] ?? []));
  const walk = new Walk();
  const written = new Map<Block, string[]>();
  let passed = 0;
  let failed = 0;
  try {
    for (const block of blocks) {
      if (block.needs !== undefined && spawnSync(block.needs, ['-h']).error !== undefined) {
        say(`skipped: ${block.document}:${block.from} needs ${block.needs}, which is not installed`);
        continue;
      }
      const lines: string[] = [];
      for (const step of block.steps) {
        const came = await walk.take(step, update ? undefined : step.lines);
        lines.push(...came);
        const fine = update || same(came, step.lines);
        if (fine) passed += 1;
        else failed += 1;
        say(`${fine ? 'ok  ' : 'ROT '} ${step.terminal}${step.sign} ${step.typed}`);
        if (!fine)
          say(
            `  ${block.document}:${block.from} says (-), the output was (+):\n${difference(step.lines, came)}`,
          );
      }
      written.set(block, lines);
    }
  } finally {
    await walk.close();
  }
  for (const [at, name] of DOCUMENTS.entries()) {
    const [text, own] = [texts[at] ?? [], blocks.filter(({ document }) => document === name)];
    if (own.length === 0) {
      say(`${name} has no block to walk through`);
      failed += 1;
    }
    if (!update) continue;
    for (const block of own.toReversed())
      text.splice(
        block.from,
        block.to - block.from,
        ...(written.get(block) ?? text.slice(block.from, block.to)),
      );
    writeFileSync(join(ROOT, name), text.join('\n'));
  }
  say(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await run(process.argv.includes('--update'));
