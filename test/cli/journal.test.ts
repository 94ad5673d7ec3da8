import { cpSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openDiskLog } from '../../src/async/log/disk.ts';
import type { Log, Owner } from '../../src/async/log/log.ts';
import { followJournal, type JournalItem, readJournal } from '../../src/cli/journal-reader.ts';
import { systemClock } from '../../src/core/clock.ts';
import { heard, Life, send } from '../async/house.ts';
import { talk, tempDir } from '../harness.ts';

/** A journal of format 2, as this version first wrote it: two checkpoints, 19 commits, one full segment and one made in advance. */
const EXAMPLE = fileURLToPath(new URL('../async/log/example', import.meta.url));
const FIRST = '000000000000000.wal';
const SECOND = '000000000003584.wal';
const OLDER = '000000000001122.checkpoint';
const NEWER = '000000000002017.checkpoint';

/** A copy of the example, changed. */
function example(change: (dir: string) => void = () => undefined): string {
  const dir = join(tempDir(), 'journal');
  cpSync(EXAMPLE, dir, { recursive: true });
  change(dir);
  return dir;
}

const flip =
  (name: string, offset: number) =>
  (dir: string): void => {
    const bytes = readFileSync(join(dir, name));
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 4, offset);
    writeFileSync(join(dir, name), bytes);
  };

async function all(dir: string): Promise<JournalItem[]> {
  const items: JournalItem[] = [];
  for await (const item of readJournal(dir)) items.push(item);
  return items;
}

/** What is wrong with it, one line each. */
async function faults(dir: string): Promise<string[]> {
  return (await all(dir)).flatMap((item) => {
    if (item.kind !== 'torn' && item.kind !== 'damaged') return [];
    const place = `${basename(item.file)} ${item.offset}`;
    return item.kind === 'torn' ? `torn ${place}` : `${place}: ${item.what} (${item.entries.length})`;
  });
}

/** An owner that keeps what comes back, as text. */
function owner(seen: string[]): Owner {
  return {
    restore: async (_id, chunks) => {
      for await (const chunk of chunks) seen.push(chunk.toString());
    },
    entry: (bytes) => seen.push(bytes.toString()),
    lost: () => undefined,
    durable: () => undefined,
    room: () => undefined,
    failed: (error) => seen.push(String(error)),
    torn: () => undefined,
    notice: () => undefined,
  };
}

async function durable(log: Log): Promise<void> {
  const { end } = log;
  while (log.durable < end) await new Promise((resolve) => setImmediate(resolve));
}

test('a journal from when this format was new still opens: the newest checkpoint, and what came after it', async () => {
  const seen: string[] = [];
  const log = await openDiskLog({ dir: example() }, owner(seen));
  await log.close();
  expect(seen[0]).toBe('STATE messages=11\n');
  expect(seen.slice(1).map((entry) => /^[A-Z]+/.exec(entry)?.[0])).toEqual([
    ...['RUN', 'RUN', 'RUN', 'RUN'],
    'CLOSED',
  ]);
  expect(seen[1]).toContain('SEND id=14 to=carol size=10\nmessage 12\nSEND id=15 to=carol ttl=60 size=28\n');
});

test('everything in a journal is read in order, including what is below its checkpoints, but nothing secret', async () => {
  const items = await all(EXAMPLE);
  expect(items.map(({ kind, file }) => `${kind} ${basename(file)}`)).toEqual([
    `checkpoint ${NEWER}`,
    `checkpoint ${OLDER}`,
    `segment ${FIRST}`,
    ...Array(17).fill(`commit ${FIRST}`),
    `segment ${SECOND}`,
    ...Array(2).fill(`commit ${SECOND}`),
    'segment 000000000007168.wal',
  ]);
  const commits = items.flatMap((item) => (item.kind === 'commit' ? item : []));
  expect(commits.map(({ number }) => number)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
  expect(commits[0]?.entries.map(({ bytes }) => bytes.toString())).toEqual(['EPOCH at=1796000000000 t=0\n']);
  expect(JSON.stringify(items)).not.toMatch(/salt|key=|crc/);
});

describe('a fault of a journal is reported with its place', () => {
  test.each<[string, (dir: string) => void, string[]]>([
    ['nothing', () => undefined, []],
    [
      'a bit in an entry: the others of the commit can be read',
      flip(FIRST, 960),
      [`${FIRST} 873: commit 4 cannot be read, and a later one can (1)`],
    ],
    [
      'a bit in the header of a commit',
      flip(FIRST, 1044 + 9),
      [`${FIRST} 1044: commit 5 cannot be read, and a later one can (0)`],
    ],
    [
      'a bit in the last commit of a segment',
      flip(FIRST, 2960),
      [`${FIRST} 2901: commit 17 cannot be read, and a later one can (0)`],
    ],
    ['a bit in the last commit of all: a torn tail', flip(SECOND, 3300), [`torn ${SECOND} 3258`]],
    ['a bit in the header of a segment', flip(SECOND, 20), [`${SECOND} 0: its header is damaged (0)`]],
    ['a bit in a checkpoint', flip(NEWER, 530), [`${NEWER} 0: the checkpoint cannot be read (0)`]],
    [
      'a segment is missing',
      (dir) => unlinkSync(join(dir, FIRST)),
      [`${FIRST} 0: it is needed, and is missing (0)`],
    ],
    [
      'a segment was cut short',
      (dir) => truncateSync(join(dir, SECOND), 2000),
      [`${SECOND} 0: it has fewer than 4096 bytes (0)`],
    ],
    [
      'the last segments are missing, and a checkpoint shows it',
      (dir) => {
        for (const name of [SECOND, '000000000007168.wal']) unlinkSync(join(dir, name));
        const bytes = readFileSync(join(dir, FIRST));
        writeFileSync(join(dir, FIRST), bytes.fill(0, 1634));
      },
      [`${FIRST} 1634: the log ends here, and there is a checkpoint of LSN 2017 (0)`],
    ],
  ])('%s', async (_what, change, says) => {
    expect(await faults(example(change))).toEqual(says);
  });
});

test('a journal is followed while it is written, across the ends of its segments', async () => {
  const dir = join(tempDir(), 'journal');
  const log = await openDiskLog({ dir, smallest: 4096, largest: 4096 }, owner([]));
  const stop = new AbortController();
  const seen: string[] = [];
  const begun: number[] = [];
  const following = (async () => {
    for await (const item of followJournal(dir, systemClock, stop.signal)) {
      if (item.kind === 'commit')
        for (const { bytes } of item.entries) seen.push(bytes.toString('latin1', 0, 4));
      else if (item.kind === 'segment') begun.push(item.first);
      else if (item.kind !== 'checkpoint') seen.push(JSON.stringify(item));
      if (seen.length === 60) stop.abort();
    }
  })();
  for (let i = 1000; i < 1060; i++) {
    while (log.hasRoom(900, 0) !== 'yes') await new Promise((resolve) => setImmediate(resolve));
    log.append(Buffer.from(`${i}`), Buffer.alloc(896, 120));
    await durable(log);
    if (i % 15 === 0) await log.checkpoint(() => ({ segments: [], size: 0, chunks: [] }));
  }
  await following;
  expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => String(1000 + i)));
  expect(begun).toEqual([...new Set(begun)].sort((a, b) => a - b));
  expect(begun.length).toBeGreaterThan(10);
  await log.close();
});

test('a reader that is overtaken by a relay freeing segments sees no damage, and finally what is held', {
  tags: ['slow'],
}, async () => {
  const dir = join(tempDir(), 'journal');
  const log = await openDiskLog({ dir, smallest: 4096, largest: 4096 }, owner([]));
  const write = async (count: number, text: string): Promise<void> => {
    for (let i = 0; i < count; i++) {
      while (log.hasRoom(900, 0) !== 'yes') await new Promise((resolve) => setImmediate(resolve));
      log.append(Buffer.from(text.padEnd(900, ' ')));
      await durable(log);
    }
  };
  // Everything that is full is freed, except the first segment.
  const goOn = async (): Promise<void> => {
    await write(8, 'gone');
    for (let i = 0; i < 2; i++) {
      await log.checkpoint(() => ({ segments: [0], size: 0, chunks: [] }));
      await write(1, 'gone');
    }
    for (const { first, end } of log.segments()) if (first > 0 && end <= log.end) log.free(first);
  };
  await write(1, 'held');
  await goOn();
  let rounds = 0;
  let jumped = false;
  let end = 0;
  const seen: string[] = [];
  for await (const item of readJournal(dir)) {
    if (item.kind === 'segment') {
      jumped ||= item.first > end;
      end = item.first + item.size - 512;
    } else if (item.kind === 'commit') seen.push(...item.entries.map(({ bytes }) => bytes.toString().trim()));
    else if (item.kind !== 'checkpoint') seen.push(JSON.stringify(item));
    // While the reader looks at one thing, the log goes on, and the file that it reads may become another.
    if (rounds < 12) await goOn();
    rounds += 1;
  }
  expect(jumped, 'segments went under the reader').toBe(true);
  expect(seen.filter((text) => text !== 'gone')).toEqual(['held']);
  await log.close();
});

describe('the command', () => {
  const journal = async (
    ...args: string[]
  ): Promise<{ exit: number | string; printed: string; said: string }> => {
    const run = talk(['journal', ...args]);
    return { exit: await run.ended, printed: run.stdout, said: run.stderr };
  };

  /** The journal of a relay that was sent two messages, and its last segment. */
  const relayed = async (): Promise<[dir: string, file: string]> => {
    const life = await Life.start();
    const alice = await life.client('alice');
    for (const id of ['1', '2']) {
      alice.type(send(id, 'bob', 'hello'));
      expect(await heard(alice)).toBe('STORED');
    }
    await life.stop();
    return [life.dir, join(life.dir, FIRST)];
  };

  test('--check: sound', async () => {
    const [dir] = await relayed();
    const { exit, printed } = await journal('--check', dir);
    expect(printed).toMatch(/^sound: \d segments?, 4 commits, 4 entries, 0 checkpoints\n$/);
    expect(exit).toBe(0);
    expect(await journal('--check', '--json', dir)).toMatchObject({ exit: 0, printed: '' });
  });

  test('--check: intact files from which no relay can build a state are not sound', async () => {
    const { exit, printed } = await journal('--check', EXAMPLE);
    expect(exit).toBe(1);
    expect(printed).toMatch(
      /^damaged: 3 segments, 19 commits, .*\n\nWhat is lost cannot be determined, .*: its checkpoint does not hold the state /,
    );
  });

  test('--check: a torn tail is not damage, and nothing is changed', async () => {
    const [dir, file] = await relayed();
    flip(FIRST, readFileSync(file).indexOf('CLOSED'))(dir);
    const contents = (): string[] =>
      readdirSync(dir).map((name) => `${name} ${crc32(readFileSync(join(dir, name)))}`);
    const before = contents();
    const { exit, printed } = await journal('--check', dir);
    expect(exit).toBe(0);
    expect(printed).toMatch(/^torn tail: .*000000000000000\.wal, at byte \d+: /);
    expect(printed).toMatch(/\ntorn tail, and sound before it: \d segments?, 3 commits, .*\n$/);
    expect(contents()).toEqual(before);
  });

  test('--check: damage, with file, offset and what can be read', async () => {
    const { exit, printed } = await journal('--check', example(flip(FIRST, 960)));
    expect(exit).toBe(1);
    expect(printed).toMatch(
      /^damaged: .*000000000000000\.wal, at byte 873: commit 4 cannot be read, and a later one can\n/,
    );
    expect(printed).toMatch(
      /\n {2}What can still be read of it:\n {2}OPEN to=bob\ndamaged: 3 segments, 18 commits, /,
    );
  });

  test('the entries and the exact frames that came over the wire are printed', async () => {
    const { exit, printed, said } = await journal(EXAMPLE);
    expect(exit).toBe(0);
    expect(printed.replaceAll(/ {2}[\d-]{10} [\d:]{8} {2}/g, '  TIME  ')).toContain(
      [
        'COMMIT 5  TIME  at 1044',
        '  RUN from=alice session=5c1fa at=1796000001000 t=1000 first=bob:3 size=95',
        '    SEND id=4 to=bob size=9',
        '     | message 4',
        '    SEND id=5 to=bob ttl=60 size=28',
        '     | and one more\\r\\nwith two lines',
        '',
      ].join('\n'),
    );
    expect(said).toMatch(/\n3 segments, 19 commits, 20 entries, 2 checkpoints\. /);
    const { printed: lines } = await journal('--json', EXAMPLE);
    const last = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .findLast(({ kind }) => kind === 'commit');
    expect(last.entries).toEqual([{ lsn: 6362, text: 'CLOSED at=1796000003500 t=3500\n' }]);
  });

  test('what a relay wrote is printed with the numbers of its messages and without secrets', async () => {
    const life = await Life.start();
    const alice = await life.client('alice', 'session=s try=1');
    alice.type(
      send('1', 'bob', 'one') + send('2', 'carol', 'two', 'notify=alice') + send('3', 'bob', 'three'),
    );
    for (let i = 0; i < 3; i++) expect(await heard(alice)).toBe('STORED');
    const again = await life.client('alice', 'session=other try=1');
    again.type(send('1', 'bob', 'one'));
    expect(await heard(again, 'dup')).toBe('STORED dup=yes');
    const carol = await life.client('carol');
    carol.type('RECEIVE window=1 drain=yes\n');
    await carol.next();
    carol.type('ACK seq=1\n');
    expect(await heard(carol)).toBe('EMPTY');
    await life.stop();
    const { exit, printed } = await journal(life.dir);
    expect(exit).toBe(0);
    const lines = printed.split('\n').map((line) => line.trim().replace(/ at=\d+ t=\d+.*/, ''));
    expect(lines.filter((line) => /^([a-z]+ \d+ {2}|REPEAT |OPEN |ACK |SEND .* kind=)/.test(line))).toEqual([
      'bob 1  SEND id=1 to=bob size=3',
      'carol 1  SEND id=2 to=carol notify=alice size=3',
      'bob 2  SEND id=3 to=bob size=5',
      'REPEAT from=alice session=other id=1 seq=1 proof=…',
      'OPEN to=carol',
      'ACK to=carol seq=1',
      expect.stringMatching(/^SEND id=2 to=alice seq=1 ttl=604800 kind=receipt size=/),
    ]);
    const { printed: json } = await journal('--json', life.dir);
    expect(json).toContain('REPEAT from=alice session=other id=1 seq=1');
    for (const text of [printed, json]) expect(text).not.toMatch(/salt|key=|crc|proof=\d/);
  });

  test('a journal of detour 0.1 is refused, here and by the relay, with advice on what to do', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, '00000001.segment'), 'SEGMENT version=1 k=1\n');
    const { exit, said } = await journal(dir);
    expect(exit).toBe(1);
    expect(said).toContain('detour 0.1');
    await expect(openDiskLog({ dir }, owner([]))).rejects.toMatchObject({
      code: 'old_journal',
      hint: expect.stringContaining('Collect your mail with detour 0.1, then delete the folder'),
    });
  });
});
