// bob comes when alice has gone: only on the detour does he find her message.

import { collectingBob, desertedPlace, listeningBob, relay, sendsByRelay, sendsDirect } from '../cast.ts';
import type { Story } from '../story.ts';

export const bobComesLater: Story = {
  name: 'later',
  title: 'bob comes when alice has gone',
  short: 'bob comes back later',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'NOT_DELIVERED', shown: 0 },
    async play(stage) {
      const place = await desertedPlace(stage);
      const alice = await sendsDirect(stage, place);
      const bob = await listeningBob(stage, place.split(':').at(-1));
      return { alice, cast: [alice, bob.actor], places: new Map([[place, 'bob']]) };
    },
    lesson: () => ['bob listens now, and nothing comes:', 'there is no "he gets it later" here.'],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 1 },
    async play(stage) {
      const hub = await relay(stage);
      const alice = await sendsByRelay(stage, hub.place);
      const bob = collectingBob(stage, hub);
      await hub.actor.until('acknowledged');
      await bob.gone();
      return { alice, cast: [alice, hub.actor, bob] };
    },
    lesson: () => ['The two were never there at the same', 'time. That is what asynchronous means.'],
  },
};
