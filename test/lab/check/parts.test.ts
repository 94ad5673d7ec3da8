// The parts of `detour check` that need no process: frames, what strace wrote, what a relay promised, and the files for a teacher's tools.

import { describe, expect, test } from 'vitest';
import { PLAIN } from '../../../src/core/plain.ts';
import { type Frame, FrameReader, frame, frameText, NoFrame } from '../../../src/lab/check/frames.ts';
import { Ledger } from '../../../src/lab/check/ledger.ts';
import { type Happened, Recording, type Side } from '../../../src/lab/check/recording.ts';
import { readTrace } from '../../../src/lab/check/relay-sync.ts';
import { detailLines, stageLine } from '../../../src/lab/check/report.ts';
import { csvHead, csvRow, gradescope, junit, stageJson } from '../../../src/lab/check/results.ts';
import {
  type CheckResult,
  exitCodeOf,
  pointsOf,
  ROLES,
  type Role,
  type StageResult,
  type Status,
} from '../../../src/lab/check/run.ts';
import { drawDiagram } from '../../../src/trace/diagram.ts';
import { merge } from '../../../src/trace/merge.ts';

describe('frames', () => {
  test.each([1, 2, 3, 7, 1000])('are found in chunks of %i bytes', (size) => {
    const bytes = Buffer.concat([
      frame('PING'),
      frame('SEND id=1', 'a\nb'),
      frame('SEND id=2', ''),
      Buffer.from('X a=b\r\n'),
    ]);
    const reader = new FrameReader();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size));
      for (let next = reader.next(); next !== undefined; next = reader.next()) found.push(frameText(next));
    }
    expect(found).toEqual(['PING', 'SEND id=1 size=3⏎a⏎b', 'SEND id=2 size=0⏎', 'X a=b']);
  });

  test.each([
    ['two  spaces\n'],
    ['PING \n'],
    ['SEND id=1 id=2\n'],
    ['SEND size=01\n'],
    ['SEND size=2\nhello\n'],
    [`PING x=${'y'.repeat(1100)}`],
  ])('%j is none', (text) => {
    const reader = new FrameReader();
    reader.push(Buffer.from(text));
    expect(() => reader.next()).toThrow(NoFrame);
  });
});

describe('a stage that failed', () => {
  const stage = ROLES.receiver.stages[0];
  if (stage === undefined) throw new Error('a receiver has stages');
  const result: StageResult = {
    stage,
    n: 1,
    status: 'failed',
    ms: 5,
    problem: {
      sent: frameText({ verb: 'SEND', fields: new Map([['id', '1']]), body: Buffer.from('a\nb') }),
      expected: 'READY … max=BYTES',
      came: `a${String.fromCharCode(0xd7)}b⏎`,
      why: 'It must greet.',
    },
    stderr: '',
    events: [],
  };

  test('is told without signs in plain output, and no byte of the program becomes another', () => {
    expect(stageLine(result, PLAIN)).toBe(`1 ${stage.name} FAILED: ${stage.does}`);
    expect(detailLines(result, 'detour check', PLAIN).map((line) => line.trim())).toEqual([
      'sent      SEND id=1\\na\\nb',
      'expected  READY ... max=BYTES',
      'came      a\u00d7b\\n',
      `why       It must greet. PROTOCOL.md, "${stage.section}"`,
      'again     detour check',
    ]);
    expect(detailLines(result, 'detour check', 80)[0]).toContain('SEND id=1⏎a⏎b');
  });
});

describe('a diagram of a stage', () => {
  const drawn = (happen: (recording: Recording, conn: number) => void): string[] => {
    const recording = new Recording('bob');
    recording.add({ what: 'started', pid: 7 });
    const ends = { local: '127.0.0.1:50000', remote: '127.0.0.1:4101', rest: () => Buffer.alloc(0) };
    const conn = recording.connect({ name: 'alice', caller: 'check', ...ends });
    happen(recording, conn);
    const { rows } = drawDiagram(merge([recording.events()]), { width: 60 });
    return rows.map(({ text }) =>
      text
        .slice(7)
        .replace(/[─\s]+/g, ' ')
        .trim(),
    );
  };
  const said = (by: Side, conn: number, text: string): Happened => {
    const reader = new FrameReader();
    reader.push(Buffer.from(`${text}\n`));
    return { what: 'frame', conn, by, frame: reader.next() as Frame };
  };

  test('shows as read what was answered, and all before it', () => {
    const rows = drawn((recording, conn) => {
      recording.add(said('program', conn, 'READY version=1 role=receiver as=bob max=1 window=1'));
      recording.add(said('check', conn, 'HELLO version=1 as=alice'));
      recording.add(said('check', conn, 'SEND id=s1 size=2\nhi'));
      recording.add(said('program', conn, 'RECEIVED id=s1'));
      recording.add(said('check', conn, 'SEND id=s2 size=2\nhi'));
      recording.add({ what: 'killed', pid: 7 });
      recording.add({ what: 'RST', conn, by: 'program' });
    });
    expect(rows).toEqual([
      '├ connected from :50000 ┤',
      '│◄ READY role=receiver as=bob ┤',
      '├ HELLO as=alice ►│',
      '├ SEND s1 size=2 ►│',
      '│◄ RECEIVED s1 ┤',
      '├ SEND s2 size=2 … │',
      '│ × KILLED',
      '│◄- - - - - - - - - - ECONNRESET',
    ]);
  });

  test('knows the program and its connections, however much has happened', () => {
    const recording = new Recording('bob');
    recording.add({ what: 'started', pid: 7 });
    const ends = { local: '127.0.0.1:50000', remote: '127.0.0.1:4101', rest: () => Buffer.alloc(0) };
    const conn = recording.connect({ name: 'alice', caller: 'check', ...ends });
    for (let count = 0; count < 12_000; count += 1) recording.add(said('program', conn, 'PONG'));
    const events = recording.events();
    expect(events.length).toBeLessThan(12_000);
    expect(new Set(events.filter(({ actor }) => actor === 'bob').map(({ pid }) => pid))).toEqual(
      new Set([7]),
    );
    expect(events.filter(({ event }) => event === 'connected')).toHaveLength(1);
  });

  test('shows as read after a freeze what came during it, and of a kernel alone no program', () => {
    const rows = drawn((recording, conn) => {
      recording.add({ what: 'frozen', pid: 7 });
      recording.add(said('check', conn, 'PING'));
      recording.add({ what: 'thawed', pid: 7 });
      recording.add(said('program', conn, 'PONG'));
    });
    expect(rows.filter((row) => row.includes('PING'))).toHaveLength(1);
    expect(rows.findIndex((row) => row.includes('FROZEN'))).toBeLessThan(
      rows.findIndex((row) => row.includes('thawed')),
    );
    const alone = drawn(() => {});
    expect(alone).toEqual(['├- - - connected from :50000 - - -·']);
  });
});

describe('what strace saw', () => {
  const said = (id: string): string =>
    `11 sendto(9<socket:[1]>, "STORED id=${id} seq=1 present=no\\n", 30, 0, NULL, 0) = 30`;

  test.each([
    ['an fdatasync', ['11 write(5</j>, "x", 1) = 1', '11 fdatasync(5</j>) = 0'], true],
    [
      'one that was interrupted',
      ['12 fsync(5</j> <unfinished ...>', '11 read(3) = 1', '12 <... fsync resumed>) = 0'],
      true,
    ],
    ['one that failed', ['11 fsync(5</j>) = -1 EIO (Input/output error)'], false],
    ['one that has not returned', ['12 fsync(5</j> <unfinished ...>'], false],
    ['a write alone', ['11 write(5</j>, "x", 1) = 1'], false],
    [
      'a write to a file opened O_DSYNC',
      ['11 openat(AT_FDCWD, "/j", O_RDWR|O_DSYNC) = 5</j>', '11 pwrite64(5</j>, "x", 1, 0) = 1'],
      true,
    ],
    [
      'a write to another file',
      ['11 openat(AT_FDCWD, "/j", O_RDWR|O_SYNC) = 5</j>', '11 write(6</k>, "x", 1) = 1'],
      false,
    ],
  ])('%s before STORED', (_, lines, synced) => {
    expect(readTrace([...lines, said('a')].join('\n'), ['a'])).toEqual([{ said: true, synced }]);
  });

  test('a sync before the message has come does not count', () => {
    const came = (call: string): string => `11 ${call}"SEND id=a to=bob size=2\\nhi\\n", 65536) = 30`;
    for (const call of ['read(9<socket:[1]>, ', '<... recvfrom resumed>']) {
      expect(readTrace(['11 fsync(5</j>) = 0', came(call), said('a')].join('\n'), ['a'])).toEqual([
        { said: true, synced: false },
      ]);
      expect(readTrace([came(call), '11 fsync(5</j>) = 0', said('a')].join('\n'), ['a'])).toEqual([
        { said: true, synced: true },
      ]);
    }
  });

  test('a sync counts for one answer', () => {
    expect(readTrace(['11 fsync(5</j>) = 0', said('a'), said('b')].join('\n'), ['a', 'b', 'c'])).toEqual([
      { said: true, synced: true },
      { said: true, synced: false },
      { said: false, synced: false },
    ]);
  });
});

describe('what a relay promised', () => {
  const mail = (id: string, seq: number, body: string, attempt = 1) => ({
    verb: 'MESSAGE',
    fields: new Map([
      ['id', id],
      ['seq', String(seq)],
      ['attempt', String(attempt)],
    ]),
    body: Buffer.from(body),
  });

  test('is kept if each comes once, by its number', () => {
    const ledger = new Ledger();
    ledger.stored(ledger.add('a', 'bob', 'one'), 1);
    ledger.stored(ledger.add('b', 'bob', 'two'), 2);
    ledger.add('c', 'bob', 'never answered');
    ledger.received('bob', mail('a', 1, 'one'));
    ledger.received('bob', mail('a', 1, 'one', 2));
    ledger.received('bob', mail('b', 2, 'two'));
    expect(ledger.problem()).toBeUndefined();
    expect([ledger.sent, ledger.open]).toEqual([3, 1]);
  });

  const broken: readonly (readonly [what: string, act: (ledger: Ledger) => void, came: RegExp])[] = [
    ['lost', (ledger) => ledger.stored(ledger.add('a', 'bob', 'one'), 1), /lost: 1 of 1 acknowledged: ids a/],
    [
      'stored under a number that was used',
      (ledger) => {
        ledger.stored(ledger.add('a', 'bob', 'one'), 1);
        ledger.stored(ledger.add('b', 'bob', 'two'), 1);
        ledger.received('bob', mail('a', 1, 'one'));
        ledger.received('bob', mail('b', 1, 'two'));
      },
      /seq=1/,
    ],
    [
      'delivered twice',
      (ledger) => {
        ledger.stored(ledger.add('a', 'bob', 'one'), 1);
        ledger.received('bob', mail('a', 1, 'one'));
        ledger.received('bob', mail('a', 2, 'one'));
      },
      /a as number 1, and as number 2/,
    ],
    [
      'changed',
      (ledger) => {
        ledger.stored(ledger.add('a', 'bob', 'one'), 1);
        ledger.received('bob', mail('a', 1, 'ONE'));
      },
      /another body/,
    ],
    [
      'said to be new when it is not',
      (ledger) => {
        ledger.stored(ledger.add('a', 'bob', 'one'), 1);
        ledger.received('bob', mail('a', 1, 'one'));
        ledger.received('bob', mail('a', 1, 'one'));
      },
      /attempt=1/,
    ],
  ];
  test.each(broken)('is broken if a message is %s', (_, act, came) => {
    const ledger = new Ledger();
    act(ledger);
    expect(ledger.problem()?.came).toMatch(came);
  });
});

describe('the result', () => {
  const of = (role: Role, statuses: readonly Status[]): CheckResult => ({
    role,
    command: ['bob'],
    seed: 7,
    stages: statuses.flatMap((status, index): StageResult[] => {
      const stage = ROLES[role].stages[index];
      const problem = { expected: 'a < b', came: '\x1b[31m"& \x00', why: 'No.' };
      return stage === undefined
        ? []
        : [
            {
              stage,
              n: index + 1,
              status,
              ms: 1,
              stderr: 'oh\x1b[2J',
              events: [],
              ...(status === 'failed' ? { problem } : {}),
            },
          ];
    }),
  });

  test.each([
    [['ok', 'ok'], 0],
    [['ok', 'unchecked'], 0],
    [['ok', 'undecided'], 3],
    [['undecided', 'failed', 'skipped'], 1],
  ] as const)('of %j is exit code %i', (statuses, code) => {
    expect(exitCodeOf(of('receiver', statuses).stages)).toBe(code);
  });

  test('counts points, and leaves out what could not be checked', () => {
    expect(pointsOf(of('receiver', ['ok', 'failed', 'unchecked']).stages)).toEqual({ points: 1, of: 2 });
  });

  test('has nothing that a terminal or an XML reader would obey', () => {
    const result = of('receiver', ['failed', 'undecided', 'skipped']);
    const texts = [junit(result), gradescope(result), ...result.stages.map(stageJson)];
    for (const text of texts) for (const control of ['\u0000', '\u001b']) expect(text).not.toContain(control);
    expect(junit(result)).toContain('failures="1" errors="1" skipped="1"');
    expect(junit(result)).toContain('a &lt; b');
  });

  test('for Gradescope has a score for each stage', () => {
    const { tests } = JSON.parse(gradescope(of('receiver', ['ok', 'failed', 'unchecked'])));
    expect(tests).toHaveLength(2);
    expect(tests[0]).toMatchObject({ score: 1, max_score: 1, status: 'passed', visibility: 'visible' });
    expect(tests[1]).toMatchObject({ score: 0, max_score: 1, status: 'failed' });
  });

  test('as a table has a column for each stage, and no formulas', () => {
    expect(csvHead('collector').split(',')).toHaveLength(6 + ROLES.collector.stages.length);
    const row = csvRow('=1+1"', of('collector', ['ok', 'failed']));
    expect(row).toMatch(/^"'=1\+1""","1","4","1","1","MESSAGE","ok","FAILED",/);
  });
});

test('the stages of a role have different names, and sections that PROTOCOL.md has', async () => {
  const { readFile } = await import('node:fs/promises');
  const protocol = await readFile(new URL('../../../src/wire/PROTOCOL.md', import.meta.url), 'utf8');
  for (const { stages } of Object.values(ROLES)) {
    expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length);
    for (const { section } of stages) expect(protocol).toMatch(new RegExp(`^##+ ${section}$`, 'm'));
  }
});
