// The command line's table of contents. Every command is a file in commands/, of one shape; here they are listed, parsed and their
// errors told: one clear sentence, the right exit code, never a stack trace for what a person can put right.

import { Command, CommanderError } from 'commander';
import { DetourError } from '../errors/error.ts';
import { visible } from '../trace/visible.ts';
import type { CommandSpec } from './command.ts';
import { asyncReceive } from './commands/async-receive.ts';
import { asyncRelay } from './commands/async-relay.ts';
import { asyncSend } from './commands/async-send.ts';
import { asyncStatus } from './commands/async-status.ts';
import { compare } from './commands/compare.ts';
import { demo } from './commands/demo.ts';
import { explain } from './commands/explain.ts';
import { journal } from './commands/journal.ts';
import { link } from './commands/link.ts';
import { syncReceive } from './commands/sync-receive.ts';
import { syncSend } from './commands/sync-send.ts';
import { trace } from './commands/trace.ts';

const COMMANDS: readonly CommandSpec[] = [
  syncReceive,
  syncSend,
  asyncRelay,
  asyncSend,
  asyncReceive,
  asyncStatus,
  link,
  demo,
  compare,
  explain,
  trace,
  journal,
];

const GROUPS: Readonly<Record<string, string>> = {
  sync: 'the direct route: both ends must be there, now',
  async: 'the detour: a relay keeps the message until the recipient comes',
};

/** The whole command line. */
function build(): Command {
  const program = new Command('detour')
    .description('See on real TCP sockets how synchronous communication differs from asynchronous.')
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride();
  const groups = new Map<string, Command>();
  for (const [word, summary] of Object.entries(GROUPS))
    groups.set(word, inherit(program.command(word).description(summary), program));
  for (const spec of COMMANDS) {
    const words = spec.path.split(' ');
    const parent = words.length === 2 ? (groups.get(words[0] ?? '') ?? program) : program;
    const command = parent.command(words.at(-1) ?? spec.path).description(spec.summary);
    spec.build(inherit(command, program));
  }
  // A verb without its mode: which route?
  for (const verb of ['send', 'receive']) {
    program
      .command(verb, { hidden: true })
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        throw new DetourError(
          'usage',
          `Which route? \`detour sync ${verb}\` goes straight, \`detour async ${verb}\` takes the detour over a relay.`,
        );
      });
  }
  for (const verb of ['relay', 'status']) {
    program
      .command(verb, { hidden: true })
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        throw new DetourError('usage', `Only the asynchronous mode has that: detour async ${verb}`);
      });
  }
  return program;
}

const inherit = (command: Command, from: Command): Command => command.copyInheritedSettings(from);

/** Exit code for wrong usage. */
const USAGE = 2;

async function main(): Promise<void> {
  // Whoever reads our output may leave: then there is nobody to talk to any more.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  try {
    await build().parseAsync();
  } catch (error) {
    process.exitCode = tell(error);
    // A server that failed to start may still hold standard input.
    process.stdin.destroy();
  }
}

function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (error instanceof DetourError) {
    process.stderr.write(`${visible(error.message)}\n`);
    if (error.hint !== '') process.stderr.write(`  try  ${visible(error.hint)}\n`);
    return error.code === 'usage' ? USAGE : 1;
  }
  // Whoever read our output has left, as `head` does: there is nobody to tell.
  if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return 1;
  process.stderr.write(
    `This is a defect of detour itself, please report it:\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return 1;
}

await main();
