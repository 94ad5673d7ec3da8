// bob's program stands still while his kernel goes on: it takes the bytes, and nobody reads them.

import { collectingBob, detourAlice, directAlice, listeningBob, relay, verdictOf } from '../cast.ts';
import { MESSAGE, type Story } from '../story.ts';

// alice must give up before bob thaws.
const PATIENCE = ['--timeout', '2s'];
const FREEZE = 'freeze 5s';

export const bobFrozen: Story = {
  name: 'frozen',
  title: 'bob freezes while a call is up',
  short: 'bob frozen while a call is up',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'UNKNOWN' },
    async play(stage) {
      const bob = await listeningBob(stage);
      const alice = directAlice(stage, bob.place, '--lines', ...PATIENCE);
      alice.type('are you there');
      await alice.until('received', ({ verb }) => verb === 'RECEIVED');
      bob.actor.type(FREEZE);
      await bob.actor.until('freezing');
      alice.input(`${MESSAGE}\n`);
      await verdictOf(alice);
      await bob.actor.until('thawed');
      await bob.actor.until('closed');
      return { alice, cast: [alice, bob.actor] };
    },
    lesson: ({ shown }) => [
      'No error: his kernel took it all.',
      shown > 0 ? 'Thawed, he showed it: too late.' : 'Thawed, he never read it.',
    ],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 1 },
    async play(stage) {
      const hub = await relay(stage);
      const bob = collectingBob(stage, hub, '--follow');
      await hub.actor.until('mailbox');
      bob.type(FREEZE);
      await bob.until('freezing');
      const alice = detourAlice(stage, hub.place, MESSAGE);
      await verdictOf(alice);
      await hub.actor.until('acknowledged');
      return { alice, cast: [alice, hub.actor, bob] };
    },
    lesson: () => ["bob's pace is not alice's problem.", 'He shows it when he can.'],
  },
};
