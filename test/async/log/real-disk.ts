// Shared by the tests of the log on this computer's file system.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type DiskLogOptions, openDiskLog } from '../../../src/async/log/disk.ts';
import type { Log, LogId, Owner } from '../../../src/async/log/log.ts';

/** Small segments. */
export const SMALL = { smallest: 4096, largest: 4096 };

/** A folder that is removed after the test. Files may still be made in it then. */
export function scratch(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'detour-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }));
  return dir;
}

/** An owner that records what it is told. */
export class Listener implements Owner {
  readonly entries: Buffer[] = [];
  readonly failures: Error[] = [];
  readonly said: string[] = [];
  state: string | undefined;
  #wake: (() => void)[] = [];

  id: LogId = { store: '', key: '' };

  async restore(id: LogId, chunks: AsyncIterable<Buffer>): Promise<void> {
    this.id = id;
    this.state = '';
    for await (const chunk of chunks) this.state += chunk.toString('latin1');
  }
  entry = (bytes: Buffer): void => void this.entries.push(Buffer.from(bytes));
  lost = (): void => void this.said.push('lost');
  torn = (): void => void this.said.push('torn');
  notice = (text: string): void => void this.said.push(text);
  failed = (error: Error): void => {
    this.failures.push(error);
    this.durable();
  };
  durable = (): void => {
    for (const wake of this.#wake.splice(0)) wake();
  };
  room = this.durable;

  /** Waits until something has changed. */
  change = (): Promise<void> => new Promise((resolve) => this.#wake.push(resolve));
}

/** An open log and its owner. */
export interface Opened {
  readonly log: Log;
  readonly owner: Listener;
}

/** Opens a log. It is closed after the test. */
export async function opened(dir: string, options: Partial<DiskLogOptions> = {}): Promise<Opened> {
  const owner = new Listener();
  const log = await openDiskLog({ dir, ...options }, owner);
  onTestFinished(() => log.close().catch(() => undefined));
  return { log, owner };
}

/** Appends entries and waits until they are durable. */
export async function durably(
  { log, owner }: Opened,
  ...entries: readonly (string | Buffer)[]
): Promise<number[]> {
  const lsns = entries.map((entry) => log.append(Buffer.from(entry)));
  const { end } = log;
  while (log.durable < end && owner.failures.length === 0) await owner.change();
  return lsns;
}

/** Appends an entry as soon as there is room for it. */
export async function whenThereIsRoom({ log, owner }: Opened, entry: Buffer): Promise<number | undefined> {
  while (owner.failures.length === 0) {
    if (log.hasRoom(entry.length, 1000) === 'yes') return log.append(entry);
    await owner.change();
  }
  return undefined;
}

/** The names of a log's files, without its lock. */
export const filesIn = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => !name.startsWith('lock'))
    .sort();
