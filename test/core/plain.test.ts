// When output is plain, and what then becomes of signs and of other characters.

import { expect, test } from 'vitest';
import { ascii, escapedToAscii, plainRow, terminalOf } from '../../src/core/plain.ts';

test.each<[env: NodeJS.ProcessEnv, platform: string, utf8: boolean, plain: boolean]>([
  [{}, 'linux', true, false],
  [{ LANG: 'de_DE.UTF-8' }, 'linux', true, false],
  [{ LANG: 'de_DE.utf8@euro' }, 'linux', true, false],
  [{ LC_CTYPE: 'UTF-8' }, 'darwin', true, false],
  [{ LANG: 'C' }, 'linux', false, true],
  [{ LANG: 'POSIX' }, 'darwin', false, true],
  [{ LANG: 'de_DE' }, 'linux', false, true],
  [{ LANG: 'de_DE.ISO-8859-15' }, 'linux', false, true],
  // The first that is set decides, and an empty one is not set.
  [{ LC_ALL: 'C', LC_CTYPE: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' }, 'linux', false, true],
  [{ LC_ALL: '', LC_CTYPE: 'C.UTF-8', LANG: 'C' }, 'linux', true, false],
  [{ LC_ALL: '', LC_CTYPE: '', LANG: 'C' }, 'linux', false, true],
  // Other programs set these on Windows, but its console does not read them.
  [{ LANG: 'C' }, 'win32', true, false],
  [{ LANG: 'de_DE.UTF-8', TERM: 'dumb' }, 'linux', true, true],
  [{ TERM: 'dumb' }, 'win32', true, true],
])('a terminal with %j on %s: UTF-8 %s, plain %s', (env, platform, utf8, plain) => {
  const found = terminalOf(env, platform);
  expect([found.utf8, found.plainFor !== undefined]).toEqual([utf8, plain]);
});

test("detour's own signs in ASCII, and the characters of others as they are", () => {
  expect(ascii('type: kill · freeze 20s; … left; RFC 9293 §3.6; 2×MSL; a⏎b; ──► x, ◄─ y')).toBe(
    'type: kill, freeze 20s; ... left; RFC 9293 section 3.6; 2xMSL; a\\nb; -> x, <- y',
  );
  expect(ascii('grüße 世界 👍')).toBe('grüße 世界 👍');
});

test('what is not ASCII is escaped with its code point, and line ends stay', () => {
  expect(escapedToAscii('grüße…\n👍\x7f')).toBe('gr\\u{fc}\\u{df}e\\u{2026}\n\\u{1f44d}\\u{7f}');
});

test('a row says the heading of each cell that is not empty', () => {
  expect(plainRow(['NAME', 'WAITING', 'YOU'], ['bob', '2', ''])).toBe('NAME bob, WAITING 2');
  expect(plainRow(['', 'WAITING'], ['bob', '2'])).toBe('bob, WAITING 2');
});
