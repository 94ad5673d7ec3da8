// `detour board [LOG…]`: one page for the projector, with real processes or with logs that grow. lab/board/ serves it; this file is about
// what is typed, and how it ends.

import type { Command } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { DetourError } from '../../core/error.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { Follow } from '../../lab/board/follow.ts';
import { isLoopback } from '../../lab/board/guard.ts';
import type { StoryTitle } from '../../lab/board/messages.ts';
import { qrCode } from '../../lab/board/qr.ts';
import { type Board, startBoard } from '../../lab/board/server.ts';
import type { Audience, Source } from '../../lab/board/source.ts';
import { formatAddress, ownAddresses } from '../../net/address.ts';
import type { CommandSpec } from '../command.ts';
import { host, path, port } from '../input.ts';
import { endAnyway, neverBlock, obeysEscapes, say, sayWrapped } from '../render/output.ts';
import { manifest } from '../version.ts';

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly story?: string;
}

/** The command `detour board`. */
export const board: CommandSpec = {
  summary: 'one page for the projector: real processes to kill, and the guess first',
  build(command: Command): void {
    command
      .argument(
        '[log...]',
        'show these logs, and follow them, in place of a stage',
        (file: string, before: string[] = []) => [...before, path(file)],
      )
      .option('--port <port>', 'port of the page; if it is taken, the next free one', port, 4180)
      .option('--host <address>', 'address to listen on; 0.0.0.0 for all', host, '127.0.0.1')
      .option('--story <story>', 'begin with this story: its name or its number')
      .addHelpText('after', `\n${HELP}\n`)
      .action(async (files: string[], flags: Flags) => {
        process.exitCode = await run(files, flags);
      });
  },
};

const HELP = `It prints the address of the page and opens nothing by itself. That address has a
token in it: who has it can command what is on the stage. With --host others
can watch, by an address without the token; nothing is encrypted.

    detour board                       a stage with both routes
    detour board --story frozen        begins with the question of that story
    detour board alice.log bob.log     what two terminals with --log do, live`;

async function run(files: readonly string[], flags: Flags): Promise<number> {
  const story = flags.story === undefined ? undefined : await titleOf(flags.story);
  if (story !== undefined && files.length > 0)
    throw new DetourError(
      'usage',
      '--story is for a stage, but log files are given.',
      'Give one of the two.',
    );
  neverBlock();
  const interrupted = untilInterrupted();
  const running = await startBoard({
    host: flags.host,
    port: flags.port,
    version: manifest().version,
    clock: systemClock,
    source: await sourceOf(files),
  });
  // Also when the terminal has gone, and when the stage itself ends this process.
  process.once('exit', () => running.leave());
  announce(running, flags, files.length === 0);
  if (story !== undefined) await running.source.command({ story: story.name, do: 'choose' });
  await interrupted;
  await running.close();
  endAnyway();
  return 0;
}

// The stage and the stories are loaded only if they are played.
async function sourceOf(files: readonly string[]): Promise<(audience: Audience) => Source> {
  if (files.length > 0) return (audience) => new Follow(audience, files, systemClock);
  const { Play } = await import('../../lab/board/play.ts');
  return (audience) => new Play(audience);
}

async function titleOf(wanted: string): Promise<StoryTitle> {
  const { CHOICES } = await import('../../lab/board/stories.ts');
  const titles = CHOICES.map(({ title }) => title);
  const isWanted = ({ name, number, kind }: StoryTitle): boolean =>
    name === wanted || (kind === 'story' && String(number) === wanted);
  const found = titles.find(isWanted);
  if (found !== undefined) return found;
  const names = titles.map(({ name, number, kind }) => (kind === 'story' ? `${number} ${name}` : name));
  throw new DetourError(
    'usage',
    `there is no story "${visible(wanted, { max: 40 })}"`,
    `choose one of: ${names.join(', ')}`,
  );
}

// Resolves at the first Ctrl-C, or when the process is asked to end in another way. The second Ctrl-C ends it at once.
function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    let times = 0;
    const stop = (signal: NodeJS.Signals): void => {
      times += 1;
      // The terminal has printed ^C, so what is said next begins on a new line.
      if (signal === 'SIGINT' && process.stderr.isTTY) say();
      if (times > 1) process.exit(INTERRUPTED);
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
}

function announce(running: Board, { host: address, port: wanted }: Flags, stage: boolean): void {
  const bound = running.port;
  if (wanted !== 0 && bound !== wanted) say(`port ${wanted} is taken: the board takes ${bound}`);
  say(`board listens on ${formatAddress(address, bound)}, pid ${process.pid}`);
  const here = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address] ?? address;
  const url = (name: string): string => `http://${formatAddress(name, bound)}/`;
  say(`  open   ${url(here)}${stage ? `#token=${running.token}` : ''}`);
  if (!isLoopback(address)) announceToWatchers(address, url, stage);
  say('  Ctrl-C ends it, and every process on it');
}

function announceToWatchers(address: string, url: (name: string) => string, stage: boolean): void {
  const own = ownAddresses(address);
  const [first] = own;
  if (first === undefined) {
    say('  This computer has no address that others could reach: is it in a network?');
    return;
  }
  for (const { address: name, card } of own) say(`  watch  ${url(name)}   (${card})`);
  const who = 'anybody in that network can watch';
  sayWrapped('    ', stage ? `${who}; to command takes the token in the first address` : who);
  if (obeysEscapes(process.stderr)) say(qrCode(url(first.address)));
}
