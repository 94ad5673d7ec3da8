// Before the tests: the compiled program is there and fresh, for spawned processes run it (tsx would take 470 ms a start).

import { setUp } from '../scripts/setup.mjs';

/** Vitest calls this once. */
export default function setup(): void {
  setUp();
}
