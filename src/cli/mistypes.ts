// What people type that a command line takes for something else, or for nothing: text pasted from a PDF or a web page, an option that another
// command has, `detour help send`. Each gets a sentence that says what to type.

import { type Command, Option } from 'commander';
import { asTyped } from '../core/command-name.ts';
import { DetourError } from '../core/error.ts';

const RELAY = '--relay 127.0.0.1:4100: host and port of the relay are one address';

/** Options that a command does not have, but that people try because another command has them. For each, what to use instead. */
const INSTEAD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'sync send': {
    '--host': '--to 127.0.0.1:4101: host and port are one address',
    '--port': '--to 127.0.0.1:4101: host and port are one address',
    '--relay': 'detour async send: the direct route has no relay',
    '--ttl': 'detour async send: only a relay keeps a message',
    '--wait': '--timeout 8s: the direct route always waits for the answer',
    '--id': 'detour async send: only a relay remembers ids',
  },
  'sync receive': {
    '--listen': '--port 4101',
    '--relay': 'detour async receive: the direct route has no relay',
    '--follow': 'the same without it: this receiver stays until you stop it',
  },
  'async relay': { '--listen': '--port 4100' },
  'async send': { '--host': RELAY, '--port': RELAY },
  'async receive': {
    '--host': RELAY,
    '--port': RELAY,
    '--to': '--as bob: the name whose mail you collect',
    '--reply': 'detour async send: on the detour a reply is a message of its own',
  },
  'async status': { '--host': RELAY, '--port': RELAY },
  'async list': {
    '--host': RELAY,
    '--port': RELAY,
    '--as': 'detour async list bob: the name whose mail is listed',
    '--to': 'detour async list bob: the name whose mail is listed',
  },
  link: { '--port': '--listen 4102' },
  board: {
    '--listen': '--port 4180',
    '--log': 'give the files alone: detour board alice.log bob.log',
    '--follow': 'the same without it: the board follows the files until you stop it',
  },
};

/** Lets a command refuse the options of other commands with a sentence. They are not in its --help. @param path its words, `sync send` */
export function refuseOthers(command: Command, path: string): void {
  for (const [flag, instead] of Object.entries(INSTEAD[path] ?? {})) {
    command.addOption(new Option(`${flag} [value]`).hideHelp());
    command.on(`option:${flag.slice(2)}`, () => {
      throw new DetourError('usage', `unknown option '${flag}' of detour ${path}`, asTyped(instead));
    });
  }
}

/** The words with `help sync send` as `sync send --help`, because commander knows only `help sync`. */
export function helpAsOption(words: readonly string[]): readonly string[] {
  return words[0] === 'help' ? [...words.slice(1), '--help'] : words;
}

// Hyphens, dashes and the minus sign.
const DASHES = '\u2010-\u2015\u2212\ufe58\ufe63\uff0d';
const DASHED = new RegExp(`^[-${DASHES}]*[${DASHES}][-${DASHES}]*([A-Za-z][\\w${DASHES}-]*)(?:=.*)?$`, 'su');
const ANY_DASH = new RegExp(`[${DASHES}]`, 'gu');
// The double quotes of all languages; a single one may be an apostrophe.
const OPENS = /^[\u201c-\u201f\u00ab\u00bb\uff02]/u;
const CLOSES = /[\u201c-\u201f\u00ab\u00bb\uff02]$/u;

/**
 * Refuses a command or an option in capitals, and what was surely pasted from a text with typographic characters: an option with another
 * dash than that of the keyboard, and typographic quotes around the value of an option or around several words, because a shell knows
 * neither. What comes after `--` is not looked at.
 * @param words the arguments
 * @param program the command line
 * @throws DetourError `usage`
 */
export function refuseMistyped(words: readonly string[], program: Command): void {
  const { command, rest } = commandOf(words, program);
  const end = rest.indexOf('--');
  const message: string[] = [];
  let before: Option | undefined;
  for (const word of end === -1 ? rest : rest.slice(0, end)) {
    const [flag = '', given] = word.split(/=(.*)/s);
    const option = command.options.find(({ long, short }) => flag === long || flag === short);
    // An option that needs a value takes any word.
    if (before?.required !== true && option === undefined) refuseFlag(word, flag, command);
    const value = before === undefined ? given : word;
    if (value !== undefined) refuseQuotes(value, before ?? option);
    else if (option === undefined) message.push(word);
    before = value === undefined && takesValue(option) ? option : undefined;
  }
  const inner = message.slice(1, -1).join('');
  const [first = '', last = ''] = [message[0], message.at(-1)];
  const several = command.registeredArguments[0]?.name() === 'message' && message.length > 1;
  if (several && OPENS.test(first) && CLOSES.test(last) && !/[\u201c-\u201f\u00ab\u00bb]/u.test(inner))
    throw quoted(message.join(' '), 'To send them, too, write -- before the message.');
}

// The command that the first words name, and the words after them.
function commandOf(
  words: readonly string[],
  program: Command,
): { readonly command: Command; readonly rest: readonly string[] } {
  const [word = ''] = words;
  const next = program.commands.find((one) => one.name() === word);
  const lower = word.toLowerCase();
  if (next === undefined && program.commands.some((one) => one.name() === lower))
    throw new DetourError('usage', `unknown command '${word}': did you mean ${lower}?`);
  return next === undefined ? { command: program, rest: words } : commandOf(words.slice(1), next);
}

const takesValue = (option: Option | undefined): boolean =>
  option !== undefined && (option.required || option.optional);

function refuseFlag(word: string, flag: string, command: Command): void {
  const flags = command.options.filter(({ hidden }) => !hidden).flatMap(({ long, short }) => [long, short]);
  const lower = flag.toLowerCase();
  if (lower !== flag && flags.includes(lower))
    throw new DetourError('usage', `unknown option '${flag}': did you mean ${lower}?`);
  const [, name = ''] = DASHED.exec(word) ?? [];
  const plain = name.replaceAll(ANY_DASH, '-');
  const meant = ['--help', '-h', ...flags].find((one) => one === `--${plain}` || one === `-${plain}`);
  if (name === '' || meant === undefined) return;
  throw new DetourError(
    'usage',
    `"${word}" begins with a typographic dash, so it is not an option. It was probably pasted.`,
    `type it with the dash of the keyboard: ${meant}`,
  );
}

// A value that must be a name, an address or a number has no quotes in it. Of a text this is sure only if the shell has split it.
function refuseQuotes(value: string, option: Option | undefined): void {
  if (!OPENS.test(value) || /\s/.test(value)) return;
  if (option?.parseArg !== undefined || value.length === 1 || !CLOSES.test(value)) throw quoted(value, '');
}

function quoted(text: string, otherwise: string): DetourError {
  return new DetourError(
    'usage',
    `The quotes in ${text} are typographic ones, which the shell does not know. They were probably pasted.`,
    `type straight quotes: "..."${otherwise === '' ? '' : `. ${otherwise}`}`,
  );
}
