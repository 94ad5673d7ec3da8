// Runs in its own mount namespace: relays on small disks that are filled by their own mail or by another program. Whatever happens, what
// is held can be collected, and then there is room again: immediately, and after every restart.
//
// Arguments: an empty folder, and sizes of disks in megabytes (default: all that are promised).

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RelayProcess, type Talk } from '../lib/relay-process.ts';

const SIZES = [40, 64, 90, 100, 120, 200];
const BODY = Buffer.alloc(900_000, 'a');
/** The longest time until there is room again, in milliseconds. 2 s are promised, but the machine may be busy. */
const LATEST_MS = 10_000;

let next = 0;
let slowest = 0;

// Sends until the disk is full. @returns how many were stored
async function fill(alice: Talk): Promise<number> {
  for (let stored = 0; ; stored++)
    if ((await alice.send(`${next++}`, 'bob', BODY)).verb === 'REFUSED') return stored;
}

async function collect(relay: RelayProcess): Promise<number> {
  const bob = await relay.talk('bob');
  let messages = 0;
  bob.heard = (message) => {
    if (message.verb !== 'MESSAGE') return;
    messages += 1;
    bob.say({ verb: 'ACK', seq: message.seq });
  };
  bob.say({ verb: 'RECEIVE', window: 4, drain: 'yes' });
  await bob.count('EMPTY', 1);
  bob.drop();
  return messages;
}

// While nothing is held, measures how long it takes until a message is stored.
async function roomAgain(relay: RelayProcess, when: string): Promise<void> {
  const alice = await relay.talk('alice');
  const began = performance.now();
  while ((await alice.send(`${next++}`, 'bob', BODY)).verb === 'REFUSED') {
    if (performance.now() - began > LATEST_MS) throw new Error(`no room ${LATEST_MS} ms ${when}`);
    await pause(50);
  }
  slowest = Math.max(slowest, performance.now() - began);
  alice.drop();
  await collect(relay);
}

// Fills the rest of the disk, as another program would. @returns a function that frees it
function another(disk: string): () => void {
  const file = join(disk, 'another');
  const fd = openSync(file, 'w');
  for (let size = 1024 * 1024; size >= 4096; ) {
    try {
      if (writeSync(fd, Buffer.alloc(size, 'x')) < size) size /= 2;
    } catch {
      size /= 2;
    }
  }
  closeSync(fd);
  return () => rmSync(file);
}

async function trial(disk: string): Promise<string> {
  const journal = join(disk, 'journal');
  let relay = await RelayProcess.start(journal);
  const filled = await fill(await relay.talk('alice'));
  if ((await collect(relay)) !== filled) throw new Error('messages are missing');
  await roomAgain(relay, 'after all was collected');
  for (const signal of ['SIGINT', 'SIGKILL', 'SIGINT'] as const) {
    await relay.end(signal);
    relay = await RelayProcess.start(journal);
    await roomAgain(relay, `after ${signal}`);
    // The disk is full when the relay ends.
    const again = await fill(await relay.talk('alice'));
    await relay.end(signal);
    relay = await RelayProcess.start(journal);
    if ((await collect(relay)) !== again) throw new Error(`messages are missing after ${signal}`);
    await roomAgain(relay, `after ${signal} with a full disk`);
  }
  for (const before of [false, true]) {
    const alice = await relay.talk('alice');
    let stored = 0;
    for (let n = 0; n < 5; n++)
      if ((await alice.send(`${next++}`, 'bob', BODY)).verb === 'STORED') stored += 1;
    if (before) await relay.end('SIGKILL');
    const free = another(disk);
    if (before) relay = await RelayProcess.start(journal);
    const more = await fill(await relay.talk('alice'));
    if ((await collect(relay)) !== stored + more)
      throw new Error('messages are missing while another program has filled the disk');
    free();
    await roomAgain(
      relay,
      `after another program freed the disk${before ? ', which was full at the start' : ''}`,
    );
  }
  await relay.end();
  return `${filled} messages of 0.9 MB filled it`;
}

const [scratch = '', ...sizes] = process.argv.slice(2);
for (const size of sizes.length > 0 ? sizes : SIZES) {
  const disk = join(scratch, `${size}`);
  mkdirSync(disk, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'none', disk]);
  slowest = 0;
  const said = await trial(disk);
  execFileSync('umount', [disk]);
  console.log(`${size} MB: ${said}, and there was room again within ${slowest.toFixed(0)} ms;`);
}
