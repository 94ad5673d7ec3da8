// The commands of a link, typed or in its script: a fault's word and its value. Each mistake gets one sentence.

import { closeSync, openSync, readSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { DetourError, errnoOf } from '../core/error.ts';
import { textOf } from '../core/text.ts';
import { visible } from '../core/visible.ts';
import type { Direction } from '../lab/faults/fault.ts';
import { FAULTS } from '../lab/faults/faults.ts';
import type { LinkCommand } from '../lab/faults/link.ts';
import { count, duration, rate } from './input.ts';

/** A command of a script. `at`: when it is due, in milliseconds after the start. */
export interface TimedCommand {
  readonly at: number;
  readonly command: LinkCommand;
}

/** The commands that may be typed, one line each, for --help. */
export const HELP: readonly string[] = FAULTS.map(
  ({ example, summary }) => `${example.padEnd(14)} ${summary}`,
);

const WORDS = FAULTS.map((one) => one.word).join(', ');

/** The commands that are not faults: they can be typed, but not be in a script, each with an example. */
const TYPED: ReadonlyMap<string, string> = new Map([
  ['status', 'status'],
  ['kill', 'kill'],
  ['freeze', 'freeze 20s'],
]);

/**
 * Reads a command of a link. `status`, `kill` and `freeze` are not read here.
 * @param where is it typed, or a line of a script? For the error
 * @throws DetourError `usage`
 */
export function parseCommand(text: string, where: 'typed' | 'script' = 'typed'): LinkCommand {
  const [word = '', value, ...rest] = text.trim().split(/\s+/);
  const fault = FAULTS.find((one) => one.word === word);
  const wrong = (what: string): DetourError =>
    new DetourError('usage', what, fault?.example ?? TYPED.get(word) ?? '');
  if (fault === undefined) throw wrong(notAFault(word, where));
  if (fault.takes === 'nothing') {
    if (value !== undefined) throw wrong(`"${word}" takes no value: "${value}" is too much.`);
    return { fault, apply: fault.apply };
  }
  if (value === undefined) throw wrong(`"${word}" needs a value after it.`);
  if (rest.length > 0) throw wrong(`"${word}" takes only one value: "${rest.join(' ')}" is too much.`);
  if (fault.takes === 'direction') {
    if (!isDirection(value)) throw wrong(`"${value}" is not a direction: use up or down.`);
    return { fault, value, apply: (before) => fault.apply(before, value) };
  }
  try {
    const amount = AMOUNTS[fault.takes](value);
    return { fault, value, apply: (before) => fault.apply(before, amount) };
  } catch (error) {
    throw error instanceof InvalidArgumentError ? wrong(error.message) : error;
  }
}

function notAFault(word: string, where: 'typed' | 'script'): string {
  const words = where === 'typed' ? [WORDS, ...TYPED.keys()].join(', ') : WORDS;
  if (word === '') return `a command is missing: use one of ${words}.`;
  if (TYPED.has(word))
    return where === 'script' ? `"${word}" can only be typed, not be in a script.` : misused(word);
  const lower = word.toLowerCase();
  const differs = FAULTS.some((one) => one.word === lower) || (where === 'typed' && TYPED.has(lower));
  const help = differs ? `did you mean ${lower}?` : `use one of ${words}.`;
  return `unknown command "${visible(word, { max: 40 })}": ${help}`;
}

const misused = (word: string): string =>
  word === 'freeze' ? '"freeze" takes only one value.' : `"${word}" takes no value.`;

/**
 * What to answer a line that was typed to a receiver or a relay and is neither kill nor freeze.
 * @param does what that program does instead, as in `bob only listens`
 */
export function notObeyed(line: string, does: string): string[] {
  const [word = ''] = line.split(/\s+/);
  const lower = word.toLowerCase();
  let why = `${does}: what you type here is sent to nobody.`;
  if (lower === 'kill' || lower === 'freeze') why = lower === word ? misused(word) : notAFault(word, 'typed');
  else if (isLinkCommand(line))
    why = `"${line}" is for a link: type it in the terminal where detour link runs.`;
  else if (isShellCommand(line)) why = `${does}: type commands of the shell in another terminal.`;
  return [
    visible(why),
    'Type kill (SIGKILL to myself) or freeze 20s (my program stands still, my kernel goes on); Ctrl-C stops politely.',
  ];
}

/** What to say after a line was typed and sent as a message, if it was probably meant as a command; otherwise undefined. */
export function strayText(line: string): string | undefined {
  const text = line.trim();
  if (isShellCommand(text))
    return 'That was sent as a message. If you meant the command, press Ctrl-D first, then type it at the shell.';
  if (/^(?:exit|quit)$/.test(text)) return 'That was sent as a message. Press Ctrl-D to leave.';
  if (isLinkCommand(text) || isServerCommand(text))
    return 'That was sent as a message. If you meant the command, type it in the terminal of the program that is to obey it.';
  return undefined;
}

const isShellCommand = (line: string): boolean => /^(?:npx\s+)?detour(?:\s|$)/.test(line);

const isServerCommand = (line: string): boolean => /^(?:kill|freeze(?:\s+[0-9.]+[a-z]+)?)$/.test(line);

function isLinkCommand(line: string): boolean {
  if (line === 'status') return true;
  try {
    parseCommand(line);
    return true;
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    return false;
  }
}

/** Reads the size of a segment. @returns bytes, at least 1; Infinity for `off` @throws InvalidArgumentError */
export const segment = (text: string): number => (text === 'off' ? Number.POSITIVE_INFINITY : count(text));

const AMOUNTS = { time: duration, rate, bytes: count, segment } as const;

const isDirection = (text: string): text is Direction => text === 'up' || text === 'down';

/** The longest script, in bytes. */
const MAX_SCRIPT = 1024 * 1024;

/** Reads a script. Each line has a time after the start and a command: `2s cut`. `#` begins a comment. @throws DetourError `usage` */
export function readScript(file: string): TimedCommand[] {
  const name = visible(file);
  let bytes: Buffer;
  try {
    bytes = readBeginning(file, MAX_SCRIPT + 1);
  } catch (error) {
    const why = errnoOf(error) || String(error);
    throw new DetourError('usage', `The script ${name} cannot be read (${why}).`);
  }
  if (bytes.length > MAX_SCRIPT)
    throw new DetourError('usage', `${name} is too long for a script (at most 1 MiB).`);
  const text = textOf(bytes);
  if (text === undefined)
    throw new DetourError('usage', `${name} is not text (neither UTF-8 nor UTF-16).`, '2s cut');
  const commands = text.split(/\r?\n/).flatMap((line, index) => {
    const [time = '', ...command] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (time === '') return [];
    try {
      return [{ at: duration(time), command: parseCommand(command.join(' '), 'script') }];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new DetourError('usage', `${name}, line ${index + 1}: ${error.message}`, '2s cut');
    }
  });
  if (commands.length === 0) throw new DetourError('usage', `${name} contains no command.`, '2s cut');
  return commands;
}

// Reads at most this many bytes, because a file such as /dev/zero has no end.
function readBeginning(file: string, most: number): Buffer {
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(most);
    let filled = 0;
    for (let count = -1; filled < most && count !== 0; filled += count)
      count = readSync(handle, bytes, filled, most - filled, null);
    return bytes.subarray(0, filled);
  } finally {
    closeSync(handle);
  }
}
