// Reading logs back, and choosing what is drawn.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Recorded } from '../../src/core/event.ts';
import { formatJson } from '../../src/trace/line.ts';
import { merge } from '../../src/trace/merge.ts';
import { type Log, readLog } from '../../src/trace/read.ts';
import { select } from '../../src/trace/select.ts';
import { Actor, Connection, detourKill, directKill, logsOf } from './histories.ts';

const READ = fileURLToPath(new URL('../../dist/trace/read.js', import.meta.url));

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'detour-read-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (text: string | Buffer): string => {
  const file = join(dir, 'x.log');
  writeFileSync(file, text);
  return file;
};
const { log } = directKill()[0] as Actor;
const text = log.map((recorded) => `${formatJson(recorded)}\n`).join('');

describe('reading a log', () => {
  it('gives the events back, and leaves out a line without an end', () => {
    expect(readLog(write(text))).toMatchObject({ events: log, skipped: 0, torn: false });
    expect(readLog(write(text.slice(0, -5)))).toMatchObject({ events: log.slice(0, -1), torn: true });
  });

  it('reads only the end of a long log, from the beginning of a line', () => {
    const { events, skipped } = readLog(write(text), 400);
    expect(events.length).toBeGreaterThan(0);
    expect(events).toEqual(log.slice(-events.length));
    expect(Buffer.byteLength(text) - skipped).toBe(
      log.slice(-events.length).reduce((sum, one) => sum + formatJson(one).length + 1, 0),
    );
  });

  it('is the same in UTF-16 with a mark or without, with a mark in UTF-8, with CRLF, and without the last line end', () => {
    const BOM = '\ufeff';
    const big = (plain: string): Buffer => Buffer.from(plain, 'utf16le').swap16();
    const files = [
      BOM + text,
      text.replaceAll('\n', '\r\n'),
      text.trimEnd(),
      `${BOM}\n${BOM}${text}`,
      Buffer.from(BOM + text, 'utf16le'),
      Buffer.from(text, 'utf16le'),
      Buffer.from((BOM + text).replaceAll('\n', '\r\n'), 'utf16le'),
      big(BOM + text),
      big(text),
    ];
    for (const file of files)
      expect(readLog(write(file))).toMatchObject({ events: log, skipped: 0, torn: false });
    // Cut off in the middle of a line, and of a character.
    for (const file of [Buffer.from(BOM + text, 'utf16le'), big(BOM + text)])
      for (const cut of [3, 10])
        expect(readLog(write(file.subarray(0, -cut)))).toMatchObject({
          events: log.slice(0, -1),
          torn: true,
        });
  });

  it('reads only the end of a long log in UTF-16, too, at whichever byte it begins', () => {
    // In UTF-16 the bytes of these characters contain the bytes of a line end, in either order.
    const shown = { event: 'shown', id: 'x', from: 'bob', size: 9, text: '\u0a41\u0100\u0a41' } as const;
    const tricky = log.flatMap((one): Recorded[] => {
      const { time, actor, pid } = one;
      return [one, { ...shown, time, actor, pid }];
    });
    const lines = tricky.map((one) => `${formatJson(one)}\n`).join('');
    for (const encode of [
      (plain: string) => plain,
      (plain: string) => Buffer.from(plain, 'utf16le'),
      (plain: string) => Buffer.from(plain, 'utf16le').swap16(),
    ])
      for (let limit = 900; limit < 910; limit += 1) {
        const { events, skipped } = readLog(write(encode(`\ufeff${lines}`)), limit);
        expect(events.length).toBeGreaterThan(0);
        expect(events).toEqual(tricky.slice(-events.length));
        expect(skipped).toBeGreaterThan(0);
      }
  });

  it.skipIf(process.platform === 'win32')(
    'reads a pipe once, to its end, and keeps only the end of a long one',
    () => {
      const reads = (bytes: string | Buffer, limit?: number): string => {
        const file = write(bytes);
        const code = `import { readLog } from '${READ}'; console.log(JSON.stringify(readLog('-'${limit === undefined ? '' : `, ${limit}`})));`;
        const { stdout, stderr } = spawnSync(
          'sh',
          ['-c', 'cat "$1" | "$2" --input-type=module -e "$3"', 'sh', file, process.execPath, code],
          { encoding: 'utf8' },
        );
        return stdout + stderr;
      };
      expect(JSON.parse(reads(text))).toMatchObject({ file: 'stdin', events: log, skipped: 0, torn: false });
      const { events, skipped } = JSON.parse(reads(text, 400)) as Log;
      expect(events).toEqual(readLog(write(text), 400).events);
      expect(skipped).toBe(readLog(write(text), 400).skipped);
      expect(reads('hello\n')).toMatch(/stdin, line 1: not JSON/);
    },
  );

  it.skipIf(process.platform !== 'linux')('does not read on for ever what cannot be a log', () => {
    expect(() => readLog('/dev/zero')).toThrow(/\/dev\/zero is not text/);
    expect(() => readLog('/dev/null')).toThrow(/no complete line/);
    expect(() => readLog('/proc/self/status')).toThrow(/status, line 1: not JSON/);
  });

  it('says what is wrong with a file: missing, a folder, empty, not a log', () => {
    expect(() => readLog(join(dir, 'none'))).toThrow(/none: there is no such file \(ENOENT\)/);
    expect(() => readLog(dir)).toThrow(/a folder, not a file \(EISDIR\)/);
    expect(() => readLog(write(''))).toThrow(/no complete line/);
    expect(() => readLog(write(gzipSync(text)))).toThrow(/x.log is compressed \(gzip\): unpack it first/);
    expect(() => readLog(write(Buffer.of(0x7b, 0xff, 0x0a)))).toThrow(
      /x.log is not text \(neither UTF-8 nor UTF-16\)/,
    );
    expect(() => readLog(write(`${text}hello\n`))).toThrow(
      new RegExp(`x.log, line ${log.length + 1}: not JSON`),
    );
  });
});

/** alice sends some messages to bob, one after another. */
function conversation(count: number): Actor[] {
  const bob = new Actor('bob', 1).listen(0, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 1, 4101);
  call.frame(bob, 1.5, 'READY', { as: 'bob' });
  for (let i = 1; i <= count; i += 1) {
    call.frame(alice, i * 10, 'SEND', { id: `m-${i}`, size: 1 });
    bob.at(i * 10 + 1, { event: 'shown', id: `m-${i}`, from: 'alice', size: 1 });
    call.frame(bob, i * 10 + 2, 'RECEIVED', { id: `m-${i}` });
  }
  return [alice, bob];
}

describe('choosing messages', () => {
  const kept = (actors: readonly Actor[], choice: Parameters<typeof select>[1]): string[] => {
    const merged = merge(logsOf(actors));
    const { keep } = select(merged, choice);
    return merged.events.filter(keep).map(({ recorded }) => {
      const id = 'fields' in recorded ? recorded.fields.id : 'id' in recorded ? recorded.id : undefined;
      return `${recorded.event}${id === undefined ? '' : ` ${id}`}`;
    });
  };

  it('keeps all if there are no more', () => {
    const actors = conversation(3);
    expect(kept(actors, { last: 3 })).toHaveLength(actors.reduce((sum, one) => sum + one.log.length, 0));
  });

  it('keeps the last messages, with the beginning of their connection', () => {
    const about = kept(conversation(5), { last: 2 });
    expect(about.filter((one) => one.startsWith('sent m'))).toEqual([
      'sent m-4',
      'sent m-4',
      'sent m-5',
      'sent m-5',
    ]);
    expect(about).toContain('connected');
    expect(about.some((one) => /m-[123]/.test(one))).toBe(false);
  });

  it('keeps one message with its acknowledgement, which names only a number', () => {
    const merged = merge(logsOf(detourKill()));
    const { keep, chosen } = select(merged, { id: 'k3f9-1' });
    expect(chosen).toBe(1);
    const verbs = merged.events
      .filter(keep)
      .flatMap(({ recorded }) => ('verb' in recorded ? [recorded.verb] : []));
    expect(verbs).toContain('ACK');
    expect(select(merged, { id: 'other' })).toMatchObject({ total: 1, chosen: 0 });
  });
});
