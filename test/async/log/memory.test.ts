// What every engine behind log.ts must guarantee (src/async/log/README.md), tested on the log on disk and on the one in memory alike: tests
// that use the one in memory rely on it.

import { describe, expect, test } from 'vitest';
import { openDiskLog } from '../../../src/async/log/disk.ts';
import type { Log, Owner } from '../../../src/async/log/log.ts';
import { MemoryLog } from '../../../src/async/log/memory.ts';
import { DetourError } from '../../../src/core/error.ts';
import { prng } from '../../../src/core/prng.ts';
import { FakeClock } from '../../fake-clock.ts';
import { DIR, turns } from './bench.ts';
import { Decided, entryOf, TestOwner } from './owner.ts';
import { emptyDisk, SIZES } from './torture.ts';

/** An engine, and what can happen to it. */
interface Engine {
  /** Opens what exists. */
  open(owner: Owner): Promise<Log>;
  /** Nothing becomes durable, until `release`. */
  hold(): void;
  release(): void;
  /** Cuts the power: of what is not durable, a random part stays. */
  crash(random: () => number): void;
  /** Makes the next thing that would become durable fail. */
  fail(): void;
}

function onDisk(): Engine {
  let files = emptyDisk();
  let locked = false;
  let release = (): void => {};
  const lock = async (): Promise<() => Promise<void>> => {
    if (locked) throw new DetourError('locked', 'another program has it');
    locked = true;
    return async () => {
      locked = false;
    };
  };
  return {
    open: (owner) => openDiskLog({ dir: DIR, files, clock: new FakeClock(), lock, ...SIZES }, owner),
    hold() {
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      files.pause = (kind) => (kind === 'sync' ? gate : undefined);
    },
    release() {
      files.pause = undefined;
      release();
    },
    crash(random) {
      files.powerCut(random);
      files = files.fork();
      locked = false;
    },
    fail: () => files.plan(1, 'EIO', { only: ['sync'] }),
  };
}

function inMemory(): Engine {
  let log: MemoryLog | undefined;
  return {
    async open(owner) {
      log = await MemoryLog.open(owner, log);
      return log;
    },
    hold() {
      if (log !== undefined) log.automatic = false;
    },
    release() {
      if (log !== undefined) log.automatic = true;
      log?.sync();
    },
    crash: (random) => log?.crash(Math.floor(random() * 5)),
    fail: () => log?.fail(new Error('it fails')),
  };
}

describe.each([
  ['on disk', onDisk],
  ['in memory', inMemory],
])('a log %s', (_, make) => {
  const opened = (engine: Engine, decided = new Decided()): Promise<TestOwner> =>
    new TestOwner(decided).open((owner) => engine.open(owner));

  test('gives back what was appended, in order and under its LSNs, and reads it', async () => {
    const engine = make();
    const first = await opened(engine);
    for (let i = 0; i < 30; i++) await first.send(24 + ((i * 97) % 900));
    first.collect(7);
    await first.settle();
    expect(await first.readAll()).toEqual([]);
    await first.log.close();
    // The owner compares everything that comes back with what was decided.
    const second = await opened(engine, first.decided);
    expect(second.state.count).toBe(first.state.count + 1);
    expect(await second.readAll()).toEqual([]);
    expect(second.id).toEqual(first.id);
    expect((await opened(make())).id.store).not.toBe(first.id.store);
  });

  test('gives LSNs that rise, and takes no entry that is empty or too large', async () => {
    const { log } = await opened(make());
    for (const wrong of [
      [],
      [Buffer.alloc(0), Buffer.alloc(0)],
      [Buffer.alloc(log.maxEntry), Buffer.of(1)],
    ]) {
      const { end } = log;
      expect(() => log.append(...wrong)).toThrow(RangeError);
      expect(log.end).toBe(end);
    }
    let last = -1;
    for (let i = 0; i < 20; i++) {
      const lsn = log.append(Buffer.from('GONE n=1\n'));
      expect(lsn).toBeGreaterThan(last);
      expect(log.end).toBeGreaterThan(lsn);
      last = lsn;
    }
  });

  test('reports what is durable when it is, and keeps its own copy until then', async () => {
    const engine = make();
    const owner = await opened(engine);
    await owner.settle();
    const { log, decided } = owner;
    const told = decided.told;
    engine.hold();
    const bytes = entryOf('SEND', 1, 100);
    owner.append(bytes);
    bytes.fill(0);
    await turns();
    expect([log.durable < log.end, decided.told]).toEqual([true, told]);
    engine.release();
    await owner.settle();
    expect([log.durable, decided.told]).toEqual([log.end, told + 1]);
    expect(await owner.readAll()).toEqual([]);
  });

  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'gives back a prefix after a crash, with everything that was durable (%i)',
    async (seed) => {
      const random = prng(seed);
      const engine = make();
      let owner = await opened(engine);
      for (let life = 0; life < 3; life++) {
        for (let i = Math.floor(random() * 10); i > 0; i--) await owner.send(24 + Math.floor(random() * 400));
        if (random() < 0.7) await owner.settle();
        if (random() < 0.5) await owner.checkpoint();
        engine.hold();
        for (let i = Math.floor(random() * 5); i > 0; i--)
          owner.append(entryOf('SEND', owner.state.next, 50));
        await turns();
        engine.crash(random);
        owner = await opened(engine, owner.decided);
      }
      expect(owner.failure).toBeUndefined();
    },
  );

  test('makes nothing durable after it has failed, and reports that once', async () => {
    const engine = make();
    const owner = await opened(engine);
    await owner.settle();
    const { durable } = owner.log;
    engine.hold();
    owner.append(entryOf('SEND', 1, 100));
    engine.fail();
    engine.release();
    await turns();
    expect(owner.failure).toBeDefined();
    const { told } = owner.decided;
    owner.append(entryOf('SEND', 2, 100));
    await turns();
    await owner.log.close();
    expect([owner.log.durable, owner.decided.told]).toEqual([durable, told]);
    await expect(owner.checkpoint()).rejects.toThrow();
    await opened(engine, owner.decided);
  });

  test('has one owner: the second is refused, or the first is told and makes nothing more durable', async () => {
    const engine = make();
    const first = await opened(engine);
    await first.settle();
    const { durable } = first.log;
    const second = new TestOwner(first.decided);
    const refused = await engine.open(second).then(
      () => false,
      () => true,
    );
    expect(first.failure === undefined).toBe(refused);
    first.append(entryOf('SEND', first.state.next, 50));
    await turns();
    if (refused) expect(first.log.durable).toBe(first.log.end);
    else expect(first.log.durable).toBe(durable);
  });

  test('begins from its newest checkpoint, and goes on with what came after it', async () => {
    const engine = make();
    const first = await opened(engine);
    for (let i = 0; i < 3; i++) {
      for (let n = 0; n < 5; n++) await first.send(300);
      first.collect(3);
      await first.checkpoint();
      expect(first.log.durable).toBe(first.log.end);
    }
    await first.send(60);
    await first.log.close();
    const second = new TestOwner(first.decided);
    let replayed = 0;
    const entry = second.entry.bind(second);
    second.entry = (bytes, lsn) => {
      replayed += 1;
      entry(bytes, lsn);
    };
    await second.open((owner) => engine.open(owner));
    expect(replayed).toBe(1);
    expect(await second.readAll()).toEqual([]);
  });
});
