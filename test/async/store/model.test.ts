import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Journal } from '../../../src/async/store/journal.ts';
import { FakeClock } from '../../fake-clock.ts';
import { crashed, fastScratch, unlocked } from './bench.ts';
import { Model, recoveredState } from './model.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env.RUNS ?? 40);

const name = fc.constantFrom('ann', 'bob', 'w-1', 'w-2');
const seq = fc.integer({ min: 1, max: 40 });
const op = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      to: name,
      size: fc.integer({ min: 0, max: 700 }),
      session: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('ack' as const), to: name, seq }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('expire' as const), to: name, seq }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('open' as const), to: name }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('drain' as const), to: name }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('forgetIds' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('close' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('crash' as const) }) },
);

test(`whatever a relay does, its journal brings it back (SEED=${SEED})`, async () => {
  let moves = 0;
  const life = async (dir: string, keeper: Model) => {
    const failures: Error[] = [];
    const journal = new Journal({
      dir,
      emit: () => {},
      clock: new FakeClock(),
      lock: unlocked,
      segmentBytes: 2048,
    });
    journal.onFailure = (error) => failures.push(error);
    return { journal, recovered: await journal.open(keeper), failures };
  };
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 20, maxLength: 120, size: 'max' }), async (ops) => {
      let dir = fastScratch();
      const model = new Model();
      let { journal, recovered, failures } = await life(dir, model);
      model.reborn(journal, recovered);
      const check = async (): Promise<void> => {
        expect(failures).toEqual([]);
        expect(await recoveredState(journal, recovered)).toEqual(model.state());
        model.reborn(journal, recovered);
        const back = new Map(
          recovered.remembered.map(({ id, to, seq: at, size }) => [id, { to, seq: at, size }]),
        );
        for (const [id, known] of model.remembered) expect(back.get(id)).toEqual(known);
      };
      for (const step of ops) {
        if (step.op === 'send')
          model.send(step.to, 'x'.repeat(step.size) + step.to, step.session ? 's1' : undefined);
        else if (step.op === 'ack') model.ack(step.to, step.seq);
        else if (step.op === 'expire') model.expire(step.to, step.seq);
        else if (step.op === 'open') model.open(step.to);
        else if (step.op === 'drain') {
          model.ack(step.to, (model.mailbox(step.to)?.next ?? 1) - 1);
          if (step.to.startsWith('w-')) model.forget(step.to);
        } else if (step.op === 'forgetIds') model.forgetIds();
        else if (step.op === 'settle') {
          await model.settled();
          expect(await model.wrongBodies()).toEqual([]);
        } else {
          await model.settled();
          const before = { dir, journal };
          if (step.op === 'crash') dir = crashed(dir);
          else await journal.close();
          ({ journal, recovered, failures } = await life(dir, model));
          await before.journal.close();
          await check();
        }
      }
      await model.settled();
      await journal.close();
      ({ journal, recovered, failures } = await life(dir, model));
      await check();
      await journal.close();
      moves += model.moves;
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true },
  );
  expect(moves, 'old segments were cleared away').toBeGreaterThan(0);
}, 60_000);
