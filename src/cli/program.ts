// The command line's table of contents. Every command is a file in commands/; this file lists them, parses the arguments and reports
// errors: one clear sentence, the right exit code, and never a stack trace for something a person can fix.

import { type Command, CommanderError } from 'commander';
import { asTyped, commandName } from '../core/command-name.ts';
import { DetourError, errnoOf } from '../core/error.ts';
import { PLAIN } from '../core/plain.ts';
import { visible } from '../core/visible.ts';
import type { CommandSpec } from './command.ts';
import { DetourCommand, fromEnvironment } from './environment.ts';
import { helpAsOption, refuseMistyped, refuseOthers } from './mistypes.ts';
import {
  choosePlain,
  isOutputFailure,
  isPlainOutput,
  own,
  say,
  sayWrapped,
  shownIn,
} from './render/output.ts';

// Each command is loaded only when it is needed, because a short command spends most of its time loading.
const COMMANDS: Readonly<Record<string, () => Promise<CommandSpec>>> = {
  'sync receive': async () => (await import('./commands/sync-receive.ts')).syncReceive,
  'sync send': async () => (await import('./commands/sync-send.ts')).syncSend,
  'async relay': async () => (await import('./commands/async-relay.ts')).asyncRelay,
  'async send': async () => (await import('./commands/async-send.ts')).asyncSend,
  'async receive': async () => (await import('./commands/async-receive.ts')).asyncReceive,
  'async status': async () => (await import('./commands/async-status.ts')).asyncStatus,
  'async list': async () => (await import('./commands/async-list.ts')).asyncList,
  link: async () => (await import('./commands/link.ts')).link,
  demo: async () => (await import('./commands/demo.ts')).demo,
  board: async () => (await import('./commands/board.ts')).board,
  compare: async () => (await import('./commands/compare.ts')).compare,
  check: async () => (await import('./commands/check.ts')).check,
  explain: async () => (await import('./commands/explain.ts')).explain,
  trace: async () => (await import('./commands/trace.ts')).trace,
  journal: async () => (await import('./commands/journal.ts')).journal,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
};

const GROUPS: Readonly<Record<string, string>> = {
  sync: 'the direct route: both ends must be there, now',
  async: 'the detour: a relay keeps the message until the recipient comes',
};

/** The command that these arguments name; undefined for --help and --version, or if it is unclear which. */
function named([first = '', second = '']: readonly string[]): string | undefined {
  const path = first in GROUPS ? `${first} ${second}` : first;
  return Object.hasOwn(COMMANDS, path) ? path : undefined;
}

/** Builds the part of the command line that these arguments need. */
async function build(words: readonly string[]): Promise<Command> {
  const program = new DetourCommand(commandName())
    .description('See on real TCP sockets how synchronous communication differs from asynchronous.')
    .showHelpAfterError('(--help shows the commands and options)')
    .exitOverride()
    // What was typed is in the errors, and may hold anything.
    .configureOutput({
      writeOut: (text) => process.stdout.write(shownIn(own(text))),
      writeErr: (text) => {
        // The help is wrapped already, and indented.
        for (const line of text
          .replace(/\n$/, '')
          .split('\n')
          .map((one) => visible(one)))
          if (line.startsWith(' ')) say(line);
          else sayWrapped('', line);
      },
      ...(isPlainOutput() && { getOutHelpWidth: () => PLAIN, getErrHelpWidth: () => PLAIN }),
    })
    .hook('preAction', (_program, command) => {
      const values = fromEnvironment(command);
      if (values !== undefined && command.opts().json !== true) say(`${values} (from the environment)`);
    });
  const groups = new Map<string, Command>();
  for (const [word, summary] of Object.entries(GROUPS))
    groups.set(word, inherit(program.command(word).description(summary), program));
  const only = named(words);
  // Only arguments without a command can ask for the version, or for help that lists it.
  if (only === undefined)
    program.version(
      (await import('./version.ts')).versionLine(),
      '-V, --version',
      'print the versions of detour, its protocol and Node',
    );
  addPlain(program);
  for (const [path, load] of Object.entries(COMMANDS)) {
    if (only !== undefined && path !== only) continue;
    const { summary, build: add } = await load();
    const [group = '', name = group] = path.split(' ');
    const command = (groups.get(group) ?? program).command(name).description(summary);
    add(inherit(command, program));
    addPlain(command);
    refuseOthers(command, path);
  }
  // A verb without its mode: the person must choose a route.
  for (const verb of ['send', 'receive']) {
    program
      .command(verb, { hidden: true })
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        throw new DetourError(
          'usage',
          asTyped`Which route? \`detour sync ${verb}\` goes straight, \`detour async ${verb}\` takes the detour through a relay.`,
        );
      });
  }
  for (const verb of ['relay', 'status', 'list']) {
    program
      .command(verb, { hidden: true })
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        throw new DetourError(
          'usage',
          asTyped`Only the asynchronous mode has this command: detour async ${verb}`,
        );
      });
  }
  return program;
}

// It is only listed in --help: `takePlain` has taken it out of the words.
const addPlain = (command: Command): Command =>
  command.option('--plain', 'one event a line, in ASCII, nothing drawn: for a screen reader or a file');

/** Takes `--plain` out of the words: it must be obeyed before anything is written. What comes after `--` is not looked at. */
function takePlain(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  const options = end === -1 ? words : words.slice(0, end);
  const others = options.filter((word) => word !== '--plain');
  choosePlain(others.length < options.length);
  return [...others, ...words.slice(options.length)];
}

const inherit = (command: Command, from: Command): Command => command.copyInheritedSettings(from);

/** Exit code for wrong usage. */
const USAGE = 2;

/**
 * Runs a command to its end in this process. It prints the command's output and errors.
 * @param words what was typed after `detour`
 * @returns the exit code of a command that failed; undefined if the command has set `process.exitCode` itself, or left it for success
 */
export async function run(words: readonly string[]): Promise<number | undefined> {
  const meant = helpAsOption(takePlain(words));
  try {
    const program = await build(meant);
    refuseMistyped(meant, program);
    await program.parseAsync(meant, { from: 'user' });
    return undefined;
  } catch (error) {
    return tell(error);
  }
}

function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (isOutputFailure(error)) return 1;
  if (error instanceof DetourError) {
    sayWrapped('', visible(error.message), 2);
    if (error.hint !== '') say(own(`  try  ${visible(error.hint)}`));
    return error.code === 'usage' ? USAGE : 1;
  }
  // Node cannot open a terminal that has gone.
  if (errnoOf(error) === 'ERR_TTY_INIT_FAILED') {
    say('The terminal of this program has gone.');
    return 1;
  }
  if (errnoOf(error) === 'EMFILE') {
    say('This process may have too few files open for detour (EMFILE).\n  try  ulimit -n 256');
    return 1;
  }
  say(
    `This is a bug in detour itself, please report it:\n${error instanceof Error ? error.stack : String(error)}`,
  );
  return 1;
}
