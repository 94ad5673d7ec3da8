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

/** Reads a command. @param words the valid commands, for the error @throws DetourError `usage` */
export function parseCommand(text: string, words = `${WORDS}, status, kill, freeze`): LinkCommand {
  const [word = '', value, ...rest] = text.trim().split(/\s+/);
  const fault = FAULTS.find((one) => one.word === word);
  const wrong = (what: string): DetourError =>
    new DetourError('usage', what, fault === undefined ? '' : fault.example);
  if (fault === undefined && word === '') throw wrong(`a command is missing: use one of ${words}.`);
  if (fault === undefined)
    throw wrong(`unknown command "${visible(word, { max: 40 })}": use one of ${words}.`);
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
      return [{ at: duration(time), command: parseCommand(command.join(' '), WORDS) }];
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
