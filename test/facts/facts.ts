// All facts, in the order of their table: connecting, then an established connection, then this computer.

import { AFTER } from './after.ts';
import { BEFORE } from './before.ts';
import type { Fact } from './fact.ts';
import { HERE_FACTS } from './here.ts';

/** All facts. */
export const FACTS: readonly Fact[] = [...BEFORE, ...AFTER, ...HERE_FACTS];
