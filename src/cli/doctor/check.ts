// What `detour doctor` says about one thing that it looked at.

import type { Event } from '../../core/event.ts';

/** One thing that was looked at: its name, how it is, what was found, and what to do about it. */
export type Check = Omit<Extract<Event, { event: 'checked' }>, 'event'>;

/** Takes a check as soon as it is done. Resolves when it has been shown. */
export type Report = (check: Check) => Promise<void>;
