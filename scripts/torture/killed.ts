// Runs the script on the real disk, as its own process, until strace kills it at one of its system calls (strace.ts). Before it goes on, it
// writes to a file what it decided and what was durable, one line each:
//
//   decided 12 <the state after 12 entries>
//   told 11
//
// Arguments: the folder of the log, and that file.

import { openSync, writeSync } from 'node:fs';
import { openDiskLog } from '../../src/async/log/disk.ts';
import type { Lsn } from '../../src/async/log/log.ts';
import { Decided, TestOwner } from '../../test/async/log/owner.ts';
import { SIZES, script } from '../../test/async/log/torture.ts';

const [, , dir = '', file = ''] = process.argv;
const said = openSync(file, 'a');

class Saying extends Decided {
  override decide(count: number, text: string, end: Lsn): void {
    super.decide(count, text, end);
    writeSync(said, `decided ${count} ${text}\n`);
  }

  override tell(count: number): void {
    super.tell(count);
    writeSync(said, `told ${count}\n`);
  }
}

const owner = await new TestOwner(new Saying()).open((own) => openDiskLog({ dir, ...SIZES }, own));
await script(owner);
await owner.log.close();
