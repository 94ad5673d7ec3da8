// What the tests of the journal share: a directory of their own, a journal on it, a keeper that remembers everything it is told.
// No test is in here.

import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, onTestFinished } from 'vitest';
import { Journal, type JournalOptions } from '../../../src/async/store/journal.ts';
import type { Entry, Keeper, Recovered, Ref, SendEntry } from '../../../src/async/store/store.ts';
import type { Event } from '../../../src/trace/event.ts';
import { FakeClock } from '../../fake-clock.ts';

const made: string[] = [];

afterAll(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function make(parent: string): string {
  const dir = mkdtempSync(path.join(parent, 'detour-journal-'));
  made.push(dir);
  return dir;
}

/** A directory that is gone after the tests of the file. */
export function scratch(): string {
  return make(os.tmpdir());
}

// In memory where there is such a directory: for tests that open thousands of journals, and not for what is promised about disks.
const FAST = existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();

/** The same, on a disk that syncs at once. */
export function fastScratch(): string {
  return make(FAST);
}

/** The directory as a crash at this moment would leave it: a copy, in the order in which the journal grows. */
export function crashed(dir: string): string {
  const copy = fastScratch();
  for (const name of readdirSync(dir).sort()) {
    // What has just been cleared away is not there any more.
    if (existsSync(path.join(dir, name))) copyFileSync(path.join(dir, name), path.join(copy, name));
  }
  return copy;
}

/** A keeper for which nothing is worth keeping. */
export const careless: Keeper = {
  holds: () => false,
  remembers: () => false,
  mailbox: () => undefined,
  moved: () => {},
};

/** Locks nothing. */
export const unlocked = async (): Promise<() => Promise<void>> => async () => {};

/** An open journal, what it found, and what it said. */
export interface Opened {
  readonly journal: Journal;
  readonly recovered: Recovered;
  readonly events: readonly Event[];
  readonly failures: readonly Error[];
  readonly clock: FakeClock;
}

/** Opens a journal with small segments. It is closed after the test if the test has not done it. */
export async function opened(
  dir: string,
  options: Partial<JournalOptions> = {},
  keeper: Keeper = careless,
): Promise<Opened> {
  const events: Event[] = [];
  const failures: Error[] = [];
  const clock = new FakeClock();
  const journal = new Journal({
    dir,
    emit: (event) => events.push(event),
    clock,
    lock: unlocked,
    segmentBytes: 4096,
    ...options,
  });
  journal.onFailure = (error) => failures.push(error);
  const recovered = await journal.open(keeper);
  onTestFinished(() => journal.close());
  return { journal, recovered, events, failures, clock };
}

/** Appends and waits until it is durable. */
export function durably(journal: Journal, entries: readonly Entry[]): Promise<readonly Ref[]> {
  return new Promise((resolve) => journal.append(entries, resolve));
}

/** A message from alice. */
export function send(to: string, seq: number, text: string, more: Partial<SendEntry> = {}): SendEntry {
  const body = Buffer.from(text);
  return {
    kind: 'send',
    to,
    seq,
    id: `${to}-${seq}`,
    from: 'alice',
    at: 1_767_225_600_000 + seq,
    crc: crc32(body),
    body,
    ...more,
  };
}

/** Which messages a recovery brought back, as `bob/1`. */
export function held(recovered: Recovered): string[] {
  return [...recovered.mailboxes].flatMap(([name, box]) =>
    box.messages.map((message) => `${name}/${message.seq}`),
  );
}
