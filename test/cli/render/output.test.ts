// How output fits on a terminal: no line is broken within a word, and a note that has no room next to its line goes below it.

import { expect, onTestFinished, test, vi } from 'vitest';
import { sayWrapped, withNote } from '../../../src/cli/render/output.ts';
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
