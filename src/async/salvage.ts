// Going on after damage (`--salvage`). The log was opened without the parts that cannot be read. This file finds out which messages are lost,
// logs that, tells the mailboxes, and makes two checkpoints, so that no later start meets the bad parts. PROTOCOL.md, "After damage".

import { DetourError } from '../core/error.ts';
import { type Entry, type Notice, noticeFrame, numbersText } from './entry.ts';
import type { Place } from './held.ts';
import type { Machine } from './machine.ts';
import type { Retention } from './retention.ts';
import type { State } from './state.ts';

/** How many mailboxes one LOST entry covers. */
const PER_ENTRY = 1000;
/** How many numbers one line of a LOST entry holds, so that the line stays below `MAX_LINE`. */
const PER_LINE = 40;

/** What a mailbox has lost. */
export interface Loss {
  readonly to: string;
  /** The numbers of messages that were held and cannot be read. */
  readonly gone: readonly number[];
  /** Numbers that may have been given to messages in a part that cannot be read. */
  readonly unknown: readonly { readonly first: number; readonly last: number }[];
}

/** Finds out what each mailbox has lost: reads every message that is held. @throws an error of `read` that is not about damage */
export async function lossesOf(state: State, read: (place: Place) => Promise<unknown>): Promise<Loss[]> {
  const losses = new Map<
    string,
    { to: string; gone: number[]; unknown: { first: number; last: number }[] }
  >();
  const lossOf = (to: string) => {
    const loss = losses.get(to) ?? { to, gone: [], unknown: [] };
    losses.set(to, loss);
    return loss;
  };
  for (const { name, acknowledged, held } of state.mailboxes.values())
    for (let seq = held.after(acknowledged); seq !== 0; seq = held.after(seq)) {
      const place = held.get(seq);
      if (place === undefined) continue;
      try {
        await read(place);
      } catch (error) {
        if (!(error instanceof DetourError) || !error.code.startsWith('damaged')) throw error;
        lossOf(name).gone.push(seq);
      }
    }
  for (const { to, first, last } of state.gap?.unknown ?? []) {
    const from = Math.max(first, state.acknowledgedOf(to) + 1);
    if (from <= last) lossOf(to).unknown.push({ first: from, last });
  }
  return [...losses.values()];
}

/** One or two sentences that say what a mailbox has lost. */
export function lossText({ gone, unknown }: Loss): string {
  const ranges = unknown.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const parts = [
    gone.length > 0 ? `Lost: ${numbersText(gone)}.` : '',
    ranges.length > 0 ? `Lost, acknowledged before, or never stored: ${ranges.join(',')}.` : '',
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/**
 * Logs what was lost and makes two checkpoints, so that no later start meets the bad parts. Without damage it does nothing.
 * @returns what each mailbox has lost
 */
export async function salvage(machine: Machine, retention: Retention): Promise<Loss[]> {
  const losses = await lossesOf(machine.state, (place) => machine.records.read(place));
  if (losses.length === 0 && !machine.damaged) return [];
  const parts = machine.lostParts.map(({ from, to }) => ({ from, to }));
  for (let at = 0; at < Math.max(1, losses.length); at += PER_ENTRY)
    append(machine, at === 0 ? parts : [], losses.slice(at, at + PER_ENTRY));
  await retention.checkpoint();
  machine.append({ verb: 'EPOCH', ...machine.times() });
  await retention.checkpoint();
  return losses;
}

function append(machine: Machine, parts: Entry<'LOST'>['parts'], losses: readonly Loss[]): void {
  const seq = machine.state.lossFloor + 1;
  const notices = losses.map((loss) => {
    const text = `The relay's journal was damaged. ${lossText(loss)}`;
    const notice: Notice = { id: `lost-${machine.log.end}`, to: loss.to, seq, size: Buffer.byteLength(text) };
    return { notice, frame: noticeFrame(notice, text) };
  });
  const gone = losses.flatMap(({ to, gone: all }) =>
    Array.from({ length: Math.ceil(all.length / PER_LINE) }, (_, index) => ({
      to,
      numbers: all.slice(index * PER_LINE, (index + 1) * PER_LINE),
    })),
  );
  const messages = notices.map(({ notice }) => notice);
  machine.append(
    { verb: 'LOST', parts, gone, messages, ...machine.times() },
    notices.map(({ frame }) => frame),
  );
}
