// A salvage that is killed or loses power at any step, and is started again: what is lost is reported once, everything else is there, and the
// start after it needs no salvage.

import { expect, test } from 'vitest';
import { type Listener, Machine } from '../../src/async/machine.ts';
import { Retention } from '../../src/async/retention.ts';
import { salvage } from '../../src/async/salvage.ts';
import { prng } from '../../src/core/prng.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { FakeClock } from '../fake-clock.ts';
import { seed } from '../seed.ts';
import type { SimulatedFiles } from './log/simulated-files.ts';
import { emptyDisk, opening } from './log/torture.ts';
import { sentMessage } from './sent.ts';

const DIR = '/journal';
/** One step in this many is tried; STRIDE=1 tries all of them. */
const STRIDE = Number(process.env.STRIDE ?? 6);
const NAMES = ['bob', 'carol', 'dave'];
const nothing = (): void => {};
const QUIET: Listener = { durable: nothing, room: nothing, failed: nothing, torn: nothing, notice: nothing };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const durable = (machine: Machine): Promise<void> => new Promise((resolve) => machine.whenDurable(resolve));

/** Opens a journal as a relay does. */
async function begin(files: SimulatedFiles, salvages: boolean): Promise<Machine> {
  const machine = new Machine('relay', new FakeClock(), QUIET);
  await machine.open(opening(files, salvages));
  if (salvages) await salvage(machine, new Retention(machine, nothing));
  machine.append({ verb: 'EPOCH', ...machine.times() });
  await durable(machine);
  return machine;
}

/** A journal with 60 messages. In each of two segments one of them is damaged. */
async function damaged(): Promise<SimulatedFiles> {
  const files = emptyDisk();
  const machine = await begin(files, false);
  for (let n = 0; n < 60; n++) {
    while (machine.log.hasRoom(2000, 5000) !== 'yes') await turn();
    const [to = '', body] = [NAMES[n % NAMES.length], Buffer.from(`body ${n} `.padEnd(300, '.'))];
    const id = `${to}-${n}`;
    const none = { ttl: undefined, notify: undefined, seq: undefined, kind: undefined, tried: undefined };
    const message = sentMessage('alice', { ...none, id, to }, body, machine.hasher);
    const first = new Map([[to, machine.state.nextOf(to)]]);
    const frame = encodeFrame(
      'SEND',
      [
        ['id', id],
        ['to', to],
      ],
      body,
    );
    machine.append(
      { verb: 'SEND', from: 'alice', session: 's', first, messages: [message], ...machine.times() },
      [frame],
    );
    await durable(machine);
  }
  await machine.log.close();
  for (const n of [10, 30])
    for (const name of files.names(DIR).filter((one) => one.endsWith('.wal'))) {
      const at = files.contents(`${DIR}/${name}`).indexOf(`body ${n} .`);
      if (at !== -1) files.flip(`${DIR}/${name}`, at, 0);
    }
  return files;
}

/** What each name has: the ids of messages, and the texts of notices. */
async function held(machine: Machine): Promise<string[]> {
  const all: string[] = [];
  for (const { name, acknowledged, held: places } of machine.state.mailboxes.values())
    for (let seq = places.after(acknowledged); seq !== 0; seq = places.after(seq)) {
      const { from, id, body } = await machine.records.read(
        machine.state.place(machine.state.mailboxes.get(name), seq) ?? never(),
      );
      all.push(from === undefined ? `${name} is told: ${body}` : `${name} has ${id}`);
    }
  return all.sort();
}

function never(): never {
  throw new Error('a message without a place');
}

test.each(['kill', 'power cut'])(
  'a salvage with a %s at any step, and the next one, lose nothing more and report it once',
  async (how) => {
    const journal = await damaged();
    await expect(begin(journal.fork(), false)).rejects.toMatchObject({ code: 'damaged_journal' });
    const expected = await held(await begin(journal.fork(), true));
    expect(expected.filter((text) => text.includes('Lost'))).toHaveLength(2);
    expect(expected).toHaveLength(60);
    const { seed: chosen } = seed();
    const random = prng(chosen);
    let step = 1 + Math.floor(random() * STRIDE);
    for (; ; step += STRIDE) {
      const files = journal.fork();
      files.plan(step, 'kill', { how: random() < 0.5 ? 'before' : 'after' });
      const killed = new Promise<boolean>((resolve) => {
        files.onKill = () => resolve(true);
      });
      const struck = await Promise.race([killed, begin(files, true).then(() => false)]);
      if (!struck) break;
      if (how === 'power cut') files.powerCut(random);
      const next = files.fork();
      expect(await held(await begin(next, true)), `step ${step}`).toEqual(expected);
      expect(await held(await begin(next.fork(), false)), `step ${step}, a start later`).toEqual(expected);
    }
    expect(step).toBeGreaterThan(20);
  },
);

test('after a salvage the bad parts are below both checkpoints, so the next start may even lose the newer one', async () => {
  const files = await damaged();
  const expected = await held(await begin(files, true));
  const next = files.fork();
  const newest = next.names(DIR).findLast((name) => name.endsWith('.checkpoint'));
  next.flip(`${DIR}/${newest}`, 600, 0);
  expect(await held(await begin(next, false))).toEqual(expected);
});
