// Nobody listens: the direct route fails immediately and with certainty; the detour does not mind.

import { desertedPlace, relay, sendsByRelay, sendsDirect } from '../cast.ts';
import type { Story } from '../story.ts';

export const bobIsNotThere: Story = {
  name: 'absent',
  title: 'bob is not there',
  short: 'bob is not there',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'NOT_DELIVERED', shown: 0 },
    async play(stage) {
      const place = await desertedPlace(stage);
      const alice = await sendsDirect(stage, place);
      return { alice, cast: [alice], places: new Map([[place, 'bob']]) };
    },
    lesson: () => ['Not one byte of it left alice.', 'Nobody has a copy, nobody retries.'],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 0 },
    async play(stage) {
      const hub = await relay(stage);
      const alice = await sendsByRelay(stage, hub.place);
      return { alice, cast: [alice, hub.actor] };
    },
    lesson: () => ['The relay has never seen a bob,', 'and keeps the message for him.'],
  },
};
