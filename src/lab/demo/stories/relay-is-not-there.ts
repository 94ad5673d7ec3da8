// The relay itself is not there: the detour has moved the question of who must be there, not removed it.

import { desertedPlace, listeningBob, sendsByRelay, sendsDirect } from '../cast.ts';
import type { Story } from '../story.ts';

export const relayIsNotThere: Story = {
  name: 'no-relay',
  title: 'the relay is not there',
  short: 'relay is not there',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'DELIVERED', shown: 1 },
    async play(stage) {
      const bob = await listeningBob(stage);
      const alice = await sendsDirect(stage, bob.place);
      return { alice, cast: [alice, bob.actor] };
    },
    lesson: () => ['The direct route needs nobody else.'],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'NOT_DELIVERED', shown: 0 },
    async play(stage) {
      const place = await desertedPlace(stage);
      const alice = await sendsByRelay(stage, place);
      return { alice, cast: [alice], places: new Map([[place, 'relay']]) };
    },
    lesson: () => ['Somebody must always be there:', 'the detour chooses who, and only that.'],
  },
};
