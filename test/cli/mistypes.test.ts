// What people type, or paste from a PDF, that means something else to a command line than to them: each is met with the right way to write it.

import { expect, test } from 'vitest';
import { runInside } from './inside.ts';
import { type Run, wrongInside } from './several.ts';

const usage = (says: RegExp, ...args: string[]): Run => ({ args, code: 2, says });

test('an option of another command', async () => {
  expect(
    await wrongInside([
      usage(/^unknown option '--port' of detour link try --listen 4102 $/, 'link', '--port', '4102'),
      usage(/--listen/, 'link', '--port=4102'),
      usage(/--listen/, 'link', '--port'),
      usage(/try --port 4101/, 'sync', 'receive', '--listen', '4101'),
      usage(/try --to 127.0.0.1:4101/, 'sync', 'send', '--port', '4101', 'hi'),
      usage(/try detour async send/, 'sync', 'send', '--relay', '127.0.0.1:4100', 'hi'),
      usage(/try --relay 127.0.0.1:4100/, 'async', 'status', '--port', '4100'),
      usage(/try --as bob/, 'async', 'receive', '--to', 'bob'),
    ]),
  ).toEqual([]);
});

test('a message in the place of a time, a port in the place of a name', async () => {
  expect(
    await wrongInside([
      usage(
        /--wait takes the next word for its time, and "hello" is not a time/,
        'async',
        'send',
        '--wait',
        'hello',
      ),
      usage(/Did you mean 5s\?/, 'async', 'send', '--wait', '5', 'hello'),
      usage(/"4100" is a port, .*--relay 127.0.0.1:4100/, 'async', 'send', '--to', '4100', 'hi'),
    ]),
  ).toEqual([]);
});

test('capitals', async () => {
  expect(
    await wrongInside([
      usage(/unknown command 'Sync': did you mean sync\?/, 'Sync', 'send', 'hi'),
      usage(/unknown command 'SEND': did you mean send\?/, 'sync', 'SEND', 'hi'),
      usage(/unknown option '--To': did you mean --to\?/, 'sync', 'send', '--To', '127.0.0.1:1', 'hi'),
    ]),
  ).toEqual([]);
});

test('pasted dashes and quotes', async () => {
  const dash = (meant: string, ...args: string[]): Run =>
    usage(new RegExp(`typographic dash.* try type it with the dash of the keyboard: ${meant} $`), ...args);
  const quotes = (...args: string[]): Run => usage(/The quotes in .* are typographic ones/, ...args);
  expect(
    await wrongInside([
      dash('--to', 'sync', 'send', '\u2014to', '127.0.0.1:1', 'hi'),
      dash('--to', 'sync', 'send', 'hi', '\u2013to=127.0.0.1:1'),
      dash('--to', 'sync', 'send', '-\u2010to', '127.0.0.1:1', 'hi'),
      dash('--max-disk', 'async', 'relay', '\u2212\u2212max\u2013disk', '2GB'),
      dash('--version', '\u2014version'),
      dash('--help', 'sync', '\u2014help'),
      quotes('sync', 'receive', '--as', '\u201cbob\u201d'),
      quotes('sync', 'receive', '--as=\u201ebob\u201c'),
      quotes('async', 'send', '--wait', '\u201c1m\u201d', 'hi'),
      quotes('sync', 'receive', '--reply', '\u201cthanks', 'a', 'lot\u201d'),
      quotes('sync', 'send', '\u201chello', 'world\u201d'),
      quotes('async', 'send', '\u00abhello', 'dear', 'world\u00bb', '--ttl', '1m'),
    ]),
  ).toEqual([]);
});

test('the same characters where they may be meant are let through', async () => {
  // Each of these is refused only by the check that comes next.
  const next = ['--timeout', 'soon'];
  const after = (...args: string[]): Run => usage(/"soon" is not a valid duration/, 'sync', 'send', ...args);
  expect(
    await wrongInside([
      after('\u2014tomorrow', '\u2013', '\u2014', ...next),
      after('\u201chello\u201d', ...next),
      after('\u201cyes\u201d', 'and', '\u201cno\u201d', 'he', 'said', ...next),
      after('\u201cyes\u201d', 'or', '\u201cno\u201d', '\u201cperhaps\u201d', ...next),
      after('\u201chello world\u201d', ...next),
      after("'tis", '\u2019tis', ...next),
      after(...next, '--', '\u2014to', '\u201chello', 'world\u201d'),
    ]),
  ).toEqual([]);
});

test('help before the command is help after it', async () => {
  for (const command of [['sync', 'send'], ['link'], ['async'], []])
    expect(await runInside(['help', ...command])).toEqual(await runInside([...command, '--help']));
});
