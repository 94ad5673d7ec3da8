// The stories, in the order in which they are told. To add one, add a file in stories/ and a line here.

import { bobComesLater } from './stories/bob-comes-later.ts';
import { bobFrozen } from './stories/bob-frozen.ts';
import { bobIsNotThere } from './stories/bob-is-not-there.ts';
import { bobIsThere } from './stories/bob-is-there.ts';
import { bobKilled } from './stories/bob-killed.ts';
import { cablePulled } from './stories/cable-pulled.ts';
import { killedMidway } from './stories/killed-midway.ts';
import { relayIsNotThere } from './stories/relay-is-not-there.ts';
import { relayKilled } from './stories/relay-killed.ts';
import { slowLine } from './stories/slow-line.ts';
import type { Story } from './story.ts';

/** All stories. */
export const STORIES: readonly Story[] = [
  bobIsThere,
  bobIsNotThere,
  bobKilled,
  bobFrozen,
  bobComesLater,
  relayKilled,
  relayIsNotThere,
  cablePulled,
  killedMidway,
  slowLine,
];
