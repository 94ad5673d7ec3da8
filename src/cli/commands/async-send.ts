// `detour async send`: hands messages to the relay. Returns when they are durable there, or with --wait when their fate is known.

import { type Command, InvalidArgumentError } from 'commander';
import { asTyped } from '../../core/command-name.ts';
import { DetourError } from '../../core/error.ts';
import { Ladder } from '../../exchange/ladder.ts';
import { type Depositor, openDepositor } from '../../library/deposit.ts';
import type { Addressee, Sent } from '../../library/sent.ts';
import { type Address, formatAddress } from '../../net/address.ts';
import { type Actor, type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { count, deadline, id, name, ttl, writeDuration } from '../input.ts';
import { messageSource } from '../messages.ts';
import { addressOption, deadlineOf, heartbeatOption, patientOption, timeoutOption } from '../options.ts';
import type { Repeat } from '../render/report.ts';
import { checkLadder } from '../render/rungs.ts';
import { Steps } from '../render/steps.ts';
import { type Fate, type Route, runSend, type SendFlags } from '../sending.ts';
import { type News, Waiter } from '../waiting.ts';

interface Flags extends ActorFlags, SendFlags {
  readonly to: string;
  readonly relay: Address;
  readonly heartbeat: number;
  readonly ttl?: number;
  readonly wait?: number | true;
}

/** How long --wait waits by default, in milliseconds. */
const WAIT_MS = 60_000;
/** How many messages are under way at the same time with --count, if the relay's window allows it. */
const AT_ONCE = 256;
/** Codes that the same command would only get again, so that repeating it is no use. */
const INCURABLE = new Set(['id_reused', 'too_large', 'wrong_name', 'version']);

/** The command `detour async send`. */
export const asyncSend: CommandSpec = {
  summary: 'hand a message to the relay, which keeps it until the recipient comes',
  build(command: Command): void {
    command
      .argument(
        '[message...]',
        'the message, or - for standard input; without it, a pipe is read, or one message per typed line',
      )
      .option('--to <name>', 'whom it is for', recipient, 'bob')
      .option('--as <name>', 'who you are', name, 'alice')
      .addOption(addressOption('--relay <address>', 'where the relay listens', 4100))
      .addOption(timeoutOption('one deadline for all attempts'))
      .addOption(patientOption())
      .addOption(heartbeatOption())
      .option('--ttl <time>', 'the relay drops it after this time', ttl)
      .option(
        '--wait [time]',
        'wait for the receipt or bounce (default 1m); exit 30 if neither comes',
        waitTime,
      )
      .option('--id <id>', 'send with this id: repeats an UNKNOWN safely for at least 10 minutes', id)
      .option('--lines', 'each line of standard input is a message')
      .option('--ladder', 'show how far each message gets, rung by rung, and who vouches for it')
      .option('--count <n>', 'send it this many times', count);
    actorOptions(command).action(async (words: string[], flags: Flags) => {
      process.exitCode = await run(words, flags);
    });
  },
};

async function run(words: string[], flags: Flags): Promise<number> {
  checkLadder(flags);
  if (flags.count !== undefined && (flags.id !== undefined || flags.wait !== undefined)) {
    throw new DetourError(
      'usage',
      '--count goes with neither --id nor --wait.',
      'They are about one message.',
    );
  }
  const source = await messageSource(words, flags.lines === true);
  if (source.kind === 'typed' && flags.id !== undefined) {
    throw new DetourError('usage', '--id is for one message.', 'Write the message after the command.');
  }
  const steps = new Steps(
    flags,
    () => route.to().peer,
    () => flags.to,
  );
  // The steps are shown for one message only.
  const one = flags.count === undefined;
  const actor = await startActor(flags.as, flags, (event) => steps.tell(event), one);
  const route = new AsyncRoute(actor, flags);
  return runSend(actor, route, steps, source, flags);
}

class AsyncRoute implements Route {
  readonly atOnce = AT_ONCE;
  readonly news: Route['news'];
  readonly #depositor: Depositor;
  readonly #flags: Flags;
  readonly #waiter: Waiter | undefined;
  readonly #context: Actor['context'];
  #ladder: Ladder | undefined;
  #interrupted = false;

  constructor({ context }: Actor, flags: Flags) {
    this.#context = context;
    const options = { heartbeatSeconds: flags.heartbeat, context };
    this.#depositor = openDepositor(flags.relay, { ...options, as: flags.as });
    this.#flags = flags;
    const { wait } = flags;
    if (wait === undefined) return;
    const waiter = new Waiter(flags.relay, options);
    this.#waiter = waiter;
    const ms = wait === true ? WAIT_MS : wait;
    this.news = async (sent) => {
      const news = repeatsAnother(sent) ? undefined : await waiter.wait(sent.id, ms);
      this.#ladder?.news(news);
      return fate(flags, news, sent, this.#interrupted ? undefined : ms);
    };
  }

  send(messageId: string, body: Buffer): Promise<Sent> {
    const { to, ttl: life, id: given } = this.#flags;
    this.#interrupted = false;
    if (this.#flags.ladder)
      this.#ladder = new Ladder({
        id: messageId,
        route: 'async',
        waits: this.news !== undefined,
        ...this.#context,
      });
    // --id means that another process may have sent this message before; what became of it then is not known here.
    return this.#depositor.deposit(to, body, {
      id: messageId,
      ttlSeconds: life,
      notify: this.#waiter?.name,
      ...deadlineOf(this.#flags),
      earlier: given !== undefined,
      ladder: this.#ladder,
    });
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#depositor.interrupt();
    this.#waiter?.stop();
  }

  async close(): Promise<void> {
    await Promise.all([this.#depositor.close(), this.#waiter?.stop()]);
  }

  to(): Addressee {
    return this.#depositor.relay;
  }

  success({ number, present, duplicate }: Sent): { rest: string; lines: string[] } {
    const { to, ttl: life } = this.#flags;
    if (present === undefined) return { rest: "on the relay's disk.", lines: [] };
    if (duplicate)
      return {
        rest: `the relay stored it before, as number ${number} for ${to}.`,
        lines: [
          'A repeat, known by its id: it makes no second message. This answer does not',
          `say whether the first still waits for ${to}, was collected, or expired.`,
        ],
      };
    const a = /^[aeiou]/.test(to) ? 'an' : 'a';
    const atMost = life === undefined ? '' : ', no longer than its --ttl';
    const where = {
      never: `This relay has never seen ${a} ${to}. It waits for one${atMost}.`,
      no: `${to} is away. The relay keeps it until ${to} comes${atMost}.`,
      yes: `${to} is connected. The relay passes it on.`,
    }[present];
    const promise =
      present === 'never'
        ? `STORED is the relay's promise. ${to} has not seen the message.`
        : `STORED is the relay's promise. It does not say that ${to} has seen the message.`;
    return { rest: `on the relay's disk, number ${number} for ${to}.`, lines: [where, promise] };
  }

  repeat({ code, id: messageId }: Sent, body: Buffer): Repeat | undefined {
    if (INCURABLE.has(code)) return undefined;
    const { as, to, relay, ttl: life } = this.#flags;
    const parts = [asTyped('detour async send'), `--id ${messageId}`];
    if (as !== 'alice') parts.push(`--as ${as}`);
    if (to !== 'bob') parts.push(`--to ${to}`);
    if (relay.port !== 4100 || relay.host !== '127.0.0.1')
      parts.push(`--relay ${formatAddress(relay.host, relay.port)}`);
    if (life !== undefined) parts.push(`--ttl ${life}s`);
    const text = body.toString();
    const plain = /^[A-Za-z0-9 .,:;?+=@_/-]{1,200}$/.test(text) && !text.startsWith('-');
    if (plain) parts.push(`"${text}"`);
    const which = plain ? 'the same id' : 'the same id, followed by the same message';
    return { command: parts.join(' '), why: `(${which}: one message, never two, for at least 10 minutes)` };
  }
}

// The relay sends news to the mailbox that the first SEND of an id named. If this process wrote the SEND once and it was a repeat, then
// the first SEND came from another process, and no news comes here.
function repeatsAnother({ duplicate, attempts }: Sent): boolean {
  const written = attempts.filter(({ phase, end }) => phase === 'written' && end?.how !== 'earlier');
  return duplicate && written.length < 2;
}

// `waited`: how long it waited for the news, in milliseconds; undefined if Ctrl-C ended the wait.
function fate(
  { to, ttl: life }: Flags,
  news: News | undefined,
  sent: Sent,
  waited: number | undefined,
): Fate {
  if (news === undefined && repeatsAnother(sent))
    return { verdict: 'STORED', rest: ': news of it, if any, goes to the first sender, not here.' };
  if (news === undefined) {
    const mayExpire = life !== undefined || sent.duplicate;
    const where = mayExpire ? 'or it waits, or expired' : 'or it waits at the relay';
    const none = waited === undefined ? 'no news yet' : `no news within ${writeDuration(waited)}`;
    return { verdict: 'STORED', rest: `, ${none}: ${to} may have it, ${where}.` };
  }
  if (news.kind === 'receipt') return { verdict: 'DELIVERED', rest: `: ${to}'s program acknowledged it.` };
  if (!news.tried)
    return { verdict: 'NOT_DELIVERED', rest: `: it expired; the relay never wrote it to ${to}.` };
  return {
    verdict: 'UNKNOWN',
    rest: `: it expired, but may have been written to ${to}; no ACK came.`,
  };
}

// Giving an address instead of a name is the commonest mix-up of the two modes.
function recipient(text: string): string {
  if (/^[0-9]{1,5}$/.test(text)) {
    throw new InvalidArgumentError(
      `"${text}" is a port, but a name is needed here, such as bob. The address of the relay is given with --relay 127.0.0.1:${text}.`,
    );
  }
  if (/^[\w.-]+:[0-9]+$/.test(text) || /^[0-9.]+$/.test(text)) {
    throw new InvalidArgumentError(
      `"${text}" is an address, but a name is needed here, such as bob. The address of the relay is given with --relay ${text}.`,
    );
  }
  return name(text);
}

// The word after --wait is its time, so a message there is taken for one.
function waitTime(text: string): number {
  if (/^[0-9-]/.test(text)) return deadline(text);
  throw new InvalidArgumentError(
    `--wait takes the next word for its time, and "${text}" is not a time. Write --wait after the message, or give the time: --wait 1m.`,
  );
}
