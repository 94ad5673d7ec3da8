// `detour link`: a network between two processes that can be broken on purpose, by a line typed or a script.

import { type Command, Option } from 'commander';
import { DetourError } from '../../core/error.ts';
import type { Event } from '../../core/event.ts';
import { prng } from '../../core/prng.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { type Link, type LinkCommand, startLink } from '../../lab/faults/link.ts';
import { isSelfLoop } from '../../lab/faults/self-loop.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import { type Actor, type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { count, duration, host, path, port, rate, writeDuration } from '../input.ts';
import { addressOption } from '../options.ts';
import { say } from '../render/output.ts';
import { HELP, parseCommand, readScript } from '../typed-commands.ts';

interface Flags extends ActorFlags {
  readonly host: string;
  readonly listen: number;
  readonly to: Address;
  readonly latency?: string;
  readonly jitter?: string;
  readonly rate?: string;
  readonly limit?: string;
  readonly seed?: number;
  readonly script?: string;
}

// Checked as it is read, and kept as it was typed: it is obeyed like a typed line, and stands in the log like one.
const checked =
  (check: (text: string) => number) =>
  (text: string): string => {
    check(text);
    return text;
  };

export const link: CommandSpec = {
  summary: 'a network between two processes, to break on purpose',
  build(command: Command): void {
    command
      .option('--host <address>', 'address to listen on; 0.0.0.0 for all', host, '127.0.0.1')
      .option('--listen <port>', 'port to listen on; 0 for any free one', port, 4102)
      .addOption(addressOption('--to <place>', 'whom to call for each caller', 4101))
      .option('--latency <time>', 'delay every byte by this much', checked(duration))
      .option('--jitter <time>', 'add a random delay of up to this much', checked(duration))
      .option('--rate <speed>', 'bytes a second each way, such as 64kB/s', checked(rate))
      .option('--limit <bytes>', 'cut after so many bytes, both ways together', checked(count))
      .addOption(new Option('--seed <n>', 'the seed of chance, to have it again').argParser(count))
      .option('--script <file>', 'what to do and when: on each line a time and an order, "2s cut"', path)
      .addHelpText(
        'after',
        `\nTyped to it, or in the script behind a time:\n${HELP.map((line) => `  ${line}`).join('\n')}\n\n${KERNEL}\n`,
      );
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

const KERNEL = `A call to a link is taken by the kernel of the link's computer, also when the
cable is cut: then nothing passes on it. Is there nobody at --to, the call is
taken and then reset. Only refuse lets a caller meet ECONNREFUSED, and only full
lets a call hang (if this system refuses it instead, the link says so). When
full begins and ends there is a moment, about a millisecond, without a listener.`;

/** Seeds go from 1 to this, as a person can type them. */
const LARGEST_SEED = 999_999_999;

async function run(flags: Flags): Promise<number> {
  if (await isSelfLoop({ host: flags.host, port: flags.listen }, flags.to))
    throw new DetourError(
      'usage',
      `The link would call itself: ${formatAddress(flags.to.host, flags.to.port)} is where it listens.`,
      'choose another port with --listen',
    );
  const script = flags.script === undefined ? [] : readScript(flags.script);
  const seed = flags.seed ?? 1 + Math.floor(Math.random() * LARGEST_SEED);
  const begin = performance.now();
  const actor = await startActor(
    'link',
    flags,
    (event) => narrate(event, performance.now() - begin, seed),
    false,
  );
  const { clock, emit } = actor.context;
  const running = await startLink({
    host: flags.host,
    port: flags.listen,
    to: flags.to,
    clock,
    emit,
    random: prng(seed),
  });
  if (!actor.json) announce(running, flags.to);
  const obey = inTurn(running);
  for (const word of ['latency', 'jitter', 'rate', 'limit'] as const) {
    const value = flags[word];
    if (value !== undefined) obey(parseCommand(`${word} ${value}`));
  }
  const timers = script.map(({ at, command }) => clock.after(at, () => obey(command)));
  actor.obeyLines((line) => typed(line, running, actor, obey));
  await new Promise<void>((stop) => {
    actor.onInterrupt((times) => {
      if (times > 1) process.exit(INTERRUPTED);
      stop();
    });
  });
  for (const timer of timers) timer.cancel();
  emit({ event: 'stopping', why: 'asked' });
  const { connections } = running.counts();
  running.close();
  if (!actor.json)
    say(`stopped; ${connections === 0 ? 'no connection stood' : `connections let go: ${connections}`}.`);
  actor.close();
  return 0;
}

// One command after the other, also when one has to wait for the kernel.
function inTurn(running: Link): (command: LinkCommand) => void {
  let last: Promise<void> = Promise.resolve();
  return (command) => {
    last = last
      .then(() => running.obey(command))
      .catch((error: unknown) => say(`  ${error instanceof Error ? error.message : String(error)}`));
  };
}

function typed(line: string, running: Link, actor: Actor, obey: (command: LinkCommand) => void): void {
  if (line.trim() === 'status') {
    tellStatus(running, actor.json);
    return;
  }
  try {
    obey(parseCommand(line));
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    say(visible(`  ${error.message}${error.hint === '' ? '' : ` For example: ${error.hint}`}`));
  }
}

function tellStatus(running: Link, json: boolean): void {
  const { connections, up, down, held } = running.counts();
  const { cut, stalled, listening, full, left, latency, jitter, rate: speed } = running.conditions();
  const is = [
    cut ? 'cut' : 'whole',
    ...[...stalled].map((direction) => `${direction} stands still`),
    ...(listening ? [] : ['nobody listens']),
    ...(full ? ['the backlog is full'] : []),
    ...(left === Number.POSITIVE_INFINITY ? [] : [`cut after ${left} bytes more`]),
    ...(latency > 0 ? [`latency ${writeDuration(latency)}`] : []),
    ...(jitter > 0 ? [`jitter ${writeDuration(jitter)}`] : []),
    ...(speed === Number.POSITIVE_INFINITY ? [] : [`${speed} bytes a second`]),
  ];
  const text = `${is.join(', ')}; connections ${connections}, ${up} bytes up, ${down} down, ${held} held`;
  if (json) process.stderr.write(`${text}\n`);
  else say(`  ${text}`);
}

function announce({ host: address, port: bound }: Link, to: Address): void {
  const [here, there] = [formatAddress(address, bound), formatAddress(to.host, to.port)];
  say(`link listens on ${here}, pid ${process.pid}; calls go on to ${there}`);
  say('  type: cut · heal · reset · close · refuse · full · accept · stall up|down');
  say('        limit 500 · latency 200ms · jitter 50ms · rate 64kB/s · status');
  say('        kill · freeze 20s · Ctrl-C = polite stop');
}

function narrate(event: Event, ms: number, seed: number): void {
  const line = (text: string): void => say(`  ${writeDuration(ms).padStart(8)}  ${text}`);
  const bytes = (of: { up: number; down: number }): string => `${of.up} bytes up, ${of.down} down`;
  if (event.event === 'linked') line(`call ${event.line} from ${event.from}`);
  else if (event.event === 'unlinked')
    line(`call ${event.line} over (${event.how === 'fin' ? 'FIN' : event.how}), ${bytes(event)}`);
  else if (event.event === 'fault') {
    const value = event.value === undefined ? '' : ` ${event.value}`;
    const again = event.fault === 'jitter' ? ` (--seed ${seed})` : '';
    line(`${event.fault}${value}${again}; passed until now: ${bytes(event)}`);
  } else if (event.event === 'notice') line(event.text);
  else if (event.event === 'freezing') line(`frozen for ${writeDuration(event.ms)}`);
  else if (event.event === 'thawed') line('thawed');
}
