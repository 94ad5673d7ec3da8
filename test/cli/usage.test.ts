// Wrong usage of every command: each flag with nonsense, the two modes mixed up, unusable addresses and files. Each time there is one clear
// sentence on stderr, nothing on stdout, and the exit code of wrong usage (2), or of what only the run could find out (1).

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { VERSION } from '../../src/wire/verbs.ts';
import { RawClient, runCli, start, tempDir } from '../harness.ts';
import { runInside } from './inside.ts';
import { judge, type Run, wrongInside, wrongOf } from './several.ts';

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'sync send': [
    '--to',
    '--as',
    '--timeout',
    '--patient',
    '--heartbeat',
    '--lines',
    '--ladder',
    '--count',
    '--json',
    '--log',
  ],
  'sync receive': ['--as', '--host', '--port', '--reply', '--echo', '--work', '--count', '--json', '--log'],
  'async relay': [
    '--host',
    '--port',
    '--journal',
    '--max-disk',
    '--salvage',
    '--fresh',
    '--yes',
    '--json',
    '--log',
  ],
  'async send': [
    '--to',
    '--as',
    '--relay',
    '--timeout',
    '--patient',
    '--heartbeat',
    '--ttl',
    '--wait',
    '--id',
    '--lines',
    '--ladder',
    '--count',
    '--json',
    '--log',
  ],
  'async receive': [
    '--as',
    '--relay',
    '--timeout',
    '--heartbeat',
    '--work',
    '--follow',
    '--count',
    '--json',
    '--log',
  ],
  'async list': ['--relay', '--timeout', '--after', '--limit', '--json', '--log'],
  'async status': ['--relay', '--timeout', '--watch', '--json', '--log'],
  link: [
    '--host',
    '--listen',
    '--to',
    '--latency',
    '--jitter',
    '--rate',
    '--slice',
    '--limit',
    '--chance',
    '--seed',
    '--script',
    '--json',
    '--log',
  ],
  demo: ['--fast', '--json', '--log'],
  board: ['--port', '--host', '--story'],
  check: [
    ...['--stage', '--all', '--list', '--seed', '--trace', '--deadline', '--start', '--each', '--user'],
    ...['--json', '--junit', '--gradescope', '--csv'],
  ],
  compare: ['--messages', '--cycle', '--retry', '--seed', '--kill-sender', '--svg', '--why', '--json'],
  explain: ['--json'],
  trace: ['--last', '--id', '--brief', '--width', '--json', '--roster', '--csv'],
  journal: ['--port', '--follow', '--check', '--json'],
  doctor: ['--relay', '--to', '--journal', '--timeout', '--json', '--log'],
};

// A nonsense value for each flag that takes one, and what the error says. `--to` is an address in one mode and a name in the other.
const NONSENSE: Readonly<Record<string, readonly [value: string, says: RegExp]>> = {
  '--to': ['b b', /is not (an address|a name)/],
  '--as': ['Bob', /is not a name: .* Try bob\./],
  '--timeout': ['soon', /is not a valid duration/],
  '--heartbeat': ['0.5s', /whole seconds: 1s to 1h/],
  '--count': ['0', /is not a count/],
  '--log': ['', /it is empty/],
  '--host': ['127.0.0.1:4100', /not an address to listen on.*--port/],
  '--port': ['65536', /is not a port/],
  '--work': ['8', /Did you mean 8s\?/],
  '--journal': ['', /it is empty/],
  '--relay': ['relay', /is a name, but an address is needed here/],
  '--ttl': ['1.5s', /whole seconds/],
  '--wait': ['0s', /at least 1ms/],
  '--id': ['a b', /[Ii]d/],
  '--last': ['0', /above 0/],
  '--listen': ['x', /is not a port/],
  '--latency': ['200', /Did you mean 200s\?/],
  '--jitter': ['-1s', /is not a valid duration/],
  '--rate': ['64kb/s', /is not a speed: write 500B\/s/],
  '--slice': ['0', /is not a count/],
  '--limit': ['0', /is not a count/],
  '--chance': ['10', /is not a chance: write 10%/],
  '--seed': ['x', /is not a count/],
  '--script': ['', /it is empty/],
  '--width': ['wide', /above 0/],
  '--messages': ['1001', /give 5 to 1000 messages/],
  '--cycle': ['100ms', /give 500ms to 1m: bob is a real process/],
  '--retry': ['1ms', /give 20ms to 1m/],
  '--svg': ['', /it is empty/],
};

test('every flag of every command with nonsense', { tags: ['slow'] }, async () => {
  const runs: Run[] = Object.entries(COMMANDS).flatMap(([command, flags]) =>
    flags.flatMap((flag) => {
      const nonsense = NONSENSE[flag];
      if (nonsense === undefined) return [];
      return [{ args: [...command.split(' '), flag, nonsense[0], 'x'], code: 2, says: nonsense[1] }];
    }),
  );
  expect(runs.length).toBeGreaterThan(30);
  expect(await wrongInside(runs)).toEqual([]);
});

// The others are checked inside this process.
test('in a process of its own: the exit code and the streams of help, of a flag with nonsense, and of a command that is refused', async () => {
  expect(
    await wrongOf([
      { args: ['sync', 'send', '--help'], code: 0, says: /^$/, prints: /^Usage: detour sync send/ },
      { args: ['sync', 'send', '--as', 'Bob', 'hi'], code: 2, says: /is not a name: .* Try bob\./ },
      { args: ['send', 'hi'], code: 2, says: /Which route\?/ },
      { args: ['explain', 'ECONREFUSED'], code: 2, says: /did you mean ECONNREFUSED/ },
    ]),
  ).toEqual([]);
});

test('the table of flags above is what --help shows', async () => {
  for (const [command, flags] of Object.entries(COMMANDS)) {
    const { code, stdout } = await runInside([...command.split(' '), '--help']);
    const shown = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z]+(?:-[a-z]+)*)/gm)].map(([, flag]) => flag);
    expect([command, code, ...shown]).toEqual([command, 0, ...flags, '--plain', '--help']);
    // A default is written as a person would type it.
    expect(stdout).not.toMatch(/default: (?:\{|10000)/);
  }
});

test('the table of flags above has every command, and README.md names each', () => {
  const file = (path: string): URL => new URL(`../../${path}`, import.meta.url);
  const commands = readdirSync(file('src/cli/commands')).map((name) =>
    name.replace('.ts', '').replace('-', ' '),
  );
  expect(Object.keys(COMMANDS).sort()).toEqual(commands.sort());
  const [, chapter = ''] = readFileSync(file('README.md'), 'utf8').split('\n## Commands\n');
  for (const command of commands) expect(chapter.split('\n## ')[0]).toContain(`detour ${command} `);
});

test('the modes mixed up, and other slips', async () => {
  const usage = (says: RegExp, ...args: string[]): Run => ({ args, code: 2, says });
  expect(
    await wrongInside([
      usage(
        /an address is needed here.*In sync mode you send to an address/,
        'sync',
        'send',
        '--to',
        'bob',
        'hi',
      ),
      usage(
        /is an address, but a name is needed here, such as bob. The address of the relay is given with --relay 127.0.0.1:4100/,
        'async',
        'send',
        '--to',
        '127.0.0.1:4100',
        'hi',
      ),
      usage(/--relay 10.0.0.5/, 'async', 'send', '--to', '10.0.0.5', 'hi'),
      usage(/In async mode you send to a name/, 'async', 'send', '--to', 'bob.example', 'hi'),
      usage(/Which route\? `detour sync send`.*`detour async send`/, 'send'),
      usage(/Which route\?/, 'send', '--to', 'bob', 'hello'),
      usage(/Which route\? `detour sync receive`/, 'receive', '--as', 'bob'),
      usage(/detour async relay/, 'relay', '--port', '4100'),
      usage(/detour async status/, 'status'),
      usage(/unknown command 'sned'.*Did you mean send/, 'sync', 'sned', 'hi'),
      usage(/unknown command 'relay'/, 'sync', 'relay'),
      usage(/unknown command/, 'bogus'),
      usage(/unknown option '--ttl'/, 'sync', 'send', '--ttl', '1m', 'hi'),
      usage(/unknown option '--relay'/, 'sync', 'send', '--relay', '127.0.0.1:4100', 'hi'),
      usage(/too many arguments/, 'async', 'receive', 'bob'),
      usage(/argument missing/, 'sync', 'send', '--to'),
      usage(/Usage: detour/),
      usage(/Usage: detour sync/, 'sync'),
      usage(/'--why' cannot be used with option '--svg/, 'compare', '--why', '--svg', 'plot.svg'),
      usage(/'--why' cannot be used with option '--seed/, 'compare', '--why', '--seed', '1'),
      usage(/'--why' cannot be used with option '--messages/, 'compare', '--why', '--messages', '5'),
      usage(/take 184 minutes; the limit is 30/, 'compare', '--messages', '1000', '--cycle', '1m'),
      usage(/--reply or --echo/, 'sync', 'receive', '--reply', 'a', '--echo'),
      usage(/--follow or --count/, 'async', 'receive', '--follow', '--count', '2'),
      usage(/neither --id nor --wait/, 'async', 'send', '--count', '2', '--id', 'a', 'hi'),
      usage(/neither --id nor --wait/, 'async', 'send', '--count', '2', '--wait', '--', 'hi'),
      usage(/--id is for one message/, 'async', 'send', '--id', 'a', '--lines'),
      usage(/--lines reads the messages from standard input/, 'sync', 'send', '--lines', 'hi'),
      usage(/--count is for one message/, 'sync', 'send', '--lines', '--count', '2'),
      usage(/no story "99"; choose one of/, 'demo', '99'),
      usage(/no story "99"\s+try +choose one of: 1 there, 2 absent/, 'board', '--story', '99'),
      usage(/--story is for a stage, but log files are given/, 'board', '--story', '1', 'bob.log'),
      usage(
        /unknown option '--log' of detour board\s+try +give the files alone/,
        'board',
        '--log',
        'bob.log',
      ),
      usage(/is not a count/, 'compare', '--messages', 'many'),
      usage(/Did you mean 2s/, 'compare', '--cycle', '2'),
      usage(/give 500ms to 1m/, 'compare', '--cycle', '2m'),
      usage(/is not a valid duration/, 'compare', '--retry', '-1s'),
      usage(/too many arguments/, 'compare', 'everything'),
      usage(/no entry NOPE/, 'explain', 'NOPE'),
      usage(/did you mean ECONNREFUSED/, 'explain', 'ECONREFUSED'),
      usage(/missing required argument/, 'trace'),
      // --json keeps stdout for events: what is wrong is said on stderr.
      usage(/Try bob/, 'sync', 'send', '--json', '--as', 'Bob', 'hi'),
      usage(/address is needed/, 'async', 'status', '--json', '--relay', 'bob'),
    ]),
  ).toEqual([]);
});

test('--version names detour, its protocol, Node and the system, in one line', {
  tags: ['slow'],
}, async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { platform, arch, versions } = process;
  const stdout = `detour ${version}, protocol ${VERSION}, Node ${versions.node} on ${platform} ${arch}\n`;
  for (const flag of ['--version', '-V'])
    expect(await runCli([flag])).toEqual({ code: 0, stdout, stderr: '' });
  expect((await runCli(['--help'])).stdout).toMatch(/--version .*protocol/);
  // To a command it is an unknown option, or a word of a message.
  expect(
    await wrongOf([{ args: ['sync', 'send', '--version'], code: 2, says: /unknown option '--version'/ }]),
  ).toEqual([]);
});

test('no message to send', async () => {
  const none = { code: 2, says: /There is no message to send\. try Write it after the command/ };
  expect(
    await wrongOf([
      { args: ['sync', 'send'], input: '', ...none },
      { args: ['async', 'send'], input: '', ...none },
    ]),
  ).toEqual([]);
});

test('a pipe with more than a message may hold', async () => {
  const input = Buffer.alloc(1024 * 1024 + 1, 'x');
  const says = /A message may have at most 1048576 bytes; standard input has more/;
  expect(
    await wrongOf([
      { args: ['sync', 'send'], input, code: 1, says },
      { args: ['async', 'send', '-'], input, code: 1, says },
    ]),
  ).toEqual([]);
});

test('addresses that cannot be listened on', { tags: ['slow'] }, async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void taken.close());
  const address = taken.address();
  const port = String(typeof address === 'object' ? address?.port : 0);
  const dir = tempDir();
  const refused = (more: string[], says: RegExp): Run[] => [
    { args: ['sync', 'receive', ...more], code: 1, says },
    { args: ['async', 'relay', '--journal', join(dir, more.join()), ...more], code: 1, says },
  ];
  expect(
    await wrongOf([
      ...refused(
        ['--port', port],
        /\(EADDRINUSE\): a program that does not greet has it.*try .*choose another port with --port/,
      ),
      ...(process.platform === 'linux'
        ? refused(['--port', '0', '--host', 'fe80::1'], /\(EINVAL\).*its zone/)
        : []),
      // 203.0.113.0/24 is reserved for documentation (RFC 5737): no computer has it.
      ...refused(
        ['--port', '0', '--host', '203.0.113.7'],
        /no such address \(EADDRNOTAVAIL\)\. try .*127\.0\.0\.1/,
      ),
    ]),
  ).toEqual([]);
});

test('files and folders that cannot be used', async () => {
  const dir = tempDir();
  const file = join(dir, 'file');
  writeFileSync(file, 'not a log\n');
  mkdirSync(join(dir, 'homework'));
  writeFileSync(join(dir, 'homework', 'essay.txt'), '');
  const relay = (journal: string, says: RegExp): Run => ({
    args: ['async', 'relay', '--port', '0', '--journal', journal],
    code: 1,
    says,
  });
  const one = (says: RegExp, ...args: string[]): Run => ({ args, code: 1, says });
  expect(
    await wrongOf([
      relay(file, /is not a folder/),
      relay(join(file, 'below'), /is not a folder/),
      relay(join(dir, 'homework'), /not empty and holds no journal \(there is "essay.txt" in it\)/),
    ]),
  ).toEqual([]);
  expect(
    await wrongInside([
      one(/no journal in .*homework/, 'journal', join(dir, 'homework')),
      one(/no journal in .*nowhere\. try A relay creates/, 'journal', join(dir, 'nowhere')),
      one(/file is a file, and a journal is a folder\. try give the folder: detour journal/, 'journal', file),
      one(
        /picture .* cannot be written \(ENOENT\)\. try give another --svg/,
        'compare',
        '--svg',
        join(dir, 'no', 'a.svg'),
      ),
      one(/picture .* cannot be written \(EISDIR\)/, 'compare', '--svg', dir),
      one(/no such file/, 'trace', join(dir, 'nowhere')),
      one(/that is a folder/, 'trace', dir),
      one(/line 1: not JSON/, 'trace', file),
      one(/line 1: not JSON/, 'board', '--port', '0', file),
      one(/is not a file, so it cannot be followed/, 'board', '--port', '0', dir),
      one(
        /cannot be opened \(ENOENT\) try its folder/,
        'sync',
        'send',
        '--log',
        join(dir, 'no', 'log'),
        'hi',
      ),
      one(/cannot be opened \(EISDIR\)/, 'async', 'receive', '--log', dir),
    ]),
  ).toEqual([]);
  // Node's own recursive mkdir never returns here.
  if (process.platform === 'linux')
    expect(await wrongOf([relay('/proc/detour/journal', /cannot be created: ENOENT/)])).toEqual([]);
});

test.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
  'a journal without read permission (not for root, who may read everything; Windows has other permissions)',
  async () => {
    const dir = join(tempDir(), 'journal');
    mkdirSync(dir, { mode: 0 });
    expect(
      await wrongOf([{ args: ['async', 'relay', '--port', '0', '--journal', dir], code: 1, says: /EACCES/ }]),
    ).toEqual([]);
  },
);

// A disk that is always full.
test.skipIf(process.platform !== 'linux')('a log that can no longer be written', async () => {
  const receiver = start(['sync', 'receive', '--port', '0']);
  const { port } = await receiver.until('listening');
  const sent = await runCli(['sync', 'send', '--to', `127.0.0.1:${port}`, '--log', '/dev/full', 'hi']);
  // It is reported once, and the message is sent anyway; but not all that was asked for was done.
  expect(
    judge({ code: 1, says: /log file \/dev\/full cannot be written any more.*DELIVERED.* exit 1/ }, sent),
  ).toEqual([]);
  expect(sent.stderr.match(/cannot be written/g)).toHaveLength(1);
});

test('a journal that is in use, and one that is damaged', { tags: ['slow'] }, async () => {
  const dir = join(tempDir(), 'journal');
  const relay = start(['async', 'relay', '--port', '0', '--journal', dir]);
  const { port } = await relay.until('listening');
  const args = ['async', 'relay', '--port', '0', '--journal', dir];
  expect(
    await wrongOf([{ args, code: 1, says: /another relay is using the journal in .* try Stop it/ }]),
  ).toEqual([]);

  const alice = await RawClient.connect(port);
  await alice.next();
  alice.type('HELLO version=1 as=alice\nSEND id=1 to=bob size=5\nhello\n');
  expect((await alice.next())[0]).toMatch(/^STORED/);
  alice.type('SEND id=2 to=bob size=5\nworld\n');
  expect((await alice.next())[0]).toMatch(/^STORED/);
  relay.child.kill('SIGKILL');
  await relay.ended;
  for (const name of readdirSync(dir).filter((one) => !one.startsWith('lock'))) {
    const bytes = readFileSync(join(dir, name));
    const at = bytes.indexOf('hello');
    if (at < 0) continue;
    bytes[at] = 0x4a;
    writeFileSync(join(dir, name), bytes);
  }
  const says = /the journal is damaged: .* at byte \d+: .* try Nothing was changed/;
  expect(await wrongOf([{ args, code: 1, says }])).toEqual([]);
});
