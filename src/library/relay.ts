// A relay within a program. `detour async relay` uses it.

import { type Stats, statSync } from 'node:fs';
import type { RelayLimits } from '../async/admission.ts';
import { openDiskLog } from '../async/log/disk.ts';
import type { OpenLog } from '../async/log/log.ts';
import { MemoryLog } from '../async/log/memory.ts';
import { startRelay as start } from '../async/relay.ts';
import type { Loss } from '../async/salvage.ts';
import type { Waiting } from '../async/status.ts';
import { DetourError, errnoOf } from '../core/error.ts';
import { networkFileSystem } from '../net/lock.ts';
import {
  type ConnectOptions,
  checkHost,
  checkName,
  checkPort,
  contextOf,
  interrupted,
  LEAST_DISK_BYTES,
  LOOPBACK,
  RELAY_PORT,
  usage,
} from './arguments.ts';

/** Where a relay keeps its messages: in a journal on disk, or in a log that `memoryLog` made. */
export type RelayStore =
  | {
      /** A folder, which is created if it does not exist. Only one relay at a time can use it. */
      readonly journal: string;
      /** The most disk space to use, in bytes: at least 8,000,000. Default: everything that is free. */
      readonly maxDiskBytes?: number | undefined;
      /** If the journal is damaged, go on without the parts that cannot be read. Default: refuse to start. */
      readonly salvage?: boolean | undefined;
      readonly log?: undefined;
    }
  | { readonly log: OpenLog; readonly journal?: undefined };

/** How a relay is started. */
export type StartRelayOptions = RelayStore &
  Pick<ConnectOptions, 'context'> & {
    /** The address to listen on. Default: 127.0.0.1, which only this computer can reach; 0.0.0.0 means all of its IPv4 addresses. */
    readonly host?: string | undefined;
    /** The port to listen on. Default: 4100; 0 lets the system choose one. */
    readonly port?: number | undefined;
    /** The relay's own name, which no client may use. Default: `relay`. */
    readonly name?: string | undefined;
    /** How much the relay holds and remembers. Default: PROTOCOL.md, "Limits". */
    readonly limits?: Partial<RelayLimits> | undefined;
    /**
     * Called when the journal fails: the relay acknowledges nothing more and closes every connection. Everything it acknowledged is in the
     * journal; start a new relay on it when the disk works again. Default: the error is thrown where nothing catches it, so the process ends.
     */
    readonly onFailure?: ((error: DetourError) => void) | undefined;
    /** Gives up the start when it fires. It does not stop a relay that has started: `close` does. */
    readonly signal?: AbortSignal | undefined;
  };

/** A relay that listens. Made by `startRelay`. */
export interface Relay extends AsyncDisposable {
  /** The address that it listens on. */
  readonly host: string;
  readonly port: number;
  /** With `salvage`: what each mailbox has lost through the damage. Empty if nothing was lost. */
  readonly losses: readonly Loss[];
  /** Every mailbox with mail, by name. */
  waiting(): readonly Waiting[];
  /**
   * Stops listening, answers the messages that it has taken, says BYE on every connection, and closes the journal.
   * @throws DetourError if the journal has failed, or fails now
   */
  close(): Promise<void>;
}

/**
 * Opens the journal and starts a relay on it. It locks the journal's folder, as the command does.
 * @throws DetourError `usage`; `interrupted`; `locked` if another relay uses the folder; `other_computer`; `damaged_journal`, `old_journal`, `new_journal`,
 * `not_a_journal`, `not_a_directory`, `unsafe_folder`; EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTFOUND, EAI_AGAIN if it cannot listen; or another errno
 */
export async function startRelay(options: StartRelayOptions): Promise<Relay> {
  const { host = LOOPBACK, port = RELAY_PORT, name = 'relay', limits = {}, onFailure, signal } = options;
  const context = contextOf(options.context);
  for (const [limit, most] of Object.entries(limits))
    if (most !== undefined && !(Number.isInteger(most) && most >= 1))
      throw usage(`limits.${limit} is ${most}: it must be a whole number of at least 1.`);
  let failure: DetourError | undefined;
  const losses: Loss[] = [];
  const parts = {
    host: checkHost(host),
    port: checkPort(port, 0),
    as: checkName(name, 'name'),
    context,
    limits,
    log: logOf(options),
    onFailure(error: Error) {
      const failed = asDetourError(error);
      failure = failed;
      if (onFailure !== undefined) onFailure(failed);
      else
        queueMicrotask(() => {
          throw failed;
        });
    },
    ...(options.journal !== undefined && options.salvage && { salvage: (loss: Loss) => losses.push(loss) }),
  };
  if (signal?.aborted) throw interrupted();
  const warnings = options.journal === undefined ? [] : warningsOf(options.journal);
  for (const text of warnings) context.emit?.({ event: 'notice', text });
  const relay = await start(parts).catch(rethrown);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    if (failure !== undefined) throw failure;
    closing ??= relay.close().catch(rethrown);
    await closing;
  };
  if (signal?.aborted) {
    await close();
    throw interrupted();
  }
  const { address } = relay;
  return { ...address, losses, waiting: () => relay.waiting(), close, [Symbol.asyncDispose]: close };
}

/**
 * A log in memory, for tests of programs that use a relay. Nothing is written to the disk, and everything is lost when the process ends. A
 * new relay on the same log has everything that the previous relay held, as after a restart.
 */
export function memoryLog(): OpenLog {
  let last: MemoryLog | undefined;
  return async (owner) => {
    last = await MemoryLog.open(owner, last);
    return last;
  };
}

function logOf(options: RelayStore & Pick<ConnectOptions, 'context'>): OpenLog {
  const { journal: dir, log, context } = options;
  if ((dir === undefined) === (log === undefined))
    throw usage('A relay keeps its messages in a journal or in a log: give one of the two.');
  if (log !== undefined) return log;
  if (typeof dir !== 'string' || dir === '') throw usage('journal is not the path of a folder.');
  const { maxDiskBytes: maxBytes, salvage = false } = options;
  if (maxBytes !== undefined && !(maxBytes >= LEAST_DISK_BYTES))
    throw usage(`maxDiskBytes is ${maxBytes}: a journal needs at least ${LEAST_DISK_BYTES}.`);
  const { clock } = contextOf(context);
  return (owner) => openDiskLog({ dir, clock, maxBytes, salvage }, owner);
}

// Turns an error of the system into an error of the library. An error without an errno is a defect, and stays as it is.
function rethrown(error: unknown): never {
  throw error instanceof Error && errnoOf(error) !== '' ? asDetourError(error) : error;
}

const asDetourError = (error: Error): DetourError =>
  error instanceof DetourError
    ? error
    : new DetourError(errnoOf(error) || 'EIO', error.message, '', { cause: error });

/** What a person should know of the folder of a journal before it is used. @throws DetourError as `checkFolder` does */
function warningsOf(dir: string): string[] {
  const warning = checkFolder(dir);
  const network = networkFileSystem(dir);
  return [
    ...(warning === undefined ? [] : [warning]),
    ...(network === undefined
      ? []
      : [
          `the journal is on a network file system (${network}), where only one computer at a time can use it: ${dir}`,
        ]),
  ];
}

/**
 * Checks that the folder of a journal is safe from other users: anybody who may write in it can remove and add messages. A folder that does
 * not exist yet is safe, because it is created for this user alone. On Windows nothing is checked, because the mode does not show its rights.
 * @returns a warning for the person, if there is one
 * @throws DetourError `unsafe_folder` if everybody may write there, or if it belongs to a user other than this one and root
 */
export function checkFolder(dir: string): string | undefined {
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  let found: Stats;
  try {
    found = statSync(dir);
  } catch {
    // There is no such folder yet, or opening the log will say why there cannot be one.
    return undefined;
  }
  if (!found.isDirectory()) return undefined;
  if (found.uid !== user && found.uid !== 0) {
    throw new DetourError(
      'unsafe_folder',
      `the journal's folder belongs to another user (number ${found.uid}), who could change the messages in it: ${dir}`,
      'Give another folder with --journal, or start the relay as that user.',
    );
  }
  if ((found.mode & 0o002) !== 0) {
    throw new DetourError(
      'unsafe_folder',
      `everybody on this computer may write in the journal's folder, and so change the messages in it: ${dir}`,
      'Take that right away (chmod o-w), or give another folder with --journal.',
    );
  }
  if ((found.mode & 0o020) === 0) return undefined;
  return `the group of the journal's folder may write in it, and so change messages; chmod g-w ends that: ${dir}`;
}
