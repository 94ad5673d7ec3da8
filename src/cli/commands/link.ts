// `detour link`: a network between two processes that can be broken on purpose, by typed commands or by a script.

import { type Command, InvalidArgumentError, Option } from 'commander';
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
import { neverBlock, own, say } from '../render/output.ts';
import { HELP, parseCommand, readScript, segment } from '../typed-commands.ts';

interface Flags extends ActorFlags {
  readonly host: string;
  readonly listen: number;
  readonly to: Address;
  readonly latency?: string;
  readonly jitter?: string;
  readonly rate?: string;
  readonly slice?: string;
  readonly limit?: string;
  readonly chance?: number;
  readonly seed?: number;
  readonly script?: string;
}

// Checks a value now but keeps it as it was typed, because it is obeyed, and logged, like a typed command.
const checked =
  (check: (text: string) => number) =>
  (text: string): string => {
    check(text);
    return text;
  };

/** Reads a chance such as `10%`. @returns more than 0 and at most 1 @throws InvalidArgumentError */
function percentage(text: string): number {
  const [, number = ''] = /^([0-9]{1,3}(?:\.[0-9]{1,3})?)%$/.exec(text) ?? [];
  const part = Number(number) / 100;
  if (part > 0 && part <= 1) return part;
  throw new InvalidArgumentError(`"${text}" is not a chance: write 10% or 0.5%, at most 100%.`);
}

/** The command `detour link`. */
export const link: CommandSpec = {
  summary: 'a network between two processes, to break on purpose',
  build(command: Command): void {
    command
      .option('--host <address>', 'address to listen on; 0.0.0.0 for all', host, '127.0.0.1')
      .option('--listen <port>', 'port to listen on; 0 for any free one', port, 4102)
      .addOption(addressOption('--to <address>', 'where to forward each connection', 4101))
      .option('--latency <time>', 'delay every byte by this much', checked(duration))
      .option('--jitter <time>', 'add a random delay of up to this much', checked(duration))
      .option('--rate <speed>', 'bytes a second each way, such as 64kB/s', checked(rate))
      .option('--slice <bytes>', 'cut the stream into segments of this many bytes', checked(segment))
      .option('--limit <bytes>', 'cut after this many bytes, both directions together', checked(count))
      .option('--chance <share>', 'share of the connections with faults, such as 10%', percentage)
      .addOption(new Option('--seed <n>', 'the random seed, to repeat a run').argParser(count))
      .option('--script <file>', 'what to do and when: a time and a command per line, "2s cut"', path)
      .addHelpText(
        'after',
        `\nCommands, typed or in the script after a time:\n${HELP.map((line) => `  ${line}`).join('\n')}\n\n${KERNEL}\n`,
      );
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

const KERNEL = `The kernel of the link's computer accepts every connection to the link at once,
also when the cable is cut (then nothing passes) and when the line is slow:
latency delays bytes, not the connect, which on a real line takes two
crossings. Latency hardly limits the speed: up to 4 MiB are under way in each
direction of each connection (64 MiB in all), so at 500ms 8 MB a second pass.

If nobody listens at --to, the connection is accepted and then reset. Only
refuse makes a caller meet ECONNREFUSED, and only full makes connecting hang
(if this system refuses it instead, the link says so). When full begins or
ends, nobody listens for about a millisecond.

slice sends a segment every 5 ms, each way. If more than 50 would wait, they
are larger: a long message comes in larger segments, and in seconds.

With --chance it is drawn for each connection, when it comes, whether the
faults hold for it; the link says which are faulty. For the others the network
is whole. refuse and full hold for all: they are about the listener.`;

/** The largest seed; a person must be able to type it. */
const LARGEST_SEED = 999_999_999;

async function run(flags: Flags): Promise<number> {
  if (await isSelfLoop({ host: flags.host, port: flags.listen }, flags.to))
    throw new DetourError(
      'usage',
      `The link would call itself: it listens on ${formatAddress(flags.to.host, flags.to.port)}.`,
      'choose another port with --listen',
    );
  neverBlock();
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
  const { chance: share } = flags;
  // Numbers of its own: how many jitter takes depends on the time, and the connections that are faulty must not.
  const drawn = prng(seed);
  const running = await startLink({
    host: flags.host,
    port: flags.listen,
    to: flags.to,
    clock,
    emit,
    random: prng(seed),
    ...(share === undefined ? {} : { draw: () => drawn() < share }),
  });
  if (!actor.json) announce(running, flags.to);
  if (share !== undefined)
    emit({
      event: 'notice',
      text: `the faults hold for ${Number((100 * share).toFixed(3))} % of the calls (--seed ${seed})`,
    });
  const obey = inTurn(running);
  for (const word of ['latency', 'jitter', 'rate', 'slice', 'limit'] as const) {
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
    say(`stopped; ${connections === 0 ? 'no connection was open' : `connections closed: ${connections}`}.`);
  actor.close();
  return 0;
}

// Obeys one command after the other, even when one has to wait for the kernel.
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
  const { cut, stalled, listening, full, left, latency, jitter, rate: speed, slice } = running.conditions();
  const is = [
    cut ? 'cut' : 'whole',
    ...[...stalled].map((direction) => `${direction} stalled`),
    ...(listening ? [] : ['nobody listens']),
    ...(full ? ['the backlog is full'] : []),
    ...(left === Number.POSITIVE_INFINITY ? [] : [`cut after ${left} more bytes`]),
    ...(latency > 0 ? [`latency ${writeDuration(latency)}`] : []),
    ...(jitter > 0 ? [`jitter ${writeDuration(jitter)}`] : []),
    ...(speed === Number.POSITIVE_INFINITY ? [] : [`${speed} bytes a second`]),
    ...(slice === Number.POSITIVE_INFINITY ? [] : [`slice ${slice}`]),
  ];
  const text = `${is.join(', ')}; connections ${connections}, ${up} bytes up, ${down} down, ${held} held`;
  if (json) process.stderr.write(`${text}\n`);
  else say(`  ${text}`);
}

function announce({ host: address, port: bound }: Link, to: Address): void {
  const [here, there] = [formatAddress(address, bound), formatAddress(to.host, to.port)];
  say(`link listens on ${here}, pid ${process.pid}; forwards calls to ${there}`);
  say(own('  type: cut · heal · reset · close · refuse · full · accept · stall up|down'));
  say(own('        limit 500 · latency 200ms · jitter 50ms · rate 64kB/s · slice 3'));
  say(own('        status · kill · freeze 20s · Ctrl-C = polite stop'));
}

const SORTS: Readonly<Record<string, string>> = { yes: ', faulty', no: ', healthy' };

function narrate(event: Event, ms: number, seed: number): void {
  const line = (text: string): void => say(`  ${writeDuration(ms).padStart(8)}  ${text}`);
  const bytes = (of: { up: number; down: number }): string => `${of.up} bytes up, ${of.down} down`;
  if (event.event === 'linked')
    line(`call ${event.line} from ${event.from}${SORTS[event.faulty ?? ''] ?? ''}`);
  else if (event.event === 'unlinked')
    line(`call ${event.line} over (${event.how === 'fin' ? 'FIN' : event.how}), ${bytes(event)}`);
  else if (event.event === 'fault') {
    const value = event.value === undefined ? '' : ` ${event.value}`;
    const again = event.fault === 'jitter' ? ` (--seed ${seed})` : '';
    line(`${event.fault}${value}${again}; passed so far: ${bytes(event)}`);
  } else if (event.event === 'notice') line(event.text);
  else if (event.event === 'freezing') line(`frozen for ${writeDuration(event.ms)}`);
  else if (event.event === 'thawed') line('thawed');
}
