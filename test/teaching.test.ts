// The sheets in scripts/teaching: what students type can be typed, the key answers every question with what its runs show, and each sheet can
// be printed. (scripts/walk.ts types the blocks of the key, and so those of the sheets.)

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { CommandSpec } from '../src/cli/command.ts';
import { asyncReceive } from '../src/cli/commands/async-receive.ts';
import { asyncRelay } from '../src/cli/commands/async-relay.ts';
import { asyncSend } from '../src/cli/commands/async-send.ts';
import { check } from '../src/cli/commands/check.ts';
import { doctor } from '../src/cli/commands/doctor.ts';
import { syncReceive } from '../src/cli/commands/sync-receive.ts';
import { syncSend } from '../src/cli/commands/sync-send.ts';
import { trace } from '../src/cli/commands/trace.ts';
import { DetourCommand } from '../src/cli/environment.ts';
import { EXIT } from '../src/core/verdicts.ts';
import { tempDir } from './harness.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SHEETS = join(ROOT, 'scripts', 'teaching');
const names = readdirSync(SHEETS).filter((name) => name.endsWith('.md'));
const read = (name: string): string => readFileSync(join(SHEETS, name), 'utf8');

interface Task {
  readonly title: string;
  readonly text: string;
  /** What is typed, each line with the terminal and its sign. */
  readonly typed: readonly string[];
  /** The letters of its questions, or of their answers. */
  readonly letters: readonly string[];
}

/** The tasks of a sheet, or their answers. The first has no number: it is what comes before them. */
function tasksOf(text: string): Task[] {
  return text.split(/^### (?=\d)/m).map((part) => ({
    title: part.split('\n', 1)[0] ?? '',
    text: part,
    typed: [...part.matchAll(/^[A-Z]+[$>] .*$/gm)].map(([line]) =>
      line.replace(/ {3,}# .*$/, '').replace(/\s+/g, ' '),
    ),
    letters: [...part.matchAll(/\*\*([a-z])\)\*\*/g)].map(([, letter = '']) => letter),
  }));
}

const [, forHandout = '', forHomework = ''] = read('key.md').split(/^## The (?:handout|homework)$/m);
const BOTH = [
  ['handout.md', forHandout, 8],
  ['homework.md', forHomework, 4],
] as const;

test.each(BOTH)('the key answers every question of %s, and types the same', (sheet, answers, count) => {
  const [tasks, solved] = [tasksOf(read(sheet)), tasksOf(answers)];
  expect(tasks).toHaveLength(count + 1);
  expect(solved).toHaveLength(count + 1);
  for (const [at, { title, typed, letters }] of tasks.entries()) {
    expect(solved[at]?.typed, title).toEqual(typed);
    if (at === 0) continue;
    expect(solved[at]?.title).toBe(title);
    expect(letters).toEqual(['a', 'b']);
    expect(solved[at]?.letters, title).toEqual(letters);
    expect(solved[at]?.text, title).toContain('- Often said: ');
  }
});

test('the right prediction is what the run in the key shows', () => {
  const box = { D: ['DELIVERED', 'STORED'], N: ['NOT_DELIVERED'], U: ['UNKNOWN'] } as const;
  const answers = tasksOf(forHandout).slice(1, 8);
  expect(answers).toHaveLength(7);
  for (const { title, text } of answers) {
    const [, right = '', code] = /^\*\*Right: ([DNU])\*\*, exit code (\d+)\./m.exec(text) ?? [];
    const [, verdict = '', exit] =
      /^ *(?:[A-Z]+ {2,})?(DELIVERED|STORED|NOT DELIVERED|UNKNOWN)\b.*exit (\d+)$/m.exec(text) ?? [];
    const name = box[right as keyof typeof box].find((one) => one === verdict.replace(' ', '_'));
    expect(name, title).toBeDefined();
    expect([exit, code], title).toEqual([String(EXIT[name ?? 'UNKNOWN']), exit]);
  }
});

test('a task that is not typed has a row of boxes for each row of the key', () => {
  const rows = (text: string | undefined) =>
    [...(text ?? '').matchAll(/^\| (\w[^|]*) \|.*\|.*\|$/gm)].map(([, situation]) => situation);
  expect(rows(tasksOf(read('handout.md')).at(-1)?.text)).toHaveLength(4);
  expect(rows(tasksOf(forHandout).at(-1)?.text)).toEqual(rows(tasksOf(read('handout.md')).at(-1)?.text));
});

const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  'sync receive': syncReceive,
  'sync send': syncSend,
  'async relay': asyncRelay,
  'async send': asyncSend,
  'async receive': asyncReceive,
  check,
  doctor,
  trace,
};

/** Parses what stands after `npx detour` as the program does, and runs nothing. @throws CommanderError if it is not valid */
async function parse(words: readonly string[]): Promise<void> {
  const path = Object.keys(COMMANDS).find((one) => `${words.join(' ')} `.startsWith(`${one} `)) ?? '';
  const command = new DetourCommand(path).exitOverride().configureOutput({ writeErr: () => {} });
  const spec = COMMANDS[path];
  if (spec === undefined) throw new Error('no such command');
  spec.build(command);
  command.action(() => {});
  await command.parseAsync(words.slice(path.split(' ').length), { from: 'user' });
}

test('every detour command of the sheets can be typed', async () => {
  const typed = names.flatMap((name) =>
    // Not in a hint that was printed: there it stands after other words.
    [...read(name).matchAll(/(?:`|^(?:[A-Z]*\$)? *)npx detour ([^`\n]*)/gm)].map(([, line = '']) =>
      line.replace(/ {3,}# .*$/, ''),
    ),
  );
  expect(typed.length).toBeGreaterThan(30);
  // The name of the command alone is no command to type.
  for (const line of typed.filter((one) => one.includes(' ')))
    await expect(parse(line.trim().split(/\s+/)), line).resolves.toBeUndefined();
  await expect(parse(['sync', 'send', '--tiemout', '2s'])).rejects.toThrow('unknown option');
  await expect(parse(['sync', 'receive', '--work', 'long'])).rejects.toThrow('invalid');
});

test.each(names)('every file that %s links to exists', (name) => {
  for (const [, to = ''] of read(name).matchAll(/\]\(([^)#]+)(?:#[a-z0-9-]+)?\)/g))
    expect(existsSync(join(SHEETS, to)), to).toBe(true);
});

describe('npx tsx scripts/teaching.ts', () => {
  test('makes a page of each sheet; the two for students have two pages, boxes, and lines to write on', () => {
    const dir = tempDir();
    const args = ['--import', 'tsx', join(ROOT, 'scripts', 'teaching.ts'), dir];
    const said = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    const pages = names.map((name) => name.replace(/md$/, 'html'));
    expect(said.trim().split('\n')).toEqual(pages.map((name) => join(dir, name)));
    expect(readdirSync(dir).sort()).toEqual([...pages].sort());
    for (const sheet of ['handout', 'homework']) {
      const html = readFileSync(join(dir, `${sheet}.html`), 'utf8');
      expect(html.match(/<div class="page">/g)).toHaveLength(1);
      expect(html.match(/<div class="write">/g)?.length).toBeGreaterThan(7);
      expect(html.match(/☐&nbsp;/g)?.length).toBeGreaterThan(14);
      expect(html).toMatch(/<title>\w.*<\/title>/);
      expect(html).not.toMatch(/<hr|href=|☐ /);
    }
    const key = readFileSync(join(dir, 'key.html'), 'utf8');
    expect([...key.matchAll(/href="([^"]*)"/g)].map(([, to]) => to)).toEqual([
      'handout.html',
      'homework.html',
      'lab.html',
    ]);
  });
});
