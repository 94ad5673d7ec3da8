// `detour async relay`: the relay, a process of its own. It keeps what it has acknowledged, even if it is killed.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Loss, lossText } from '../../async/salvage.ts';
import { DetourError } from '../../core/error.ts';
import { INTERRUPTED } from '../../core/verdicts.ts';
import { startRelay } from '../../library/relay.ts';
import { formatAddress } from '../../net/address.ts';
import { type ActorFlags, actorOptions, startActor } from '../actor.ts';
import type { CommandSpec } from '../command.ts';
import { amount, host, path, port } from '../input.ts';
import { neverBlock, own, say, sayWrapped } from '../render/output.ts';
import { sayAddresses } from '../render/reach.ts';
import { RelayTalk, waitingText } from '../render/relay-talk.ts';
import { atHome, defaultJournal } from '../state-dir.ts';

interface Flags extends ActorFlags {
  readonly host: string;
  readonly port: number;
  readonly journal?: string;
  readonly maxDisk?: number;
  readonly salvage?: true;
  readonly fresh?: true;
  readonly yes?: true;
}

/** The command `detour async relay`. */
export const asyncRelay: CommandSpec = {
  summary: 'keep messages until their recipients come',
  build(command: Command): void {
    command
      .option('--host <address>', 'address to listen on; 0.0.0.0 for all', host, '127.0.0.1')
      .option('--port <port>', 'port to listen on; 0 for any free one', port, 4100)
      .option(
        '--journal <dir>',
        'the folder for the messages (default: one per port in your state folder)',
        path,
      );
    command
      .option(
        '--max-disk <amount>',
        'use no more of the disk than this, e.g. 2GB (default: no limit)',
        amount,
      )
      .option('--salvage', 'if the journal is damaged, go on without what cannot be read')
      .option('--fresh', 'begin with an empty journal: delete the old one (asks first)')
      .option('--yes', 'with --fresh: do not ask');
    actorOptions(command).action(async (flags: Flags) => {
      process.exitCode = await run(flags);
    });
  },
};

async function run(flags: Flags): Promise<number> {
  const dir = flags.journal === undefined ? defaultJournal(flags.port) : resolve(flags.journal);
  if (flags.yes && !flags.fresh)
    throw new DetourError(
      'usage',
      '--yes answers the question of --fresh.',
      'detour async relay --fresh --yes',
    );
  const deleted = flags.fresh
    ? await (await import('../afresh.ts')).startAfresh(dir, flags.yes === true)
    : '';
  if (deleted === undefined) return 1;
  neverBlock();
  const talk = new RelayTalk();
  const actor = await startActor('relay', flags, (event) => talk.tell(event), false);
  const { context } = actor;
  if (deleted !== '') context.emit({ event: 'notice', text: deleted });
  let stop = (): void => {};
  const stopped = new Promise<void>((settle) => {
    stop = settle;
  });
  let failure: DetourError | undefined;
  const onFailure = (error: DetourError): void => {
    failure = error;
    stop();
  };
  const relay = await startRelay({
    host: flags.host,
    port: flags.port,
    context,
    journal: dir,
    maxDiskBytes: flags.maxDisk,
    salvage: flags.salvage,
    onFailure,
  });
  if (!actor.json) {
    const listens = `relay listens on ${formatAddress(relay.host, relay.port)}, pid ${process.pid}.`;
    talk.say(`${listens} ${waitingText(relay.waiting())}`);
    say(`  journal: ${atHome(dir)}`);
    say('    to start afresh: stop the relay, and start it with --fresh');
    sayAddresses(relay.host, relay.port, '--relay', 'send as anybody, collect any mail, and read along');
    say(own('  type: kill · freeze 20s · Ctrl-C = polite stop'));
  }
  if (!actor.json && flags.salvage) sayLosses(relay.losses);
  actor.obeyLines('the relay only keeps mail and hands it over');
  actor.onInterrupt((times) => {
    if (times > 1) process.exit(INTERRUPTED);
    stop();
  });
  await stopped;
  context.emit({ event: 'stopping', why: failure === undefined ? 'asked' : 'failed' });
  talk.end();
  // Closing the relay may fail, too.
  if (failure === undefined) await relay.close().catch(onFailure);
  if (failure !== undefined) {
    sayWrapped('', `The journal failed: ${failure.message}.`, 2);
    sayWrapped(
      '',
      `Nothing more is acknowledged. ${failure.hint || 'Everything that was acknowledged is in the journal: make room on the disk or repair it, then start the relay again.'}`,
      2,
    );
    process.exit(1);
  }
  if (!actor.json) talk.say(`stopped. ${waitingText(relay.waiting())}`);
  actor.close();
  return 0;
}

// Says here what was lost; the relay also tells each mailbox.
function sayLosses(losses: readonly Loss[]): void {
  if (losses.length === 0) say('  salvage: no held message was lost');
  for (const loss of losses) sayWrapped('  salvage: ', `${loss.to}: ${lossText(loss)}`, 4);
}
