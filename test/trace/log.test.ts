// The recorder: timestamps, lines, files; the form of a line in both directions, and what is refused.

import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { DetourError } from '../../src/core/error.ts';
import type { Event, Recorded } from '../../src/core/event.ts';
import { formatJson, parseRecorded } from '../../src/trace/line.ts';
import { createRecorder, createStamp, formatTime } from '../../src/trace/log.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'detour-log-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const SEND: Event = {
  event: 'sent',
  conn: 1,
  n: 2,
  verb: 'SEND',
  fields: { id: 'k3-1', to: 'bob', size: 5 },
};

const caught = (run: () => unknown): DetourError => {
  try {
    run();
  } catch (error) {
    if (error instanceof DetourError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const recordsIn = (file: string): Recorded[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line, i) => parseRecorded(line, file, i + 1));

describe('the recorder', () => {
  it('has each event in the file, timestamped once, before it passes it on', () => {
    const file = join(dir, 'bob.log');
    const seen: Recorded[] = [];
    const onEvent = (recorded: Recorded): void => {
      seen.push(recorded);
      if (seen.length < 3) expect(recordsIn(file)).toEqual(seen);
    };
    const recorder = createRecorder({ actor: 'bob', file, onEvent });
    recorder.emit({ event: 'listening', role: 'receiver', host: '127.0.0.1', port: 4101 });
    recorder.emit(SEND);
    expect(seen[1]).toMatchObject({ ...SEND, actor: 'bob', pid: process.pid });
    recorder.close();
    recorder.emit(SEND);
    expect(seen).toHaveLength(3);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
  });

  it('writes at the end of the turn, or when asked, if there is nobody to pass it on to', async () => {
    const file = join(dir, 'bob.log');
    const recorder = createRecorder({ actor: 'bob', file });
    recorder.emit(SEND);
    expect(recordsIn(file)).toHaveLength(0);
    await Promise.resolve();
    expect(recordsIn(file)).toHaveLength(1);
    recorder.emit(SEND);
    recorder.flush();
    expect(recordsIn(file)).toHaveLength(2);
    recorder.emit(SEND);
    recorder.close();
    expect(recordsIn(file)).toHaveLength(3);
  });

  it('appends, and at level info leaves the frames out', () => {
    const file = join(dir, 'bob.log');
    for (const ms of [1, 2]) {
      const recorder = createRecorder({ actor: 'bob', file, level: 'info' });
      recorder.emit(SEND);
      recorder.emit({ event: 'thawed', ms });
      recorder.close();
    }
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    expect(lines.map((line) => parseRecorded(line))).toMatchObject([{ ms: 1 }, { ms: 2 }]);
  });

  it.skipIf(process.platform === 'win32')('makes a new file for this user alone', () => {
    const before = process.umask(0);
    const file = join(dir, 'bob.log');
    createRecorder({ actor: 'bob', file }).close();
    process.umask(before);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('writes printable ASCII alone, whatever a text holds, and it is still that text', () => {
    const file = join(dir, 'bob.log');
    const recorder = createRecorder({ actor: 'bob', file });
    const text = '\x1b]0;owned\x07 \x7f \u009b2J \u202e \u200b \u2028 Grüße \u{1f600}';
    recorder.emit({ event: 'notice', text });
    recorder.emit({ event: 'notice', text: text.repeat(20) });
    recorder.close();
    expect(readFileSync(file, 'utf8')).toMatch(/^[\n\x20-\x7e]+$/);
    expect(recordsIn(file)).toMatchObject([{ text }, { text: text.repeat(20) }]);
  });

  it("tells of a session's token the first 8 characters, in the file and behind --json", () => {
    const file = join(dir, 'bob.log');
    const token = 'e1c2d3a4-0000-4000-8000-123456789abc';
    let printed = '';
    const onEvent = (recorded: Recorded): void => {
      printed += formatJson(recorded);
    };
    const recorder = createRecorder({ actor: 'bob', file, onEvent });
    const fields = { version: 1, as: 'alice', session: token, try: 1 };
    recorder.emit({ event: 'received', conn: 1, n: 1, verb: 'HELLO', fields });
    recorder.close();
    for (const line of [printed, readFileSync(file, 'utf8')]) {
      expect(JSON.parse(line)).toMatchObject({ session: 'e1c2d3a4', try: 1 });
      expect(line).not.toContain(token.slice(0, 9));
    }
  });

  it('says with the errno what is wrong with the file, and what to do', () => {
    const missing = caught(() => createRecorder({ actor: 'bob', file: join(dir, 'no', 'bob.log') }));
    expect(missing.code).toBe('ENOENT');
    expect(missing.hint).toMatch(/folder/);
    expect(caught(() => createRecorder({ actor: 'bob', file: dir })).code).toBe('EISDIR');
  });

  it.skipIf(process.platform !== 'linux')(
    'goes on without a file that can no longer be written, and says so once',
    () => {
      const lost: DetourError[] = [];
      const seen: Recorded[] = [];
      const recorder = createRecorder({
        actor: 'bob',
        file: '/dev/full',
        onEvent: (recorded) => seen.push(recorded),
        onLost: (error) => lost.push(error),
      });
      recorder.emit(SEND);
      recorder.flush();
      recorder.emit(SEND);
      recorder.close();
      expect(lost.map(({ code }) => code)).toEqual(['ENOSPC']);
      expect(seen).toHaveLength(2);
    },
  );
});

describe('the timestamp', () => {
  it('is ISO 8601 UTC with nanoseconds', () => {
    expect(formatTime(1_769_868_131_123_456_789n)).toBe('2026-01-31T14:02:11.123456789Z');
    expect(formatTime(1_769_868_131_000_000_001n)).toBe('2026-01-31T14:02:11.000000001Z');
  });

  it('is 0 before 1970, as every time is', () => {
    expect(formatTime(-1n)).toBe('1970-01-01T00:00:00.000000000Z');
    expect(formatTime(-86_400_000_000_001n)).toBe('1970-01-01T00:00:00.000000000Z');
    const now = vi.spyOn(Date, 'now').mockReturnValue(-1);
    expect(systemClock.epoch()).toBe(0);
    now.mockRestore();
  });

  it('goes on by the steady clock, and follows the wall clock only when that was set', () => {
    let wall = 1_000_000_000_000n;
    let steady = 5n;
    const stamp = createStamp(undefined, { wall: () => wall, steady: () => steady }, wall + 2n);
    const at = (): string => stamp().slice(17);
    expect(at()).toBe('40.000000007Z');
    steady += 10n;
    expect(at()).toBe('40.000000017Z');
    wall += 900_000_000n;
    expect(at()).toBe('40.000000017Z');
    wall += 5_100_000_000n;
    expect(at()).toBe('46.000000000Z');
    steady += 1n;
    expect(at()).toBe('46.000000001Z');
    wall -= 6_000_000_000n;
    expect(at()).toBe('40.000000000Z');
  });

  it('stays with a shared clock, whatever happens to the wall clock', () => {
    let wall = 1_000_000_000_000n;
    let steady = 5n;
    const stamp = createStamp(40_000_000_000n, { wall: () => wall, steady: () => steady });
    expect(stamp()).toBe('1970-01-01T00:00:40.000000005Z');
    wall += 6_000_000_000n;
    steady += 1n;
    expect(stamp()).toBe('1970-01-01T00:00:40.000000006Z');
  });
});

describe('a line', () => {
  const stamp = { time: '2026-01-31T14:02:11.123456789Z', actor: 'bob', pid: 7 };

  it("has the frame's own fields beside the verb", () => {
    expect(JSON.parse(formatJson({ ...SEND, ...stamp }))).toEqual({
      ...stamp,
      event: 'sent',
      conn: 1,
      n: 2,
      verb: 'SEND',
      id: 'k3-1',
      to: 'bob',
      size: 5,
    });
  });

  it('comes back unchanged, whatever keys the frame had', () => {
    const key = fc.oneof(
      fc.constantFrom('time', 'actor', 'pid', 'event', 'conn', 'n', 'verb', 'level', 'constructor'),
      fc.stringMatching(/^[a-z]{1,8}$/),
    );
    const value = fc.oneof(fc.nat(), fc.stringMatching(/^[\x21-\x7e]{1,20}$/));
    fc.assert(
      fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (fields) => {
        const recorded: Recorded = { event: 'received', conn: 1, n: 1, verb: 'X', fields, ...stamp };
        expect(parseRecorded(formatJson(recorded))).toEqual(recorded);
      }),
    );
  });

  it.each([
    ['not JSON', '{"time":'],
    ['not an event', '7'],
    ['"time"', '{"time":"yesterday","actor":"bob","pid":7,"event":"fin","conn":1}'],
    ['"actor"', JSON.stringify({ ...stamp, actor: 'b\u001b[2J', event: 'fin', conn: 1 })],
    ['does not know', JSON.stringify({ ...stamp, event: 'toString' })],
    ['"conn"', JSON.stringify({ ...stamp, event: 'fin' })],
    ['"from"', JSON.stringify({ ...stamp, event: 'shown', id: 'a', from: '\u202e', size: 1 })],
  ])('that is bad (%s) is refused with file and line number', (what, line) => {
    const error = caught(() => parseRecorded(line, 'bob.log', 12));
    expect(error.code).toBe('bad_log');
    expect(error.message).toContain('bob.log, line 12');
    expect(error.message).toContain(what);
  });
});
