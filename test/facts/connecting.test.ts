// The facts about connecting, made for real.

import { BEFORE } from './before.ts';
import { show } from './show.ts';

show('connecting', BEFORE);
