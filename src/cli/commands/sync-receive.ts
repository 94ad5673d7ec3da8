// `detour sync receive`: listens for senders and shows what they send.

import type { Command } from 'commander';
import { DetourError } from '../../core/error.ts';
import type { Event } from '../../core/event.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { visible } from '../../core/visible.ts';
import { type ReceivedMessage, receive } from '../../library/receive.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import { type ActorFlags, actorOptions, laterOption, startActor, untilTyped } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { count, duration, host, name, port, writeDuration } from '../input.ts';
import { Arriving } from '../render/arriving.ts';
import { own, say } from '../render/output.ts';
import { sayAddresses } from '../render/reach.ts';
import { show } from '../render/showing.ts';
import { ANSWERED, Working } from '../working.ts';

interface Flags extends ActorFlags {
  readonly as: string;
  readonly host: string;
  readonly port: number;
  readonly reply?: string;
  readonly echo?: true;
  readonly work?: number;
  readonly count?: number;
  readonly later?: true;
}

/** The command `detour sync receive`. */
export const syncReceive: CommandSpec = {
  summary: 'listen for senders and show what they send',
  build(command: Command): void {
    command
      .option('--as <name>', 'who you are', name, 'bob')
      .option('--host <address>', 'address to listen on; 0.0.0.0 for all', host, '127.0.0.1')
      .option('--port <port>', 'port to listen on; 0 for any free one', port, 4101)
      .option('--reply <text>', 'answer each message with this text')
      .option('--echo', 'answer each message with itself')
      .option('--work <time>', 'wait this long between showing a message and answering it', duration)
      .option('--count <n>', 'stop after this many messages', count);
    actorOptions(command.addOption(laterOption())).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  if (flags.reply !== undefined && flags.echo)
    throw new DetourError('usage', 'Give --reply or --echo, not both.');
  const arriving = new Arriving();
  const tell = (event: Event): void => {
    arriving.saw(event);
    narrate(event);
  };
  const actor = await startActor(flags.as, flags, tell, true);
  if (flags.later) await untilTyped(actor.context);
  const working = new Working(actor.context.clock, ANSWERED);
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const handle = async ({ id, from, body }: ReceivedMessage): Promise<Buffer | undefined> => {
    left -= 1;
    if (left < 0) throw new Error('it has already shown as many as --count allows');
    const work = flags.work ?? 0;
    const note = work > 0 ? `answers in ${writeDuration(work)}` : '';
    await working.during(from, work, () => show(actor, [{ id, from, body, note }], work));
    if (left === 0) stop();
    if (flags.echo) return body;
    return flags.reply === undefined ? undefined : Buffer.from(flags.reply);
  };
  const receiver = await receive({
    as: flags.as,
    host: flags.host,
    port: flags.port,
    context: actor.context,
    handle,
  });
  const where = formatAddress(receiver.host, receiver.port);
  if (!actor.json) announce(flags, receiver, where);
  actor.obeyLines(`${flags.as} only listens`);
  actor.onInterrupt((times) => {
    if (!actor.json) working.tell(times);
    if (times > 1) process.exit(INTERRUPTED);
    stop();
  });
  await stopped;
  actor.context.emit({ event: 'stopping', why: left <= 0 ? 'done' : 'asked' });
  await receiver.close();
  if (!actor.json) say(`stopped; nobody listens on ${where} now.`);
  actor.close();
  return 0;
}

function announce({ as, work }: Flags, { host, port }: Address, where: string): void {
  const working = work === undefined ? '' : `; answers ${writeDuration(work)} after showing a message`;
  say(`${as} listens on ${where}, pid ${process.pid}${working}`);
  sayAddresses(host, port, '--to', 'send as anybody, and read along');
  say(own('  type: kill · freeze 20s · Ctrl-C = polite stop'));
}

function narrate(event: Event): void {
  if (event.event === 'sent' && event.verb === 'RECEIVED') say(`  answered RECEIVED, id ${event.fields.id}`);
  else if (event.event === 'refused') say(`  refused (${event.code}): ${visible(event.reason)}`);
  else if (event.event === 'silent')
    say(`  a sender gave no sign of life for ${writeDuration(event.ms)}: connection closed`);
  else if (event.event === 'broken') say(`  a sender's connection failed (${event.code})`);
  else if (event.event === 'freezing')
    say(`  frozen for ${writeDuration(event.ms)}: the program stands still, the kernel goes on`);
  else if (event.event === 'thawed') say('  thawed');
}
