// All facts, in the order of the table that they come from: connecting, then a connection that stands, then this computer.

import { AFTER } from './after.ts';
import { BEFORE } from './before.ts';
import type { Fact } from './fact.ts';
import { HERE_FACTS } from './here.ts';

/** Every one. */
export const FACTS: readonly Fact[] = [...BEFORE, ...AFTER, ...HERE_FACTS];
