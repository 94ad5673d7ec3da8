// The relay is killed with mail in it. What it called STORED comes back from its disk.

import { collectingBob, killsItself, relay, sendsByRelay } from '../cast.ts';
import type { Story } from '../story.ts';

export const relayKilled: Story = {
  name: 'relay-killed',
  title: 'the relay is killed (kill -9) with mail in it',
  short: 'relay kill -9 with mail in it',
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 1 },
    async play(stage) {
      const hub = await relay(stage);
      const alice = await sendsByRelay(stage, hub.place);
      await killsItself(hub.actor);
      const newHub = await relay(stage, hub.place.split(':').at(-1));
      const bob = collectingBob(stage, newHub);
      await newHub.actor.until('acknowledged');
      await bob.gone();
      return { alice, cast: [alice, hub.actor, newHub.actor, bob] };
    },
    lesson: () => ['STORED was said only after the disk', 'had it: a new relay reads its journal.'],
  },
};
