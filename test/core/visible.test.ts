// Hostile text is shown and not obeyed: by rule over a corpus, by property, and on the screen of a real terminal.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asciiJson, visible } from '../../src/core/visible.ts';

const C0 = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('');
const C1 = Array.from({ length: 33 }, (_, index) => String.fromCharCode(0x7f + index)).join('');

const CORPUS: readonly (readonly [string, string | Uint8Array, string])[] = [
  ['plain', 'hello bob', 'hello bob'],
  ['letters of the world', 'Grüße, 世界, שלום, مرحبا', 'Grüße, 世界, שלום, مرحبا'],
  [
    'C0',
    C0,
    '\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\t\\n\\x0b\\x0c\\r\\x0e\\x0f' +
      '\\x10\\x11\\x12\\x13\\x14\\x15\\x16\\x17\\x18\\x19\\x1a\\x1b\\x1c\\x1d\\x1e\\x1f',
  ],
  [
    'DEL and C1',
    C1,
    Array.from({ length: 33 }, (_, i) => (i === 0 ? '\\x7f' : `\\u{${(0x7f + i).toString(16)}}`)).join(''),
  ],
  ['CSI: clear the screen, go home', '\x1b[2J\x1b[Hgone', '\\x1b[2J\\x1b[Hgone'],
  ['CSI of eight bits', '\u009b2Jgone', '\\u{9b}2Jgone'],
  ['CSI: report the cursor', '\x1b[6n', '\\x1b[6n'],
  ['carriage return over a verdict', 'NOT DELIVERED\rDELIVERED    ', 'NOT DELIVERED\\rDELIVERED    '],
  ['backspaces', 'no\b\byes', 'no\\x08\\x08yes'],
  ['OSC: title', '\x1b]0;owned\x07', '\\x1b]0;owned\\x07'],
  ['OSC: title, eight bits', '\u009d0;owned\u009c', '\\u{9d}0;owned\\u{9c}'],
  ['OSC: clipboard', '\x1b]52;c;b3duZWQ=\x07', '\\x1b]52;c;b3duZWQ=\\x07'],
  [
    'OSC: hyperlink',
    '\x1b]8;;http://x.invalid\x1b\\bob\x1b]8;;\x1b\\',
    '\\x1b]8;;http://x.invalid\\x1b\\bob\\x1b]8;;\\x1b\\',
  ],
  ['DCS', '\x1bP+q544e\x1b\\', '\\x1bP+q544e\\x1b\\'],
  ['APC', '\x1b_Gf=100;AAAA\x1b\\', '\\x1b_Gf=100;AAAA\\x1b\\'],
  ['title of tmux', '\x1bkowned\x1b\\', '\\x1bkowned\\x1b\\'],
  ['other character set', '\x0e\x1b(0qqq', '\\x0e\\x1b(0qqq'],
  ['reset', '\x1bc', '\\x1bc'],
  ['bidi overrides', 'a\u202eb\u202c\u2066c\u2069\u200f', 'a\\u{202e}b\\u{202c}\\u{2066}c\\u{2069}\\u{200f}'],
  ['zero width', 'b\u200bo\u200cb\u2060\ufeff\u00ad', 'b\\u{200b}o\\u{200c}b\\u{2060}\\u{feff}\\u{ad}'],
  ['tags', 'x\u{e0041}\u{e007f}', 'x\\u{e0041}\\u{e007f}'],
  ['line and paragraph separator', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
  ['private use', '\ue000\u{f0000}\u{10fffd}', '\\u{e000}\\u{f0000}\\u{10fffd}'],
  ['lone surrogates', 'a\ud800b\udc00', 'a\\u{d800}b\\u{dc00}'],
  ['overlong slash', Buffer.from([0xc0, 0xaf, 0xe0, 0x80, 0xaf]), '\\xc0\\xaf\\xe0\\x80\\xaf'],
  ['bytes of ESC, overlong', Buffer.from([0xc0, 0x9b, 0x41]), '\\xc0\\x9bA'],
  ['a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80]), '\\xed\\xa0\\x80'],
  [
    'beyond the last character',
    Buffer.from([0xf4, 0x90, 0x80, 0x80, 0xf8, 0xff]),
    '\\xf4\\x90\\x80\\x80\\xf8\\xff',
  ],
  ['cut short', Buffer.from([0x61, 0xe2, 0x82]), 'a\\xe2\\x82'],
  ['Latin-1', Buffer.from('Gr\xfc\xdfe', 'latin1'), 'Gr\\xfc\\xdfe'],
  ['C1 in UTF-8', Buffer.from([0xc2, 0x9b, 0x32, 0x4a]), '\\u{9b}2J'],
  ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x61]), '\\u{feff}a'],
  ['a replacement character that was sent', Buffer.from('a\ufffdb'), 'a\ufffdb'],
  ['very long', '\x1b'.repeat(100_000), '\\x1b'.repeat(100_000)],
];

const HOSTILE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

describe('visible', () => {
  it.each(CORPUS)('shows: %s', (_, text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  it('shows the same for text and for its bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => visible(Buffer.from(text)) === visible(text)),
    );
  });

  it('leaves nothing that a terminal obeys, whatever the input', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()),
        (text) => !HOSTILE.test(visible(text)),
      ),
      { numRuns: 500 },
    );
  });

  it('reads only the view of a larger buffer', () => {
    expect(visible(new Uint8Array(Buffer.from('xx\x1byy')).subarray(2, 3))).toBe('\\x1b');
  });

  it('keeps a joiner only between emoji', () => {
    expect(visible('👩\u200d👩\u200d👧')).toBe('👩\u200d👩\u200d👧');
    expect(visible('❤\ufe0f\u200d🔥 👍🏽\u200d🔥')).toBe('❤\ufe0f\u200d🔥 👍🏽\u200d🔥');
    expect(visible('a\u200db 👩\u200d\u200d👩 \u200d👩\u200d')).toBe(
      'a\\u{200d}b 👩\\u{200d}\\u{200d}👩 \\u{200d}👩\\u{200d}',
    );
  });

  it('keeps line feeds where a body is printed on several lines, and nothing else', () => {
    expect(visible('a\nb\r\n\tc\x1b[A', { multiline: true })).toBe('a\nb\\r\n\\tc\\x1b[A');
    expect(visible(Buffer.from('a\nb'), { multiline: true })).toBe('a\nb');
  });
});

describe('visible with a limit', () => {
  it.each([
    ['exactly fits', 'hello', 5, 'hello'],
    ['one left', 'hello', 4, 'hell... (1 more character)'],
    ['not inside an escape', 'a\x1bb', 4, 'a... (2 more characters)'],
    ['not inside a pair', '😀😀', 3, '😀... (1 more character)'],
    ['not after a joiner', '👩\u200d👩\u200d👧', 4, '👩... (4 more characters)'],
    ['nothing at all', 'abc', 0, '... (3 more characters)'],
    ['bytes are counted as bytes', Buffer.from('hé世'), 2, 'hé... (3 more bytes)'],
    ['a byte that is not text is one byte', Buffer.from([0x61, 0xff, 0xff]), 5, 'a\\xff... (1 more byte)'],
  ])('%s', (_, text, max, expected) => {
    expect(visible(text, { max })).toBe(expected);
  });

  it('is fast and exact with a very long text', () => {
    expect(visible('é'.repeat(1_000_000), { max: 10 })).toBe(`${'é'.repeat(10)}... (999990 more characters)`);
    expect(visible(Buffer.alloc(1_000_000, 0xff), { max: 10 })).toBe('\\xff\\xff... (999998 more bytes)');
  });

  it('shows the beginning of what it would show without the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(30), (text, max) => {
        const whole = visible(text);
        const [, head, left] =
          /^(.*?)(?:\.\.\. \((\d+) more characters?\))?$/su.exec(visible(text, { max })) ?? [];
        return left === undefined
          ? head === whole
          : whole.startsWith(head ?? '?') && (head ?? '').length <= max;
      }),
    );
  });
});

// Its own tmux server, with its own socket path, so that nobody else's tmux is touched.
const dir = mkdtempSync(join(tmpdir(), 'detour-visible-'));
const env = { ...process.env, TMUX_TMPDIR: dir };
const SOCKET = 'visible';
const tmux = (...args: string[]) =>
  spawnSync('tmux', ['-L', SOCKET, '-f', '/dev/null', ...args], { encoding: 'utf8', timeout: 20_000, env });
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});
const hasTmux = process.platform !== 'win32' && tmux('-V').status === 0;
if (!hasTmux)
  process.stderr.write('skipped: visible text on a real terminal, because tmux is not installed\n');

describe.skipIf(!hasTmux)('visible on a real terminal', { timeout: 60_000 }, () => {
  const WIDTH = 200;
  const HEIGHT = 12;

  beforeAll(() => {
    const shell = 'LC_ALL=C.UTF-8 PS1= exec sh';
    expect(
      tmux('-u', 'new-session', '-d', '-x', String(WIDTH), '-y', String(HEIGHT), '-s', 's', shell).stderr,
    ).toBe('');
    tmux('set', '-g', 'set-clipboard', 'on');
    tmux('set', '-g', 'allow-rename', 'on');
    tmux('select-pane', '-T', 'untouched');
    tmux('rename-window', '-t', 's', 'untouched');
  });
  afterAll(() => {
    tmux('kill-server');
  });

  // Prints the bytes between two markers. Returns what is on the screen then, and what the terminal was made to do.
  function show(text: string): { screen: string; state: string } {
    const file = join(dir, 'text');
    writeFileSync(file, `\x1b[H\x1b[2J<<<${text}>>>`);
    tmux('send-keys', `stty -echo; cat '${file}'; tmux -L ${SOCKET} wait-for -S shown`, 'Enter');
    expect(tmux('wait-for', 'shown').status).toBe(0);
    // cat has written its output, but the terminal may not have read it yet.
    let screen = '';
    for (let look = 0; look < 100 && !screen.includes('>>>'); look += 1)
      screen = tmux('capture-pane', '-p', '-J').stdout;
    const state = tmux(
      'display-message',
      '-p',
      '#{pane_title}|#{window_name}|#{alternate_on}|#{cursor_flag}|#{cursor_y}',
    ).stdout;
    return { screen: screen.trimEnd(), state: `${state.trimEnd()}|${tmux('list-buffers').stdout}` };
  }

  // The very long text does not fit on a screen.
  const shown = CORPUS.filter(([name]) => name !== 'very long').map(
    ([name, text]) => [name, visible(text)] as const,
  );

  it.each(shown)('shows exactly: %s', (_, text) => {
    const { screen, state } = show(text);
    expect(screen).toBe(`<<<${text}>>>`);
    const row = Math.floor(`<<<${text}>>>`.length / WIDTH);
    expect(state).toBe(`untouched|untouched|0|1|${row}|`);
  });

  it('would notice a failure: the raw texts do change the terminal', () => {
    const title = show('\x1b]2;owned\x07');
    expect(title.state).toContain('owned|');
    expect(title.screen).toBe('<<<>>>');
    expect(show('\x1b]52;c;b3duZWQ=\x07').state).toContain('owned');
    expect(show('NOT DELIVERED\rDELIVERED    ').screen).not.toContain('NOT');
  });
});

describe('JSON for programs', () => {
  it('is printable ASCII alone, and parses to the same value', () => {
    for (const [, text] of CORPUS) {
      const value = { text: typeof text === 'string' ? text : Buffer.from(text).toString() };
      expect(asciiJson(JSON.stringify(value))).toMatch(/^[\x20-\x7e]+$/);
      expect(JSON.parse(asciiJson(JSON.stringify(value)))).toEqual(value);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = asciiJson(JSON.stringify(text));
        expect(json).toMatch(/^[\x20-\x7e]+$/);
        expect(JSON.parse(json)).toBe(text);
      }),
    );
  });

  it('keeps the line feed at the end of a line', () => {
    expect(asciiJson('"a"\n"\u{1f600}"\n')).toBe('"a"\n"\\ud83d\\ude00"\n');
  });
});
