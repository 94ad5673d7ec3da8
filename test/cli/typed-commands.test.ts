// What is answered to a line that was typed into the wrong window, or not quite as a command is written.

import { expect, test } from 'vitest';
import { notObeyed, parseCommand, strayText } from '../../src/cli/typed-commands.ts';

test.each<[line: string, why: RegExp]>([
  ['hello bob', /^bob only listens: what you type here is sent to nobody\.$/],
  ['kill 20s', /^"kill" takes no value\.$/],
  ['freeze 20s now', /^"freeze" takes only one value\.$/],
  ['Kill', /^unknown command "Kill": did you mean kill\?$/],
  ['cut', /^"cut" is for a link: type it in the terminal where detour link runs\.$/],
  ['stall up', /^"stall up" is for a link/],
  ['status', /^"status" is for a link/],
  ['cut me some slack', /^bob only listens/],
  ['npx detour sync send hi', /^bob only listens: type commands of the shell in another terminal\.$/],
  ['\x1b[2J', /^bob only listens/],
])('to bob: %j', (line, why) => {
  const [first, second] = notObeyed(line, 'bob only listens');
  expect(first).toMatch(why);
  expect(second).toMatch(/^Type kill .* or freeze 20s/);
});

test.each<[line: string, says: RegExp | undefined]>([
  ['detour', /Ctrl-D first/],
  [
    'npx detour sync send hello',
    /^That was sent as a message\. If you meant the command, press Ctrl-D first/,
  ],
  [' detour link', /Ctrl-D first/],
  ['exit', /Press Ctrl-D to leave/],
  ['kill', /^That was sent as a message\. If you meant the command, type it in the terminal of the program/],
  ['freeze', /in the terminal of the program/],
  ['freeze 20s', /in the terminal of the program/],
  ['cut', /in the terminal of the program/],
  ['latency 200ms', /in the terminal of the program/],
  ['status', /in the terminal of the program/],
  ['detours are longer', undefined],
  ['a detour', undefined],
  ['kill the messenger', undefined],
  ['freeze!', undefined],
  ['cut it out', undefined],
  ['', undefined],
])('at the prompt of alice: %j', (line, says) => {
  if (says === undefined) expect(strayText(line)).toBeUndefined();
  else expect(strayText(line)).toMatch(says);
});

test.each<[line: string, where: 'typed' | 'script', why: RegExp]>([
  ['Cut', 'typed', /unknown command "Cut": did you mean cut\?/],
  ['KILL', 'typed', /unknown command "KILL": did you mean kill\?/],
  ['KILL', 'script', /unknown command "KILL": use one of cut/],
  ['kill now', 'typed', /"kill" takes no value/],
  ['status now', 'typed', /"status" takes no value/],
  ['kill', 'script', /"kill" can only be typed/],
  ['cutt', 'typed', /use one of cut, .*, status, kill, freeze\./],
  ['', 'script', /a command is missing/],
])('to a link: %j, %s', (line, where, why) => {
  expect(() => parseCommand(line, where)).toThrow(why);
});
