// `detour compare` for real: processes, sockets, kill. Short runs. The counts must add up, whatever they are; nothing is left over; and a bob
// that lies, or a sender that fails, is caught.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AVAILABILITIES,
  type CompareOptions,
  type Report,
  runCompare,
} from '../../../src/lab/compare/run.ts';
import { Sender, STRATEGIES } from '../../../src/lab/compare/sender.ts';
import { drawSvg } from '../../../src/lab/compare/svg.ts';
import { Interruption, Timeline } from '../../../src/lab/compare/timeline.ts';
import { Stage } from '../../../src/lab/stage/stage.ts';
import { talk } from '../../harness.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let temp = '';
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'detour-compare-'));
});
afterEach(() => rmSync(temp, { recursive: true, force: true }));

/** Starts `detour compare` as a process that puts its files into `temp`. */
function start(...args: readonly string[]) {
  return talk(['compare', ...args], { TMPDIR: temp, TEMP: temp, TMP: temp, NO_COLOR: '1' });
}

const OPTIONS: CompareOptions = {
  messages: 10,
  absence: 500,
  retry: 125,
  seed: 5,
  killSender: false,
  availabilities: [0.5],
};

/** What must hold for every run, however it went. */
function addsUp({ rows, checks, leftOver }: Report, messages: number): void {
  for (const row of rows) {
    const { first, handled, notDelivered, tries, twice, unknownHandled, unknownTries, each, lost } = row;
    expect(row.messages).toBe(messages);
    expect(each.filter((ms) => ms !== undefined)).toHaveLength(handled);
    expect(first).toBeLessThanOrEqual(handled);
    expect(twice).toBeLessThanOrEqual(handled);
    expect(handled + notDelivered).toBeLessThanOrEqual(messages);
    expect(handled + lost).toBeLessThanOrEqual(messages);
    expect(unknownHandled).toBeLessThanOrEqual(unknownTries);
    expect(tries).toBeGreaterThanOrEqual(messages - lost);
    if (row.strategy !== 'again') expect(tries).toBe(messages);
    expect(row.present).toBeGreaterThanOrEqual(0);
    expect(row.present).toBeLessThanOrEqual(1);
  }
  for (const { low, high, measured } of checks) {
    expect(low).toBeLessThanOrEqual(measured);
    expect(measured).toBeLessThanOrEqual(high);
  }
  expect(leftOver).toEqual([]);
}

describe('a short comparison', () => {
  it('adds up: what bob handled, what was not delivered, what is unknown; and everything arrives for the strategies that wait', {
    tags: ['slow'],
  }, async () => {
    const report = await runCompare({ ...OPTIONS, messages: 20, availabilities: [1, 0.5, 0] });
    addsUp(report, 20);
    expect(report.faults).toEqual([]);
    expect(report.rows.map(({ availability, strategy }) => [availability, strategy])).toEqual(
      [1, 0.5, 0].flatMap((availability) => STRATEGIES.map((strategy) => [availability, strategy])),
    );
    const of = (availability: number, strategy: string) =>
      report.rows.find((row) => row.availability === availability && row.strategy === strategy);
    for (const strategy of STRATEGIES) {
      expect(of(1, strategy)).toMatchObject({ first: 20, handled: 20, present: 1, unknown: 0, absences: [] });
      expect(of(0, strategy)).toMatchObject({ first: 0, handled: 0, present: 0, settled: false });
    }
    // Of what was tried once, each message is one of three; an UNKNOWN one may have been handled, too.
    const once = of(0.5, 'once');
    expect(
      (once?.handled ?? 0) + (once?.notDelivered ?? 0) + (once?.unknown ?? 0) - (once?.unknownHandled ?? 0),
    ).toBe(20);
    expect(of(0.5, 'again')).toMatchObject({ handled: 20, notDelivered: 0 });
    expect(of(0.5, 'relay')).toMatchObject({ handled: 20, notDelivered: 0 });
    expect(of(0, 'once')).toMatchObject({ notDelivered: 20 });
    expect(of(0, 'again')).toMatchObject({ unknown: 0, notDelivered: 20 });
    expect(of(0, 'relay')).toMatchObject({ notDelivered: 0 });
    expect(of(0.5, 'once')?.absences.length).toBeGreaterThan(0);
    expect(report.hop?.direct).toBeGreaterThan(0);
    // It is one picture, with only numbers.
    const svg = drawSvg(report, 'detour compare & <more>');
    expect(svg).not.toMatch(/NaN|Infinity|undefined|& |<more/);
    expect(svg.match(/<svg/g)).toHaveLength(1);
  });

  it('--kill-sender: what the sender kept is lost with it, what the relay has is not', {
    tags: ['slow'],
  }, async () => {
    const report = await runCompare({ ...OPTIONS, messages: 20, availabilities: [0], killSender: true });
    addsUp(report, 20);
    expect(report.faults).toEqual([]);
    const [once, again, relay] = report.rows;
    // Strategies that keep nothing lose only what was under way, which got no verdict.
    expect(once?.lost).toBe(20 - (once?.verdicts ?? 0));
    expect(relay?.lost).toBeLessThanOrEqual(20 - (relay?.verdicts ?? 0));
    expect(report.rows.map(({ killed }) => killed)).toEqual([true, true, true]);
    // Nobody came, so the sender still had everything that had arrived by then.
    const half = report.rows[1]?.messages ?? 0;
    expect(again?.lost).toBeGreaterThan(0);
    expect(again?.lost).toBeLessThan(half);
  });

  it('catches a bob that says RECEIVED for what he handles later, or never', { tags: ['slow'] }, async () => {
    const program = [process.execPath, here('liar.mjs')];
    const report = await runCompare({ ...OPTIONS, availabilities: [1], program });
    expect(report.faults.length).toBe(20);
    expect(report.faults[0]).toMatch(/100 %: once, message \d+: DELIVERED, but bob had not handled it/);
  });

  it('catches a sender that never gives a verdict on a message', async () => {
    const stage = new Stage({ program: [process.execPath, '-e', 'process.stdin.resume()', '--'] });
    try {
      const sender = new Sender(
        'again',
        stage,
        'again',
        [],
        new Timeline(stage.clock, new Interruption()),
        false,
      );
      sender.arrive();
      await sender.close();
      expect(sender.fault).toBe('the sender (again) never gave a verdict on 1 of its messages');
      expect(sender.tries).toMatchObject([{ message: 0 }]);
    } finally {
      await stage.close();
    }
  });

  it('uses 127.0.0.1 if there is no other loopback address', { tags: ['slow'] }, async () => {
    const program = [process.execPath, here('plain.mjs')];
    const report = await runCompare({ ...OPTIONS, availabilities: [1], program });
    addsUp(report, 10);
    expect(report.rows.map(({ handled }) => handled)).toEqual([10, 10, 10]);
  });

  it('ends when everything is done, not at the next round', { tags: ['slow'] }, async () => {
    const report = await runCompare({ ...OPTIONS, availabilities: [1], retry: 3_600_000 });
    addsUp(report, 10);
    expect(report.rows.map(({ handled, settled }) => [handled, settled])).toEqual(Array(3).fill([10, true]));
  });

  it('accepts that a relay ends on the same Ctrl-C; otherwise it reports that the relay is missing', async () => {
    const gone = { ...OPTIONS, program: [process.execPath, '-e', 'process.exit(130)', '--'] };
    const report = await runCompare({ ...gone, interruptible: (stop) => stop() });
    expect(report).toMatchObject({ interrupted: true, rows: [], faults: [] });
    await expect(runCompare(gone)).rejects.toThrow(/no event listening/);
  });

  it('stops when it is told to, with what it has so far', { tags: ['slow'] }, async () => {
    let stop: () => void = () => {};
    const report = await runCompare({
      ...OPTIONS,
      messages: 200,
      availabilities: [1, 0.5],
      interruptible: (call) => {
        stop = call;
      },
      progress: (done) => done >= 1 && stop(),
    });
    expect(report.interrupted).toBe(true);
    expect(report.rows).toHaveLength(3);
    expect(report.rows[0]?.messages).toBeLessThan(200);
    expect(report.leftOver).toEqual([]);
  });
});

describe('detour compare', () => {
  it('shows two tables and a plot in 80 columns, draws the picture, leaves nothing behind', {
    tags: ['slow'],
  }, async () => {
    const svg = join(temp, 'a.svg');
    const run = start('--messages', '5', '--cycle', '500ms', '--seed', '3', '--svg', svg);
    expect(await run.ended, run.stdout + run.stderr).toBe(0);
    expect(run.stderr).toContain('detour compare --seed 3 --messages 5 --cycle 500ms');
    for (const words of [
      'HANDLED BY BOB',
      'sync again',
      'async relay',
      'never',
      'detour compare --why',
      'all hold',
    ])
      expect(run.stdout).toContain(words);
    for (const line of run.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(run.stdout).not.toMatch(/NaN|undefined|Infinity/);
    expect(readFileSync(svg, 'utf8')).toContain('detour compare --seed 3');
    expect(readdirSync(temp)).toEqual(['a.svg']);
  });

  it('--json: one line for each strategy at each availability, and one at the end', {
    tags: ['slow'],
  }, async () => {
    const run = start('--messages', '5', '--cycle', '500ms', '--seed', '3', '--json');
    expect(await run.ended, run.stdout + run.stderr).toBe(0);
    const lines = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(AVAILABILITIES.length * STRATEGIES.length + 1);
    expect(lines.at(-1)).toMatchObject({ event: 'compare', ok: true, seed: 3, messages: 5 });
    expect(lines[0]).toMatchObject({
      event: 'cell',
      availability: 1,
      strategy: 'once',
      messages: 5,
      handled: 5,
    });
    expect(run.stderr).toBe('');
  });

  it.skipIf(process.platform === 'win32')(
    'Ctrl-C prints what there is so far; no process and no file is left',
    { tags: ['slow'] },
    async () => {
      const svg = join(temp, 'a.svg');
      const run = start('--messages', '50', '--seed', '3', '--svg', svg);
      const deadline = performance.now() + 60_000;
      // The calm has begun when bob's mailbox exists; it lasts some seconds more.
      const began = (): boolean => readdirSync(temp).some((name) => handled(join(temp, name)));
      while (!began() && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 50));
      run.child.kill('SIGINT');
      expect(await run.ended, run.stdout + run.stderr).toBe(130);
      expect(run.stdout).toContain('Stopped before its end. The results so far:');
      expect(run.stdout).toMatch(/100 % +sync once +\d+/);
      expect(run.stdout).toMatch(/ Stopped early: [^.]* messages a line\./);
      expect(run.stdout).not.toMatch(/NaN|undefined|Infinity/);
      expect(readFileSync(svg, 'utf8')).toContain('STOPPED before its end.');
      expect(readdirSync(temp)).toEqual(['a.svg']);
    },
  );

  it.skipIf(process.platform === 'win32')(
    'Ctrl-C before anything was measured leaves an existing picture alone, and makes no new one',
    { tags: ['slow'], timeout: 120_000 },
    async () => {
      writeFileSync(join(temp, 'old.svg'), 'the old picture');
      for (const name of ['old.svg', 'new.svg']) {
        const run = start('--svg', join(temp, name));
        const staged = (): boolean =>
          readdirSync(temp).some((one) => existsSync(join(temp, one, '1-relay.log')));
        await expect.poll(staged, { timeout: 60_000 }).toBe(true);
        run.child.kill('SIGINT');
        expect(await run.ended, run.stdout + run.stderr).toBe(130);
        expect(run.stdout).toBe(
          `Stopped before anything was measured. ${join(temp, name)} was not written.\n`,
        );
        expect(readdirSync(temp)).toEqual(['old.svg']);
        expect(readFileSync(join(temp, 'old.svg'), 'utf8')).toBe('the old picture');
      }
    },
  );

  it('--why derives the theory in 80 columns, and starts nothing', async () => {
    const run = start('--why');
    expect(await run.ended).toBe(0);
    for (const words of ['(1 - a) D', 'Little', 'Wilson', 'memory']) expect(run.stdout).toContain(words);
    // D = 1 s, R = 250 ms.
    expect(run.stdout).toMatch(/90 % +100ms +114ms\n +50 % +500ms +630ms\n +10 % +900ms +2\.41s/);
    for (const line of run.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(readdirSync(temp)).toEqual([]);
  });
});

// Has a message that counts been handled on this stage?
function handled(dir: string): boolean {
  if (!existsSync(dir)) return false;
  return readdirSync(dir)
    .filter((name) => name.endsWith('-bob.log'))
    .some((name) => readFileSync(join(dir, name), 'utf8').includes('"text":"m3"'));
}
