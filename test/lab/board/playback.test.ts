// Time on the page: live, paused, step by step, slowly, and back to live.

import { beforeEach, describe, expect, test } from 'vitest';
import { countUpTo, LONGEST_PAUSE_MS, Playback } from '../../../src/lab/board/playback.ts';
import { FakeClock } from '../../fake-clock.ts';

let clock: FakeClock;
let time: Playback;
beforeEach(() => {
  clock = new FakeClock();
  time = new Playback(clock);
});

/** Lets time pass as a screen does: a frame every 10 ms. */
function frames(ms: number): void {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10);
    time.state();
  }
}

describe('playback', () => {
  test('follows what happens', () => {
    expect(time.state()).toMatchObject({ live: true, paused: false, speed: 1 });
    time.recorded([0, 1, 5], 0);
    expect(time.state()).toMatchObject({ live: true, at: 5, end: 5 });
    time.recorded([0, 1, 5, 9], 0);
    expect(time.state()).toMatchObject({ at: 9, end: 9 });
    expect(time.runs).toBe(false);
  });

  test('stays where it is while it is paused, and catches up afterwards', () => {
    time.recorded([0, 1, 5], 0);
    time.pause();
    time.recorded([0, 1, 5, 300], 0);
    frames(500);
    expect(time.state()).toMatchObject({ live: false, paused: true, at: 5, end: 300 });
    time.resume();
    expect(time.runs).toBe(true);
    frames(100);
    expect(time.state().at).toBeCloseTo(105);
    frames(200);
    expect(time.state()).toMatchObject({ at: 300, live: true });
  });

  test('goes back and forth by one moment', () => {
    time.recorded([0, 1, 5, 9], 0);
    time.step(-1);
    expect(time.state()).toMatchObject({ paused: true, at: 5 });
    time.step(-1);
    time.step(-1);
    expect(time.state().at).toBe(0);
    time.step(-1);
    expect(time.state().at).toBeLessThan(0);
    time.step(-1);
    time.step(1);
    expect(time.state().at).toBe(0);
    for (let step = 0; step < 9; step += 1) time.step(1);
    expect(time.state()).toMatchObject({ at: 9, paused: true });
  });

  test('steps from between two moments to the next one', () => {
    time.recorded([0, 10, 20], 0);
    time.seek(13);
    time.step(1);
    expect(time.state().at).toBe(20);
    time.seek(13);
    time.step(-1);
    expect(time.state().at).toBe(0);
  });

  test.each([
    [0.1, 500, 50],
    [0.01, 500, 5],
  ] as const)('shows the last message again, slowly: %s', (speed, real, recorded) => {
    time.recorded([0, 100, 190, 280], 100);
    time.speed(speed);
    expect(time.state()).toMatchObject({ live: false, at: 100, speed });
    frames(real);
    // A pause of 90 ms at 0.01 would take 9 s: it is cut to the longest pause.
    const rate = Math.max(speed, 90 / LONGEST_PAUSE_MS);
    expect(time.state().at).toBeCloseTo(100 + real * rate);
    expect(real * rate).toBeGreaterThanOrEqual(recorded);
  });

  test('waits at the end in slow motion, and goes on slowly with what comes', () => {
    time.recorded([0, 1], 0);
    time.speed(0.01);
    frames(2000);
    expect(time.state()).toMatchObject({ live: false, at: 1, end: 1 });
    expect(time.runs).toBe(false);
    time.recorded([0, 1, 60_000, 60_001], 60_000);
    // A minute in which nothing happened takes as long as the longest pause.
    frames(LONGEST_PAUSE_MS - 10);
    expect(time.state().at).toBeLessThan(60_000);
    frames(20);
    expect(time.state().at).toBeGreaterThanOrEqual(60_000);
    expect(time.state().at).toBeLessThan(60_000.5);
    time.live();
    expect(time.state()).toMatchObject({ live: true, speed: 1, at: 60_001 });
  });

  test('begins a new run at the chosen speed', () => {
    time.recorded([0, 1], 0);
    time.speed(0.1);
    time.restart();
    time.recorded([3, 23], 3);
    frames(100);
    expect(time.state().at).toBeCloseTo(13);
    time.live();
    time.restart();
    time.recorded([3, 23], 3);
    expect(time.state()).toMatchObject({ live: true, at: 23 });
  });

  test('goes on from where it was when nobody has looked for an hour', () => {
    time.recorded([0, 1000, 2000], 0);
    time.seek(0);
    time.resume();
    clock.advance(3_600_000);
    expect(time.state().at).toBe(250);
  });

  test('does not go beyond what was recorded', () => {
    time.recorded([0, 1], 0);
    time.seek(1e9);
    expect(time.state().at).toBe(1);
  });
});

test.each([
  [-1, 0],
  [0, 1],
  [0.5, 1],
  [2, 3],
  [9, 3],
])('countUpTo %s', (at, count) => {
  expect(countUpTo([0, 1, 2], at)).toBe(count);
  expect(countUpTo([], at)).toBe(0);
});
