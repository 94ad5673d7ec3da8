// Before the tests: builds the compiled program if it is stale, because spawned processes run it (tsx would take 470 ms per start).

import { setUp } from '../scripts/setup.mjs';

/** Vitest calls this once. */
export default function setup(): void {
  setUp();
}
