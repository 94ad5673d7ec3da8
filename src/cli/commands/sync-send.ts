// `detour sync send`: calls the receiver directly and sends each message once.

import type { Command } from 'commander';
import { Ladder } from '../../exchange/ladder.ts';
import { openSender, type Sender } from '../../library/send.ts';
import type { Addressee } from '../../library/sent.ts';
import type { Address } from '../../net/address.ts';
import { type Actor, type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { count, name } from '../input.ts';
import { messageSource } from '../messages.ts';
import { addressOption, deadlineOf, heartbeatOption, patientOption, timeoutOption } from '../options.ts';
import { put } from '../render/output.ts';
import { checkLadder } from '../render/rungs.ts';
import { bodyColumns, saidBy } from '../render/showing.ts';
import { Steps } from '../render/steps.ts';
import { type Route, runSend, type SendFlags } from '../sending.ts';

interface Flags extends ActorFlags, SendFlags {
  readonly to: Address;
  readonly heartbeat: number;
}

/** The command `detour sync send`. */
export const syncSend: CommandSpec = {
  summary: 'send straight to a receiver that must be listening now',
  build(command: Command): void {
    command
      .argument(
        '[message...]',
        'the message, or - for standard input; without it, a pipe is read, or one message per typed line',
      )
      .addOption(addressOption('--to <address>', 'where the receiver listens', 4101))
      .option('--as <name>', 'who you are', name, 'alice')
      .addOption(timeoutOption('one deadline for connecting, greeting and the answer'))
      .addOption(patientOption())
      .addOption(heartbeatOption())
      .option('--lines', 'each line of standard input is a message')
      .option('--ladder', 'show how far each message gets, rung by rung, and who vouches for it')
      .option('--count <n>', 'send it this many times, one after the other', count);
    actorOptions(command).action(async (words: string[], flags: Flags) => {
      process.exitCode = await run(words, flags);
    });
  },
};

async function run(words: string[], flags: Flags): Promise<number> {
  checkLadder(flags);
  const source = await messageSource(words, flags.lines === true);
  const steps = new Steps(flags, () => route.to().peer);
  // The steps are shown for one message only.
  const one = flags.count === undefined;
  const actor = await startActor(flags.as, flags, (event) => steps.tell(event), one);
  const { as, heartbeat: heartbeatSeconds } = flags;
  const route = new SyncRoute(
    openSender(flags.to, { as, heartbeatSeconds, context: actor.context }),
    flags,
    actor,
  );
  return runSend(actor, route, steps, source, flags);
}

class SyncRoute implements Route {
  readonly atOnce = 1;
  readonly #sender: Sender;
  readonly #flags: Flags;
  readonly #actor: Actor;

  constructor(sender: Sender, flags: Flags, actor: Actor) {
    this.#sender = sender;
    this.#flags = flags;
    this.#actor = actor;
  }

  async send(id: string, body: Buffer): ReturnType<Route['send']> {
    const ladder = this.#flags.ladder
      ? new Ladder({ id, route: 'sync', waits: false, ...this.#actor.context })
      : undefined;
    const sent = await this.#sender.send(body, { id, ...deadlineOf(this.#flags), ladder });
    // The verdict is true even if the reply cannot be shown, which `put` has said.
    if (sent.reply !== undefined && !this.#actor.json)
      await put([...saidBy(this.to().peer, sent.reply, bodyColumns()), ''].join('\n')).catch(() => {});
    return sent;
  }

  interrupt(): void {
    this.#sender.interrupt();
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  to(): Addressee {
    return this.#sender.to;
  }

  success(): { rest: string; lines: string[] } {
    return { rest: `${this.to().peer}'s program says it has shown it.`, lines: [] };
  }

  repeat(): undefined {
    return undefined;
  }
}
