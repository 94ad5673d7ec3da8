// Which connection of a session may act, and for how many sessions this is remembered.

import { expect, test } from 'vitest';
import { Fences } from '../../src/exchange/fences.ts';
import { FENCES, TRY_STEP } from '../../src/exchange/limits.ts';
import type { Session } from '../../src/exchange/session.ts';
import { FakeClock } from '../fake-clock.ts';

/** The part of a session that a fence looks at. */
function session(id: string, tryNumber: number, superseded: () => void = () => {}): Session {
  const fenced: Pick<Session, 'as' | 'id' | 'anonymous' | 'tryNumber' | 'supersede'> = {
    as: 'alice',
    id,
    anonymous: false,
    tryNumber,
    supersede: superseded,
  };
  return fenced as Session;
}

test('a newer connection closes the older; an older one does not come in, and closes nobody', () => {
  const fences = new Fences(new FakeClock());
  let closed = 0;
  const count = (): void => {
    closed += 1;
  };
  expect(fences.enter(session('s', 2, count))).toBeUndefined();
  expect(fences.enter(session('s', 1, count))).toMatchObject({ code: 'stale' });
  expect(fences.enter(session('s', 2, count))).toMatchObject({ code: 'stale' });
  expect(closed).toBe(0);
  expect(fences.enter(session('s', 3))).toBeUndefined();
  expect(closed).toBe(1);
});

test('a try that goes too far is refused, and changes nothing', () => {
  const clock = new FakeClock();
  const fences = new Fences(clock);
  let closed = false;
  const close = (): void => {
    closed = true;
  };
  // The first that is heard of a session may have any: the server may have been started again.
  expect(fences.enter(session('s', 5000, close))).toBeUndefined();
  expect(fences.enter(session('s', 5001 + TRY_STEP))).toMatchObject({ code: 'bad_value' });
  expect(fences.enter(session('s', 999_999_999_999_999))).toMatchObject({ code: 'bad_value' });
  expect(closed).toBe(false);
  expect(fences.enter(session('s', 5000 + TRY_STEP))).toBeUndefined();
  expect(closed).toBe(true);
});

test('who was cut off for long may have tried often', () => {
  const clock = new FakeClock();
  const fences = new Fences(clock);
  fences.enter(session('s', 1));
  clock.advance(3_600_000);
  expect(fences.enter(session('s', 3602 + TRY_STEP))).toMatchObject({ code: 'bad_value' });
  expect(fences.enter(session('s', 3601 + TRY_STEP))).toBeUndefined();
});

test('the leaving of an older connection changes nothing for the newer', () => {
  const fences = new Fences(new FakeClock());
  const older = session('s', 1);
  let closed = false;
  fences.enter(older);
  fences.enter(
    session('s', 2, () => {
      closed = true;
    }),
  );
  fences.leave(older);
  fences.enter(session('s', 3));
  expect(closed).toBe(true);
});

test('the tries of the sessions that left last are remembered, and of every session that is here', () => {
  const fences = new Fences(new FakeClock());
  fences.enter(session('here', 5));
  for (let index = 0; index <= FENCES; index += 1) {
    const passing = session(`s${index}`, 5);
    fences.enter(passing);
    fences.leave(passing);
  }
  expect(fences.enter(session('here', 4))).toMatchObject({ code: 'stale' });
  expect(fences.enter(session(`s${FENCES}`, 4))).toMatchObject({ code: 'stale' });
  expect(fences.enter(session('s2', 4))).toMatchObject({ code: 'stale' });
  // The one that has been gone longest had to make room.
  expect(fences.enter(session('s0', 4))).toBeUndefined();
});
