// `detour async receive`: collects the mail of a name from the relay, then leaves, or stays with --follow.

import type { Command } from 'commander';
import { type Collected, RECEIVE_WINDOW } from '../../async/receiver.ts';
import { DetourError } from '../../core/error.ts';
import type { Event } from '../../core/event.ts';
import { ms } from '../../core/units.ts';
import { INTERRUPTED, REPLACED } from '../../core/verdicts.ts';
import { collectBatches } from '../../library/collect.ts';
import { connectionError } from '../../library/sent.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import type { Message } from '../../wire/verbs.ts';
import { type Actor, type ActorFlags, actorOptions, laterOption, startActor, untilTyped } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { count, duration, name, writeDuration } from '../input.ts';
import { addressOption, heartbeatOption, timeoutOption } from '../options.ts';
import { Arriving } from '../render/arriving.ts';
import { own, say, sayWrapped, withNote } from '../render/output.ts';
import { connectionLines } from '../render/report.ts';
import { clockTime, show } from '../render/showing.ts';
import { ACKNOWLEDGED, Working } from '../working.ts';

interface Flags extends ActorFlags {
  readonly as: string;
  readonly relay: Address;
  readonly timeout: number;
  readonly heartbeat: number;
  readonly work?: number;
  readonly follow?: true;
  readonly count?: number;
  readonly later?: true;
}

/** A message that was held for this long, in milliseconds, comes late: otherwise the relay would have passed it on at once. */
const LATE_MS = 1000;

/** The command `detour async receive`. */
export const asyncReceive: CommandSpec = {
  summary: 'collect your mail from the relay',
  build(command: Command): void {
    command
      .option('--as <name>', 'whose mail to collect', name, 'bob')
      .addOption(addressOption('--relay <address>', 'where the relay listens', 4100))
      .addOption(timeoutOption('how long connecting and greeting may take'))
      .addOption(heartbeatOption())
      .option('--work <time>', 'wait this long between showing a message and acknowledging it', duration)
      .option('--follow', 'stay and wait for more; reconnect when the connection is lost')
      .option('--count <n>', 'leave after this many messages', count);
    actorOptions(command.addOption(laterOption())).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  if (flags.follow && flags.count !== undefined)
    throw new DetourError('usage', 'Give --follow or --count, not both.');
  const arriving = new Arriving();
  const narrate = narrator(flags);
  let sameComputer = false;
  const tell = (event: Event): void => {
    arriving.saw(event);
    if (event.event === 'connected') sameComputer = hostOf(event.local) === hostOf(event.remote);
    narrate(event);
  };
  const actor = await startActor(flags.as, flags, tell, true);
  if (flags.later) await untilTyped(actor.context);
  const working = new Working(actor.context.clock, ACKNOWLEDGED);
  const leave = new AbortController();
  actor.obeyLines(`${flags.as} only collects mail`);
  actor.onInterrupt((times) => {
    if (!actor.json) working.tell(times);
    if (times > 1) process.exit(INTERRUPTED);
    leave.abort();
  });
  const where = formatAddress(flags.relay.host, flags.relay.port);
  if (!actor.json && flags.follow) {
    say(`${flags.as} waits for mail from the relay on ${where}, pid ${process.pid}`);
    say(own('  type: kill · freeze 20s · Ctrl-C = leave'));
  } else if (!actor.json) say(`${flags.as} collects from the relay on ${where}`);
  const collected = await collectBatches(flags.relay, {
    as: flags.as,
    heartbeatSeconds: flags.heartbeat,
    context: actor.context,
    follow: flags.follow === true || flags.count !== undefined,
    limit: flags.count,
    timeoutMs: flags.timeout,
    signal: leave.signal,
    // On a terminal each message is acknowledged before the next one is shown. A file or a program gets all that has arrived together.
    together: actor.json || flags.work !== undefined || process.stdout.isTTY ? 1 : RECEIVE_WINDOW,
    handle: (messages) =>
      working.during(messages[0]?.from ?? '', flags.work ?? 0, () =>
        show(
          actor,
          messages.map((each) => {
            const heldMs = sameComputer ? Math.max(each.held, Date.now() - each.at) : each.held;
            return { ...each, note: noteOf(each, flags, heldMs) };
          }),
          flags.work ?? 0,
        ),
      ),
  });
  actor.context.emit({ event: 'stopping', why: collected.why === 'ended' ? 'failed' : 'done' });
  const exit = conclude(actor, flags, collected);
  actor.close();
  return exit;
}

// On one computer there is one clock: then `at` tells how long a message was held, also while this program stood still and its kernel had it.
const hostOf = (place: string): string => place.slice(0, place.lastIndexOf(':'));

/** What is said beside a message. @param heldMs how long the relay has held it, in milliseconds */
export function noteOf(
  { attempt, at }: Pick<Message<'MESSAGE'>, 'attempt' | 'at'>,
  { as, work = 0 }: Pick<Flags, 'as' | 'work'>,
  heldMs: number,
): string {
  const notes = [];
  const late = heldMs >= LATE_MS && process.stdout.isTTY ? `held ${writeDuration(heldMs)}` : '';
  if (attempt > 1)
    notes.push(
      `attempt ${attempt}${late && `, ${late}`}: an earlier ${as} may have seen it, but no ACK came`,
    );
  else if (late !== '') notes.push(`stored ${clockTime(at)}, ${late}`);
  if (work > 0) notes.push(`acknowledges in ${writeDuration(work)}`);
  return notes.join('; ');
}

function conclude(
  actor: Actor,
  flags: Flags,
  { handled, why, end, phase, seen, confirmed }: Collected,
): number {
  const replaced = why === 'ended' && end?.how === 'bye' && end.code === 'replaced' ? end : undefined;
  if (actor.json) return replaced !== undefined ? REPLACED : why === 'ended' ? 1 : 0;
  const messages = handled === 1 ? '1 message' : `${handled} messages`;
  if (why === 'ended' && end !== undefined) {
    if (replaced !== undefined) {
      const from = replaced.by === undefined ? '' : `, from ${replaced.by},`;
      say(
        withNote(
          `${messages}, then another ${flags.as}${from} took over the mailbox.`,
          `exit ${REPLACED}`,
          80,
        ),
      );
      sayWrapped(
        '  ',
        `Each mailbox has one collector, and the newest wins. Leaving for good. In a class give each a name: --as anna, or DETOUR_AS in the environment.`,
      );
      return REPLACED;
    }
    const greeted = handled > 0 || phase === 'ready';
    say(
      withNote(
        greeted
          ? `${messages}, then the connection ended. What was not acknowledged stays there.`
          : 'Nothing collected.',
        'exit 1',
        80,
      ),
    );
    const { host, port } = flags.relay;
    const to = { route: 'async', peer: 'the relay', address: formatAddress(host, port) } as const;
    for (const line of connectionLines(connectionError({ phase, end, seen }, to))) say(line);
    return 1;
  }
  const rest = {
    empty: `nothing else waits for ${flags.as}. Leaving (--follow stays).`,
    limit: 'as many as asked for. Leaving.',
    stopped: 'stopped. What was not acknowledged stays at the relay.',
    ended: '',
  }[why];
  say(withNote(`${messages}, ${rest}`, 'exit 0', 80));
  if (handled > 0 && !confirmed)
    say('  The relay has not confirmed the last acknowledgement: that message may come again.');
  return 0;
}

// The talk about the connection. @returns a function that takes each event
function narrator({ follow }: Flags): (event: Event) => void {
  /** Why the last try failed, since the relay greeted. */
  let before: string | undefined;
  return (event) => {
    if (event.event === 'reconnecting') {
      const why = event.text ?? event.why;
      sayWrapped('  ', `${why === before ? 'the same again' : why}; calling again in ${ms(event.ms)}`);
      before = why;
    } else if (event.event === 'connected' && follow)
      say(`  connected: the kernel of ${event.remote} took the call`);
    else if (event.event === 'received' && event.verb === 'READY') {
      before = undefined;
      if (follow) say("  READY: the relay's program is there");
    } else if (event.event === 'repeated')
      say(`  seen before, not shown again: number ${event.seq}, attempt ${event.attempt}`);
    else if (event.event === 'silent') say(`  the relay gave no sign of life for ${writeDuration(event.ms)}`);
    else if (event.event === 'freezing')
      say(`  frozen for ${writeDuration(event.ms)}: the program stands still, the kernel goes on`);
    else if (event.event === 'thawed') say('  thawed');
  };
}
