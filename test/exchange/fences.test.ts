// Which connection of a session may act, and for how many sessions this is remembered.

import { expect, test } from 'vitest';
import { Fences } from '../../src/exchange/fences.ts';
import { FENCES } from '../../src/exchange/limits.ts';
import type { Session } from '../../src/exchange/session.ts';

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

test('a newer connection closes the older one; an older one is rejected and closes nothing', () => {
  const fences = new Fences();
  let closed = 0;
  const count = (): void => {
    closed += 1;
  };
  expect(fences.enter(session('s', 2, count))).toBe(true);
  expect(fences.enter(session('s', 1, count))).toBe(false);
  expect(fences.enter(session('s', 2, count))).toBe(false);
  expect(closed).toBe(0);
  expect(fences.enter(session('s', 3))).toBe(true);
  expect(closed).toBe(1);
});

test('when an older connection leaves, nothing changes for the newer', () => {
  const fences = new Fences();
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

test('the tries of the sessions that left last are remembered, and those of every session that is here', () => {
  const fences = new Fences();
  fences.enter(session('here', 5));
  for (let index = 0; index <= FENCES; index += 1) {
    const passing = session(`s${index}`, 5);
    fences.enter(passing);
    fences.leave(passing);
  }
  expect(fences.enter(session('here', 4))).toBe(false);
  expect(fences.enter(session(`s${FENCES}`, 4))).toBe(false);
  expect(fences.enter(session('s2', 4))).toBe(false);
  // The session that has been gone longest was dropped.
  expect(fences.enter(session('s0', 4))).toBe(true);
});
