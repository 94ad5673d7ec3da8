// What the page may ask for, and what PROTOCOL.md says of a verb.

import { expect, test } from 'vitest';
import { parseCommand } from '../../../src/lab/board/commands.ts';
import type { Command } from '../../../src/lab/board/messages.ts';
import { verbTexts } from '../../../src/lab/board/verbs.ts';
import { VERBS } from '../../../src/wire/verbs.ts';

const GOOD: readonly Command[] = [
  { actor: 'direct/alice', do: 'start' },
  { actor: 'detour/relay', do: 'freeze' },
  { line: 'detour/down', do: 'slice' },
  { say: '-n <b>', by: 'both' },
  { say: 'x', by: 'detour', guesses: {} },
  { say: 'x', by: 'both', guesses: { direct: 'd', detour: 'u' } },
  { stage: 'reset' },
  { story: 'bob-frozen', do: 'choose' },
  { story: 'bob-frozen', do: 'answer', guesses: { direct: 'n' } },
  { story: 'copies', do: 'answer', guesses: {}, choice: 'b' },
];

test.each(GOOD)('%j is a command', (command) => {
  expect(parseCommand(JSON.stringify(command))).toEqual(command);
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '"reset"',
  '{}',
  '{"actor":"direct/bob"}',
  '{"actor":"direct/relay","do":"kill"}',
  '{"actor":"direct/bob","do":"cut"}',
  '{"actor":["direct/bob"],"do":"kill"}',
  '{"actor":"direct/bob","do":"kill","pid":1}',
  '{"actor":"direct/bob","line":"direct/line","do":"kill"}',
  '{"line":"direct/line","do":"kill"}',
  '{"line":"direct/line; kill","do":"cut"}',
  '{"say":"","by":"both"}',
  '{"say":1,"by":"both"}',
  '{"say":"x"}',
  '{"say":"x","by":"both","guesses":{"direct":"x"}}',
  '{"say":"x","by":"both","guesses":{"relay":"d"}}',
  '{"say":"x","by":"both","guesses":[]}',
  '{"stage":"close"}',
  '{"stage":"reset","do":"x"}',
  '{"story":"x","do":"play"}',
  '{"story":"x","do":"choose","guesses":{}}',
  '{"story":"","do":"choose"}',
  '{"story":"x","do":"answer","guesses":{},"choice":2}',
  '{"__proto__":{"stage":"reset"}}',
])('%s is none', (text) => {
  expect(() => parseCommand(text)).toThrow(/^That is not a command\. /);
});

test('each verb has the paragraphs of its section, without tables, examples and marks', () => {
  const texts = verbTexts();
  expect(Object.keys(texts).sort()).toEqual(Object.keys(VERBS).sort());
  for (const [verb, { section, text }] of Object.entries(texts)) {
    expect(section).toBe(verb);
    expect(text, verb).toMatch(/^[A-Z].{3,}/);
    expect(text, verb).not.toMatch(/[`|]|\]\(|\*\*|^#/m);
  }
  expect(texts.STORED?.text).toMatch(/^Relay to sender: durable, on the relay's disk/);
  expect(texts.REFUSED?.text).toContain('The codes are in All codes.');
});
