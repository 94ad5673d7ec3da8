// Opens a copy of the log that a power cut has left, with the relay's own code, and lists what is in it.

import { decodeEntry, keyOf } from '../../src/async/entry.ts';
import type { Place } from '../../src/async/held.ts';
import { openDiskLog } from '../../src/async/log/disk.ts';
import { Machine } from '../../src/async/machine.ts';
import { systemClock } from '../../src/core/clock.ts';
import { framesIn } from '../../src/wire/frame.ts';
import { bodyOf } from '../lib/ledger.ts';
import type { Found, HeldMessage } from './ledger.ts';
import { SIZES } from './sizes.ts';

/**
 * Lists what is in the log. It reads every held message back and compares its body with what was sent.
 * @param dir a copy of the log, which is changed
 * @throws Error if it cannot be opened, or a body is not what was sent
 */
export async function audit(dir: string): Promise<Found> {
  const notices: string[] = [];
  const machine = new Machine('relay', systemClock, {
    durable: () => {},
    room: () => {},
    failed: (error) => notices.push(error.message),
    torn: () => {},
    notice: (text) => notices.push(text),
  });
  await machine.open((owner) => openDiskLog({ dir, lock: async () => async () => {}, ...SIZES }, owner));
  const { state, hasher } = machine;
  const held: HeldMessage[] = [];
  for (const { name: to, held: messages, acknowledged, open, tried } of state.mailboxes.values()) {
    const places: [number, Place][] = [];
    messages.each(acknowledged, (seq, place) => void places.push([seq, place]));
    for (const [seq, place] of places)
      held.push({ to, seq, ...(await readBack(machine, place)), tried: open || seq <= tried });
  }
  await machine.log.close();
  if (notices.length > 0) throw new Error(`the log says: ${notices.join('; ')}`);
  return {
    held,
    acknowledged: (name) => state.acknowledgedOf(name),
    next: (name) => state.nextOf(name),
    remembered(from, id) {
      const record = state.ids.find(keyOf(from, id, hasher));
      return record < 0 ? undefined : state.ids.read(record).seq;
    },
  };
}

async function readBack(
  machine: Machine,
  { lsn, index }: Place,
): Promise<Pick<HeldMessage, 'from' | 'id' | 'notice'>> {
  const { entry, frames } = decodeEntry(await machine.log.read(lsn), machine.hasher);
  const message = 'messages' in entry ? entry.messages[index] : undefined;
  const body = framesIn(frames)?.[index]?.body;
  if (message === undefined || body === undefined) throw new Error(`no message ${index} at LSN ${lsn}`);
  const { id, kind } = message;
  const from = 'from' in entry ? entry.from : machine.name;
  if (kind === undefined && !body.equals(bodyOf(from, id, body.length)))
    throw new Error(`the body of ${from} ${id} was changed`);
  return { id, from, notice: kind !== undefined };
}
