// Everybody is there: both routes work, but they promise different things.

import { collectingBob, listeningBob, relay, sendsByRelay, sendsDirect } from '../cast.ts';
import type { Story } from '../story.ts';

export const bobIsThere: Story = {
  name: 'there',
  title: 'bob is there',
  short: 'bob is there',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'DELIVERED', shown: 1 },
    async play(stage) {
      const bob = await listeningBob(stage);
      const alice = await sendsDirect(stage, bob.place);
      return { alice, cast: [alice, bob.actor] };
    },
    lesson: () => ["bob's program itself has answered.", 'Nobody else ever had the message.'],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 1 },
    async play(stage) {
      const hub = await relay(stage);
      const bob = collectingBob(stage, hub, '--follow');
      await hub.actor.until('mailbox');
      const alice = await sendsByRelay(stage, hub.place);
      await hub.actor.until('acknowledged');
      return { alice, cast: [alice, hub.actor, bob] };
    },
    lesson: () => ["The relay's promise, not bob's.", 'bob got it, too; alice was not told.'],
  },
};
