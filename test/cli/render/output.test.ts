// How output fits on a terminal: no line is broken within a word, and a note that has no room next to its line goes below it.

import { expect, onTestFinished, test, vi } from 'vitest';
import {
  columns,
  neverBlock,
  Progress,
  paint,
  say,
  sayWrapped,
  statusLine,
  withNote,
} from '../../../src/cli/render/output.ts';
import { wrap } from '../../../src/core/wrap.ts';

test('a text is wrapped between words; what is longer than a line stays whole', () => {
  expect(wrap('to be or not to be', 8)).toEqual(['to be or', 'not to', 'be']);
  expect(wrap('a longer-than-that one', 8)).toEqual(['a', 'longer-than-that', 'one']);
  expect(wrap('', 8)).toEqual(['']);
});

test('a note is at the right end, or below if it does not fit', () => {
  expect(withNote('UNKNOWN.', 'exit 20', 17)).toBe('UNKNOWN.  exit 20');
  expect(withNote('UNKNOWN.', 'exit 20', 16)).toBe('UNKNOWN.\n         exit 20');
  expect(withNote('STORED', '', 3)).toBe('STORED');
});

test('on a terminal, output keeps to the width, indented; elsewhere it is one line', () => {
  const { isTTY, columns } = process.stderr;
  onTestFinished(() => void Object.assign(process.stderr, { isTTY, columns }));
  let said = '';
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  onTestFinished(() => write.mockRestore());
  const text = 'the kernel of 127.0.0.1:4101 took the call, and nobody read it';
  Object.assign(process.stderr, { isTTY: true, columns: 40 });
  sayWrapped('  connected  ', text);
  const indent = ' '.repeat(13);
  expect(said.split('\n')).toEqual([
    '  connected  the kernel of',
    `${indent}127.0.0.1:4101 took the`,
    `${indent}call, and nobody read it`,
    '',
  ]);
  said = '';
  Object.assign(process.stderr, { isTTY: false });
  sayWrapped('  connected  ', text);
  expect(said).toBe(`  connected  ${text}\n`);
});

/** Makes stderr a terminal for the test that is running. @returns what is written to it */
function terminal(width: number, env: Readonly<Record<string, string>>): string[] {
  const { isTTY, columns: before } = process.stderr;
  onTestFinished(() => void Object.assign(process.stderr, { isTTY, columns: before }));
  Object.assign(process.stderr, { isTTY: true, columns: width });
  for (const [name, value] of Object.entries({ NO_COLOR: '', TERM: 'xterm', ...env }))
    vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const written: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  onTestFinished(() => write.mockRestore());
  return written;
}

test('a status line never wraps: it could not be wiped away', () => {
  const written = terminal(20, {});
  statusLine('a line that is longer than twenty columns');
  statusLine('');
  expect(written).toEqual(['\r\u001b[Ka line that is long', '\r\u001b[K']);
});

test('a dumb terminal gets no escape sequence: no line that is redrawn, no colour', () => {
  const written = terminal(80, { TERM: 'dumb' });
  statusLine('half done');
  statusLine('');
  const progress = new Progress(1);
  progress.show(1, 'sent');
  progress.end();
  expect(written).toEqual([]);
  expect(paint('red', 'damaged')).toBe('damaged');
});

test('NO_COLOR takes the colours, and not the line that is redrawn', () => {
  const written = terminal(80, { NO_COLOR: '1' });
  statusLine('half done');
  expect(written).toEqual(['\r\u001b[Khalf done']);
  expect(paint('red', 'damaged')).toBe('damaged');
});

test('a terminal that does not say how wide it is counts as 80 columns wide', () => {
  terminal(0, {});
  expect(columns(process.stderr)).toBe(80);
});

test('what a server says does not pile up for a terminal that takes nothing; then it says how much is missing', () => {
  const written = terminal(80, {});
  let waiting = 0;
  const length = vi.spyOn(process.stderr, 'writableLength', 'get').mockImplementation(() => waiting);
  onTestFinished(() => void length.mockRestore());
  // Before `neverBlock` nothing is left out: a verdict must be said.
  waiting = 10_000_000;
  say('one');
  neverBlock();
  say('two');
  say('three\nfour');
  expect(written).toEqual(['one\n']);
  waiting = 0;
  process.stderr.emit('drain');
  say('five');
  expect(written).toEqual([
    'one\n',
    '… 3 lines left out here: nothing could be written for a while\n',
    'five\n',
  ]);
});
