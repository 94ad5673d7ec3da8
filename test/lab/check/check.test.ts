// `detour check` with real programs: it must grade right, be fair, and leave nothing behind.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  type CheckOptions,
  type CheckResult,
  exitCodeOf,
  ROLES,
  type Role,
  runCheck,
} from '../../../src/lab/check/run.ts';
import { runInside } from '../../cli/inside.ts';
import { LEFT_OUT } from '../../examples/python.ts';
import { MAIN, tempDir } from '../../harness.ts';
import { BUGS } from './bugs.ts';

const PROGRAMS = fileURLToPath(new URL('programs/', import.meta.url));

const check = (
  role: Role,
  command: readonly string[],
  more: Partial<CheckOptions> = {},
): Promise<CheckResult> => runCheck({ role, command, seed: 7, all: false, deadlineMs: 2000, ...more });
const node = (script: string): string[] => [process.execPath, '-e', script];
const python = (role: Role, bug = ''): string[] => [
  'env',
  `BUG=${bug}`,
  'PYTHONUNBUFFERED=',
  'PYTHONDONTWRITEBYTECODE=1',
  'python3',
  `${PROGRAMS}${role}.py`,
];
const stageOf = (role: Role, name: string): number =>
  ROLES[role].stages.findIndex((stage) => stage.name === name) + 1;
const faults = ({ stages }: CheckResult): string[] =>
  stages
    .filter(({ status }) => status !== 'ok' && status !== 'unchecked')
    .map(({ stage, status, problem, reason }) => `${stage.name} ${status}: ${problem?.came ?? reason}`);

/** A server in Node that says READY, and then does something else. @param begin what it does before it listens */
const server = (rest: string, begin = ''): string[] =>
  node(`${begin} require('net').createServer((s) => {
    s.on('error', () => {});
    s.write('READY version=1 role=receiver as=bob max=1048576 window=1\\n');
    ${rest}
  }).listen(process.env.DETOUR_PORT, process.env.DETOUR_HOST)`);

describe('a program that', () => {
  test('ends before it listens fails the first stage, and is not tried further', async () => {
    const { stages } = await check('receiver', node("console.error('no \\x1b[31midea'); process.exit(4)"), {
      all: true,
    });
    expect(stages[0]).toMatchObject({ status: 'failed', problem: { came: 'it ended with exit code 4' } });
    expect(stages[0]?.stderr).toContain('no ');
    expect(new Set(stages.slice(1).map(({ status }) => status))).toEqual(new Set(['skipped']));
  });

  test('ends and leaves a child that holds its output has ended', { tags: ['slow'] }, async () => {
    const child =
      "require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' }).unref()";
    const { stages } = await check('receiver', node(`${child}; process.exit(4)`));
    expect(stages[0]).toMatchObject({ status: 'failed', problem: { came: 'it ended with exit code 4' } });
  });

  test('floods its output instead of listening is ended', async () => {
    const { stages } = await check(
      'receiver',
      node("setInterval(() => process.stdout.write('x'.repeat(1e6)), 0)"),
    );
    expect(stages[0]).toMatchObject({
      status: 'failed',
      problem: { came: expect.stringContaining('more than 16 MiB') },
    });
  });

  test('cannot be started fails the first stage', async () => {
    const { stages } = await check('receiver', ['/nowhere/bob']);
    expect(stages[0]).toMatchObject({ status: 'failed', problem: { came: 'it could not be started' } });
  });

  test('floods its output is ended', async () => {
    const flood = "setInterval(() => process.stdout.write('x'.repeat(1e6)), 0);";
    // A busy computer needs longer for a flood.
    const { stages } = await check('receiver', server(flood), {
      only: stageOf('receiver', 'HELLO'),
      deadlineMs: 20_000,
    });
    expect(stages[0]).toMatchObject({
      status: 'failed',
      problem: { came: expect.stringContaining('more than 16 MiB') },
    });
  });

  test('leaves its process group is ended with its children', { tags: ['slow'] }, async () => {
    const file = join(tempDir(), 'pid');
    const child = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' }).pid`;
    const begin = `require('fs').writeFileSync(${JSON.stringify(file)}, String(${child}));`;
    await check('receiver', server('', begin), { only: 1 });
    const pid = Number(readFileSync(file, 'utf8'));
    expect(pid).toBeGreaterThan(0);
    if (process.platform === 'linux') expect(isRunning(pid)).toBe(false);
  });

  test('comes too late at its own deadline is tried once more, with a longer one', async () => {
    const sender = `const [host, port] = process.env.DETOUR_TO.split(':');
      require('net').connect(port, host, () => {
        const isLong = Number(process.env.DETOUR_TIMEOUT) > 1;
        console.log(isLong ? 'NOT DELIVERED' : 'UNKNOWN');
        process.exit(isLong ? 10 : 20);
      })`;
    const { stages } = await check('sender', node(sender), { only: stageOf('sender', 'MUTE') });
    expect(stages[0]?.status).toBe('ok');
  });

  test.skipIf(process.platform !== 'linux')(
    'does not stay frozen is not held to have been frozen',
    { tags: ['slow'] },
    async () => {
      const child = `setInterval(() => process.kill(' + process.pid + ', "SIGCONT"), 100)`;
      const begin = `require('child_process').spawn(process.execPath, ['-e', '${child}'], { env: {}, stdio: 'ignore' });`;
      const serves =
        "s.on('data', (d) => { const id = /id=(\\S+)/.exec(d); if (id) { process.stdout.write(d); s.write('RECEIVED id=' + id[1] + '\\n'); } });";
      const { stages } = await check('receiver', server(serves, begin), {
        only: stageOf('receiver', 'FROZEN'),
      });
      expect(stages[0]).toMatchObject({
        status: 'undecided',
        reason: expect.stringContaining('let it go on'),
      });
    },
  );

  test('answers before anybody can have read what it shows is found', async () => {
    const answers =
      "s.on('data', (d) => { const id = /id=(\\S+)/.exec(d); if (id) s.write('RECEIVED id=' + id[1] + '\\n'); process.stdout.write(d); });";
    const { stages } = await check('receiver', server(answers), { only: stageOf('receiver', 'SHOWN') });
    expect(stages[0]).toMatchObject({
      status: 'failed',
      problem: { expected: 'no answer until somebody reads it' },
    });
  });
});

function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  // A zombie has ended, and waits for its parent to notice.
  return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

describe.skipIf(LEFT_OUT !== '')(`programs in Python${LEFT_OUT}`, () => {
  test.each(Object.keys(ROLES) as Role[])('a correct %s passes', { tags: ['slow'] }, async (role) => {
    expect(faults(await check(role, python(role), { all: true }))).toEqual([]);
  });

  // One bug of each role, at its own stage. scripts/check.ts tries all of them, and the stages before.
  test.each([
    ['receiver', 'no-flush'],
    ['sender', 'fin-not-delivered'],
    ['collector', 'ack-above'],
    ['relay', 'dedup-in-memory'],
  ] as const)('a %s with the bug %s fails at its stage', { tags: ['slow'] }, async (role, bug) => {
    const only = stageOf(role, BUGS[role][bug] ?? '');
    expect((await check(role, python(role, bug), { only })).stages[0]?.status).toBe('failed');
    expect(faults(await check(role, python(role), { only }))).toEqual([]);
  });

  test('the same seed does the same', { tags: ['slow'] }, async () => {
    const only = stageOf('receiver', 'MESSAGE');
    const words = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const { stages } = await check('receiver', python('receiver', 'shows-nothing'), {
          only,
          seed,
          deadlineMs: 500,
        });
        return stages[0]?.problem?.sent;
      }),
    );
    expect(words[0]).toBe(words[1]);
    expect(words[0]).not.toBe(words[2]);
  });
});

describe('detour itself', () => {
  test('passes as a receiver', { tags: ['slow'] }, async () => {
    const own = [process.execPath, MAIN, 'sync', 'receive', '--port', '{port}', '--as', '{as}'];
    const result = await check('receiver', own, { all: true });
    expect(faults(result)).toEqual([]);
    expect(exitCodeOf(result.stages)).toBe(0);
  });
});

describe('detour check', () => {
  test('lists the stages', async () => {
    const { code, stdout } = await runInside(['check', 'relay', '--list']);
    expect(code).toBe(0);
    for (const { name } of ROLES.relay.stages) expect(stdout).toContain(` ${name} `);
  });

  test.each([
    [['check', 'receiver'], 'Which program?'],
    [['check', 'receiver', '--stage', 'NOTHING', '--', 'true'], 'no stage "NOTHING"'],
    [['check', 'nobody', '--', 'true'], 'is not a role'],
  ])('%j is wrong usage', async (args, says) => {
    const { code, stderr } = await runInside(args);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  test('shows what failed, how to repeat it, and writes the files', async () => {
    const dir = tempDir();
    const files = ['j.xml', 'g.json', 'c.csv'].map((file) => join(dir, file));
    const { code, stdout } = await runInside([
      ...['check', 'receiver', '--seed', '7', '--trace'],
      ...['--junit', files[0] ?? '', '--gradescope', files[1] ?? '', '--csv', files[2] ?? ''],
      ...['--', ...node('process.exit(4)')],
    ]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/1 READY .* FAILED/);
    expect(stdout).toMatch(/came +it ended with exit code 4/);
    expect(stdout.replace(/\s+/g, ' ')).toContain('detour check receiver --stage READY --seed 7 -- ');
    expect(stdout).toMatch(/· failed\n bob is your program\n/);
    for (const file of files) expect(readFileSync(file, 'utf8')).toContain('READY');
  });

  test.runIf(process.getuid?.() === 0)(
    '--user starts it as that user, who may write in its folder',
    async () => {
      const program = 'touch "$DETOUR_JOURNAL/x" && test "$(id -u)" = 65534 && exit 7; exit 8';
      const { stdout } = await runInside([
        ...['check', 'relay', '--stage', 'READY', '--user', 'nobody', '--', 'sh', '-c', program],
      ]);
      expect(stdout).toMatch(/came +it ended with exit code 7/);
    },
  );

  test('--user is for root, and for a user that there is', async () => {
    const { code, stderr } = await runInside(['check', 'relay', '--user', 'no such user', '--', 'true']);
    expect(code).toBe(2);
    expect(stderr).toContain(
      process.getuid?.() === 0 ? 'there is no user "no such user"' : '--user is for root',
    );
  });

  test('does not try a sender again that has not even connected', async () => {
    const starts = join(tempDir(), 'starts');
    const program = node(`require('fs').appendFileSync(${JSON.stringify(starts)}, 'x'); process.exit(4)`);
    expect((await runInside(['check', 'sender', '--all', '--', ...program])).code).toBe(1);
    expect(readFileSync(starts, 'utf8')).toBe('x');
  });

  test('--start writes a program that begins, and overwrites none', async () => {
    const file = join(tempDir(), 'bob.py');
    expect((await runInside(['check', 'receiver', '--start', file])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('DETOUR_PORT');
    expect((await runInside(['check', 'receiver', '--start', file])).code).toBe(2);
  });
});
