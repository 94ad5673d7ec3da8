// Parts that lie, each in one way. The control succeeds if all of them are caught.

import type { Outcome } from '../../src/exchange/pending.ts';
import { type Attempt, conclude, isOpen } from '../../src/exchange/verdict.ts';
import { encode } from '../../src/wire/verbs.ts';
import type { Lie } from '../lib/control.ts';
import { hasty } from '../lib/lying-log.ts';
import { type Parts, REAL } from './parts.ts';
import type { Cell } from './plan.ts';
import { accepted } from './sockets.ts';
import { pause } from './world.ts';

/** A lie, and the parts that tell it. */
export interface LyingParts extends Lie {
  readonly parts: Partial<Parts>;
  /** The fault that must strike in every run: without it, the lie would show in only a few of some hundred runs. */
  readonly at?: Cell['fault'];
}

/** How long after its answer a lying receiver shows a message, in milliseconds. */
const LATE_MS = 15;

const lie = (told: string, as = ''): RegExp => new RegExp(`^FAILED .*\\(${as}.*: ${told}`, 'm');
const NOWHERE = 'STORED, and it is nowhere';
const HANDLED = 'NOT DELIVERED, but somebody has it';

// Senders that draw other conclusions from the same attempts.
function concluding(from: typeof conclude): Partial<Parts> {
  const lying = (outcome: Outcome, success: 'DELIVERED' | 'STORED'): Outcome => ({
    ...outcome,
    verdict: from(outcome.attempts, success),
  });
  return {
    SyncSender: class extends REAL.SyncSender {
      override async send(...message: Parameters<InstanceType<Parts['SyncSender']>['send']>) {
        return lying(await super.send(...message), 'DELIVERED');
      }
    },
    AsyncSender: class extends REAL.AsyncSender {
      override async send(...message: Parameters<InstanceType<Parts['AsyncSender']>['send']>) {
        return lying(await super.send(...message), 'STORED');
      }
    },
  };
}

// Senders that say NOT DELIVERED instead of UNKNOWN if `no` is true for the attempts.
const denying = (no: (attempts: readonly Attempt[]) => boolean): Partial<Parts> =>
  concluding((attempts, success) => {
    const verdict = conclude(attempts, success);
    return verdict === 'UNKNOWN' && no(attempts) ? 'NOT_DELIVERED' : verdict;
  });

const codeOf = ({ end }: Attempt): string | undefined => (end && 'code' in end ? end.code : undefined);

class ShowsLater extends REAL.AsyncReceiver {
  readonly #tail: { shown: Promise<void> };

  constructor(options: ConstructorParameters<Parts['AsyncReceiver']>[0]) {
    const tail = { shown: Promise.resolve() };
    super({
      ...options,
      // It is acknowledged when this resolves.
      handle: async (messages) => {
        tail.shown = tail.shown.then(() => pause(LATE_MS)).then(() => options.handle(messages));
      },
    });
    this.#tail = tail;
  }

  override async run() {
    const collected = await super.run();
    await this.#tail.shown;
    return collected;
  }
}

class OnlyTheFirstIsOpen extends REAL.AsyncSender {
  #underWay = 0;

  override async send(...message: Parameters<InstanceType<Parts['AsyncSender']>['send']>) {
    const first = this.#underWay === 0;
    this.#underWay += 1;
    const outcome = await super.send(...message);
    this.#underWay -= 1;
    return first ? outcome : { ...outcome, verdict: conclude(outcome.attempts.map(endedByBye), 'STORED') };
  }
}

const endedByBye = (attempt: Attempt): Attempt =>
  isOpen(attempt) && attempt.end?.how !== 'deadline' && attempt.end?.how !== 'earlier'
    ? { ...attempt, end: { how: 'bye' } }
    : attempt;

// Says BYE on every connection of this port, even if something is unanswered.
function sayBye(port: number): void {
  for (const socket of accepted(port)) socket.end(encode({ verb: 'BYE' }));
}

/** The lies. */
export const LIES: readonly LyingParts[] = [
  {
    what: 'a synchronous receiver that answers before it shows',
    parts: {
      startReceiver: (options) =>
        REAL.startReceiver({
          ...options,
          handle: async (incoming) => {
            setTimeout(() => options.handle(incoming).catch(() => {}), LATE_MS);
            return undefined;
          },
        }),
    },
    finds: lie('DELIVERED, but bob had not handled it', 'sync'),
  },
  {
    what: 'an asynchronous receiver that acknowledges before it shows',
    parts: { AsyncReceiver: ShowsLater },
    finds: lie(`(?:${NOWHERE}|DELIVERED, but bob had not handled it)`, 'wait'),
  },
  {
    what: 'a relay that says STORED after writing and before syncing',
    parts: {
      async writeDurably(write, sync) {
        await write();
        sync().catch(() => {});
      },
    },
    // If the log loses a commit this way and later ones are there, it reports damage.
    finds: lie(`(?:${NOWHERE}|the journal is damaged)`),
  },
  {
    what: 'a relay that says STORED before it writes',
    parts: { openLog: (options, owner) => hasty((own) => REAL.openLog(options, own))(owner) },
    finds: lie(NOWHERE),
  },
  {
    what: 'a sender that takes silence as a no',
    parts: denying(() => true),
    finds: lie(HANDLED),
  },
  {
    what: 'a sender that takes ECONNRESET as a no',
    parts: denying(
      (attempts) => !attempts.some((attempt) => isOpen(attempt) && codeOf(attempt) !== 'ECONNRESET'),
    ),
    finds: lie(HANDLED),
  },
  {
    what: 'a sender that takes a repeat refused with disk_full as a no',
    parts: denying((attempts) => attempts.slice(-1).some((last) => codeOf(last) === 'disk_full')),
    at: 'forgets',
    finds: lie(HANDLED, 'async'),
  },
  {
    what: 'a sender that takes the end of a call as a no to all open messages but the first',
    parts: { AsyncSender: OnlyTheFirstIsOpen },
    finds: lie(HANDLED, 'async'),
  },
  {
    what: 'a server that says BYE before it has answered',
    parts: {
      async startReceiver(options) {
        const receiver = await REAL.startReceiver(options);
        const close = (): Promise<void> => {
          sayBye(receiver.port);
          return receiver.close();
        };
        return { ...receiver, close };
      },
      async startRelay(options) {
        const relay = await REAL.startRelay(options);
        const { port } = relay.address;
        const closeIt = relay.close.bind(relay);
        const close = (): Promise<void> => {
          sayBye(port);
          return closeIt();
        };
        return Object.assign(relay, { close });
      },
    },
    finds: lie(HANDLED),
  },
];
