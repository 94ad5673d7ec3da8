// The facts about an established connection, and about this computer, made for real.

import { AFTER } from './after.ts';
import { HERE_FACTS } from './here.ts';
import { show } from './show.ts';

show('an established connection', AFTER);
show('this computer', HERE_FACTS);
