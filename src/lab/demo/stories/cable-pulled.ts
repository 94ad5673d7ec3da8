// alice's cable is pulled while the answer is on its way: nobody is told anything. The detour has the same doubt, and a way out of it.
// The line is long, so that there is time to pull.

import type { Recorded } from '../../../core/event.ts';
import {
  cableTo,
  collectingBob,
  detourAlice,
  directAlice,
  listeningBob,
  relay,
  strikes,
  verdictOf,
} from '../cast.ts';
import { LINK_CONNECTS, MESSAGE, type Story } from '../story.ts';

const LONG_LINE = ['--latency', '800ms'];
// Two crossings of the line (1.6 s), and then some time in which the answer would have come.
const PATIENCE = ['--timeout', '3s'];

export const cablePulled: Story = {
  name: 'cable',
  title: "alice's cable is pulled before the answer comes",
  short: 'cable pulled before the answer',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'UNKNOWN', shown: 1 },
    async play(stage) {
      const bob = await listeningBob(stage);
      const cable = await cableTo(stage, bob, ...LONG_LINE);
      const alice = directAlice(stage, cable.place, ...PATIENCE, MESSAGE);
      await bob.actor.until('sent', ({ verb }) => verb === 'RECEIVED');
      await strikes(cable, 'cut');
      await verdictOf(alice);
      return { alice, cast: [alice, cable.actor, bob.actor] };
    },
    lesson: () => ['No FIN, no RST: nobody was told.', 'bob believes that she knows.', LINK_CONNECTS],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'UNKNOWN', shown: 1, repeat: 'STORED' },
    remark: 'solved',
    async play(stage) {
      const hub = await relay(stage);
      const cable = await cableTo(stage, hub, ...LONG_LINE);
      const alice = detourAlice(stage, cable.place, ...PATIENCE, MESSAGE);
      await hub.actor.until('sent', ({ verb }) => verb === 'STORED');
      await strikes(cable, 'cut');
      await verdictOf(alice);
      await strikes(cable, 'latency 0s');
      await strikes(cable, 'heal');
      const again = detourAlice(stage, cable.place, '--id', idOf(alice.events), MESSAGE);
      await verdictOf(again);
      const bob = collectingBob(stage, hub);
      await hub.actor.until('acknowledged');
      await bob.gone();
      return { alice, cast: [alice, cable.actor, hub.actor, again, bob] };
    },
    lesson: () => ['The same doubt; but a relay remembers:', 'the same id again, and it is kept once.'],
  },
};

// The id under which alice must repeat the message.
function idOf(events: readonly Recorded[]): string {
  const verdict = events.find(({ event }) => event === 'verdict');
  if (verdict?.event !== 'verdict') throw new TypeError('a verdict has an id');
  return verdict.id;
}
