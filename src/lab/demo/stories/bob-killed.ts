// bob is killed between showing the message and answering it: the gap that no protocol can close.

import {
  collectingBob,
  directAlice,
  killsItself,
  listeningBob,
  relay,
  sendsByRelay,
  verdictOf,
} from '../cast.ts';
import { MESSAGE, type Story } from '../story.ts';

// Longer than the story: bob is killed while he works on the message.
const WORK = ['--work', '60s'];

export const bobKilled: Story = {
  name: 'killed',
  title: 'bob is killed after he showed it, before he answered',
  short: 'bob killed: shown, not answered',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'UNKNOWN', shown: 1 },
    async play(stage) {
      const bob = await listeningBob(stage, '0', ...WORK);
      const alice = directAlice(stage, bob.place, MESSAGE);
      await bob.actor.until('shown');
      await killsItself(bob.actor);
      await verdictOf(alice);
      return { alice, cast: [alice, bob.actor] };
    },
    lesson: () => ['Before or after reading: same FIN.', 'Nobody has a copy.'],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 2 },
    remark: 'twice',
    async play(stage) {
      const hub = await relay(stage);
      const alice = await sendsByRelay(stage, hub.place);
      const bob = collectingBob(stage, hub, ...WORK);
      await bob.until('shown');
      await killsItself(bob);
      const newBob = collectingBob(stage, hub);
      await newBob.until('shown');
      await newBob.gone();
      return { alice, cast: [alice, hub.actor, bob, newBob] };
    },
    lesson: () => ['alice could go home.', 'Shown twice (attempt 2): at least once.'],
  },
};
