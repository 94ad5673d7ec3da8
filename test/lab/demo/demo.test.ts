// The demo for real: processes, sockets, kill. Its results are as expected, it catches liars, and it leaves nothing behind.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event, Recorded } from '../../../src/core/event.ts';
import { numbered, runDemo } from '../../../src/lab/demo/demo.ts';
import type { Answer } from '../../../src/lab/demo/keys.ts';
import { recordOf } from '../../../src/lab/demo/play.ts';
import { STORIES } from '../../../src/lab/demo/stories.ts';
import { Stage } from '../../../src/lab/stage/stage.ts';
import { drawDiagram } from '../../../src/trace/diagram.ts';
import { essential } from '../../../src/trace/filter.ts';
import { merge } from '../../../src/trace/merge.ts';
import { readLog } from '../../../src/trace/read.ts';
import { relayRecord, rosterOf } from '../../../src/trace/roster.ts';
import { talk } from '../../harness.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let temp = '';
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'detour-demo-'));
});
afterEach(() => rmSync(temp, { recursive: true, force: true }));

/** Starts `detour demo` as a process that puts its files into `temp`. */
function start(...args: readonly string[]) {
  return talk(['demo', ...args], { TMPDIR: temp, TEMP: temp, TMP: temp });
}

describe('detour demo', () => {
  it('tells all stories without a question, with the expected verdicts, and leaves nothing behind', {
    tags: ['slow'],
  }, async () => {
    const run = start('--fast');
    expect(await run.ended, run.stdout).toBe(0);
    for (const { title, short } of STORIES) {
      expect(run.stdout).toContain(title);
      expect(run.stdout).toContain(short);
    }
    expect(run.stdout).toContain('All verdicts as expected; no process left over.');
    expect(run.stdout).not.toContain('\u001b');
    // The line to paste is as long as the path of this folder, and must not be broken.
    for (const line of run.stdout.split('\n').filter((each) => !each.includes('detour.mjs')))
      expect(line.length, line).toBeLessThanOrEqual(80);
    expect(readdirSync(temp)).toEqual([]);
  });

  it('tells one story by name or number, and as JSON', { tags: ['slow'] }, async () => {
    const log = join(temp, 'demo.log');
    const run = start('story', '2', '--json', '--log', log);
    expect(await run.ended, run.stdout).toBe(0);
    expect(readLog(log).events).toMatchObject([
      { event: 'started', actor: 'demo', argv: `demo story 2 --json --log ${shortened(log)}` },
      { event: 'scene', story: 'absent', route: 'direct', verdict: 'NOT_DELIVERED' },
      { event: 'scene', story: 'absent', route: 'detour', verdict: 'STORED' },
    ]);
    const lines: unknown[] = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      {
        event: 'scene',
        story: 'absent',
        route: 'direct',
        verdict: 'NOT_DELIVERED',
        exit: 10,
        shown: 0,
        faults: [],
      },
      { event: 'scene', story: 'absent', route: 'detour', verdict: 'STORED', exit: 0, shown: 0, faults: [] },
      { event: 'demo', ok: true, stories: 1 },
    ]);
    const none = start('nothing');
    expect(await none.ended).toBe(2);
    expect(none.stderr).toContain('there is no story "nothing"');
  });

  it.skipIf(process.platform !== 'linux').each(['SIGINT', 'SIGTERM'] as const)(
    'leaves no process and no file behind after %s',
    { tags: ['slow'] },
    async (signal) => {
      const run = start('--fast');
      const children = (): string[] =>
        readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, 'utf8')
          .split(' ')
          .filter(Boolean);
      await expect.poll(() => children().length, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
      const pids = children();
      run.child.kill(signal);
      expect(await run.ended).toBe(signal === 'SIGINT' ? 130 : 143);
      await expect.poll(() => pids.filter((pid) => isRunning(pid)), { timeout: 10_000 }).toEqual([]);
      expect(readdirSync(temp)).toEqual([]);
    },
  );
});

const shortened = (word: string): string => (word.length > 40 ? `${word.slice(0, 40)}…` : word);

// A process that has ended but was not waited for is a zombie: it is not running.
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Tells one story in this process. */
async function tell(name: string, program?: readonly string[], ask?: () => Promise<Answer>) {
  let output = '';
  const events: Event[] = [];
  const ok = await runDemo({
    stories: numbered().filter(({ story }) => story.name === name),
    columns: () => 80,
    paint: (_, text) => text,
    write: (text) => {
      output += text;
    },
    program,
    ask,
    emit: (event) => events.push(event),
  });
  return { ok, output, events };
}

describe('the demo', () => {
  it.each([
    ['early', 'RECEIVED before it had shown'],
    ['never', 'shown 0 times'],
    ['other', 'not what alice wrote'],
    ['twice', 'shown 2 times'],
    ['mute', 'only in its log'],
  ])('catches a bob that lies (%s)', { tags: ['slow'] }, async (lie, found) => {
    const { ok, output } = await tell('there', [process.execPath, here('liar.mjs'), lie]);
    expect(ok).toBe(false);
    const words = output
      .split('\n')
      .map((line) => line.slice(0, 38).trim())
      .join(' ');
    expect(`${words} ${output}`).toContain(found);
    expect(output).not.toContain('All verdicts as expected');
  });

  it('asks before it tells, says which guesses were right, and ends when it is told to', async () => {
    const answers: Answer[] = ['n', 'd'];
    const { ok, output, events } = await tell('absent', undefined, async () => answers.shift() ?? 'quit');
    expect(ok).toBe(true);
    expect(events).toEqual([
      { event: 'guess', story: 'absent', route: 'direct', guess: 'NOT_DELIVERED' },
      { event: 'guess', story: 'absent', route: 'detour', guess: 'STORED' },
      { event: 'scene', story: 'absent', route: 'direct', verdict: 'NOT_DELIVERED' },
      { event: 'scene', story: 'absent', route: 'detour', verdict: 'STORED' },
    ]);
    expect(output).toContain('direct: n      detour: d');
    expect(output).toContain('you said NOT DELIVERED: yes');
    expect(output).toContain('you said STORED: yes');
    expect(output).toMatch(/NOT DELIVERED +STORED +2\/2/);
    const none = await tell('absent', undefined, async () => 'quit');
    expect(none.output).not.toContain('DIRECT  synchronous');
  });

  it('waits for Enter after a story, and lays out the next one for the width that the window has then', {
    tags: ['slow'],
  }, async () => {
    const absent = numbered().filter(({ story }) => story.name === 'absent');
    let output = '';
    let width = 60;
    const shown: string[] = [];
    const answers: Answer[] = ['silence', 'd', 'skip', 'skip'];
    const ok = await runDemo({
      stories: [...absent, ...absent],
      columns: () => width,
      rows: () => 40,
      paint: (_, text) => text,
      write: (text) => {
        output += text;
      },
      busy: (text) => shown.push(text),
      ask: async () => {
        // The window is resized while the demo waits after the first story.
        if (answers.length === 2) width = 120;
        return answers.shift() ?? 'quit';
      },
    });
    expect(ok).toBe(true);
    expect(answers).toEqual([]);
    const [first = '', second = ''] = output.split('STORY 2 of 10').slice(1);
    for (const line of first.split('\n')) expect(line.length, line).toBeLessThanOrEqual(60);
    expect(second).toMatch(/DIRECT {2}synchronous +│ DETOUR {2}asynchronous/);
    // No question is asked any more, but the demo still waits.
    expect(output.match(/What will/g)).toHaveLength(1);
    expect(shown.filter((text) => text.includes('Enter'))).toEqual([
      ' Enter: next story · q quit · --fast never waits',
      ' Enter: the results · q quit · --fast never waits',
    ]);
    expect(shown.at(-1)).toBe('');
  });

  it('shows a story that is taller than the terminal page by page, and may be left in the middle', {
    tags: ['slow'],
  }, async () => {
    let output = '';
    const answers: Answer[] = ['skip', 'skip', 'skip', 'quit'];
    await runDemo({
      stories: numbered().filter(({ story }) => story.name === 'there'),
      columns: () => 60,
      rows: () => 10,
      paint: (_, text) => text,
      write: (text) => {
        output += text;
      },
      ask: async () => answers.shift() ?? 'quit',
    });
    expect(answers).toEqual([]);
    // Without a line that can be wiped away, the hint stays where it is.
    const pages = output.split(' Enter: more · q quit · --fast never waits\n');
    expect(pages).toHaveLength(3);
    for (const page of pages.slice(1, -1)) expect(page.trimEnd().split('\n').length).toBeLessThan(10);
    expect(output).toContain('All verdicts as expected; no process left over.');
  });

  it("plays stories in which each log agrees with the relay's, whoever is killed or cut off", {
    tags: ['slow'],
  }, async () => {
    for (const { name, detour } of STORIES) {
      if (!['killed', 'relay-killed', 'cable', 'later'].includes(name)) continue;
      const stage = new Stage();
      try {
        const { cast } = await detour.play(stage);
        await Promise.all(cast.map((actor) => actor.caughtUp()));
        const logs = cast.filter(({ log }) => existsSync(log)).map(({ log }) => readLog(log));
        const relays = logs.filter(({ events }) => events.some(isRelay));
        const [first] = relays;
        if (first === undefined) throw new Error(`${name} has no relay`);
        const relay = { ...first, events: relays.flatMap(({ events }) => events) };
        const rows = rosterOf(relayRecord(relay), logs);
        expect(
          rows.some(({ standing }) => standing === 'agrees'),
          name,
        ).toBe(true);
        for (const { standing, also, remarks, file } of rows)
          expect({ name, file, also, remarks, sound: SOUND.has(standing) }).toEqual({
            ...{ name, file, also: [], remarks: [], sound: true },
          });
      } finally {
        await stage.close();
      }
    }
  });

  it('draws nothing that is not in a log file', { tags: ['slow'] }, async () => {
    const scenes = STORIES.flatMap(({ name, direct, detour }) =>
      ['killed', 'later', 'cable', 'midway'].includes(name) ? [direct, detour] : [],
    );
    for (const scene of scenes) {
      if (scene === undefined) continue;
      const stage = new Stage();
      try {
        const { cast, places } = await scene.play(stage);
        const merged = merge(cast.map((actor) => recordOf(actor).recorded));
        const lines = cast.flatMap(({ log }) => readFileSync(log, 'utf8').trim().split('\n'));
        const logged = new Set(lines.map((line) => keyOf(JSON.parse(line))));
        const { rows } = drawDiagram(merged, { width: 80, lanes: scene.lanes, places, keep: essential });
        expect(rows.length).toBeGreaterThan(0);
        for (const { text, row: figure } of rows) {
          expect(figure.placed.length).toBeGreaterThan(0);
          for (const { recorded } of figure.placed) expect(logged).toContain(keyOf({ ...recorded }));
          // A recorded arrow is one frame, the same at both ends; the line of a connection has both ends, too.
          // An arrow that is cut in two, or that nobody received, is left open.
          if (/─►|◄─/.test(text) && !text.includes('…')) {
            expect(figure.placed.map(({ recorded }) => recorded.event).sort()).toEqual(['received', 'sent']);
            const [one, other] = figure.placed.map(({ recorded }) =>
              'verb' in recorded ? [recorded.verb, recorded.n] : [],
            );
            expect(one).toEqual(other);
          }
        }
      } finally {
        await stage.close();
      }
    }
  });
});

const isRelay = (one: Recorded): boolean => one.event === 'listening' && one.role === 'relay';
const SOUND: ReadonlySet<string> = new Set(['agrees', 'none', 'missing']);

const keyOf = ({ time, pid, actor, event, conn, n, verb }: Record<string, unknown>): string =>
  JSON.stringify([time, pid, actor, event, conn, n, verb]);
