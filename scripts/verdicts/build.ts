// The classes of one build: the real ones, or those of a build that was broken on purpose.

import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What a run needs of a build. */
export type Build = Pick<typeof import('../../src/async/relay.ts'), 'startRelay'> &
  Pick<typeof import('../../src/async/store/journal.ts'), 'Journal'> &
  Pick<typeof import('../../src/async/store/disk.ts'), 'systemDisk'> &
  Pick<typeof import('../../src/cli/waiting.ts'), 'Waiter'> &
  Pick<typeof import('../../src/faults/faults.ts'), 'FAULTS'> &
  Pick<typeof import('../../src/faults/link.ts'), 'startLink'> &
  Pick<typeof import('../../src/net/connection.ts'), 'netContext'> &
  Pick<typeof import('../../src/sync/receiver.ts'), 'startReceiver'> &
  Pick<typeof import('../../src/wire/verbs.ts'), 'encode'> & {
    readonly SyncSender: typeof import('../../src/sync/sender.ts').Sender;
    readonly AsyncSender: typeof import('../../src/async/sender.ts').Sender;
    readonly AsyncReceiver: typeof import('../../src/async/receiver.ts').Receiver;
  };

/** Loads a build. @param main its main.js */
export async function loadBuild(main: string): Promise<Build> {
  const load = (file: string): Promise<unknown> =>
    import(pathToFileURL(join(dirname(main), '..', file)).href);
  const [{ Sender: SyncSender }, { Sender: AsyncSender }, { Receiver: AsyncReceiver }, ...rest] =
    // The compiler wrote these files from the sources whose types they are given.
    (await Promise.all([
      load('sync/sender.js'),
      load('async/sender.js'),
      load('async/receiver.js'),
      load('async/relay.js'),
      load('async/store/journal.js'),
      load('async/store/disk.js'),
      load('cli/waiting.js'),
      load('faults/faults.js'),
      load('faults/link.js'),
      load('net/connection.js'),
      load('sync/receiver.js'),
      load('wire/verbs.js'),
    ])) as [
      typeof import('../../src/sync/sender.ts'),
      typeof import('../../src/async/sender.ts'),
      typeof import('../../src/async/receiver.ts'),
      ...object[],
    ];
  return Object.assign({ SyncSender, AsyncSender, AsyncReceiver }, ...rest) as Build;
}
