// bob is killed while a large message is still coming in: the bar stops. Only bob's own program knew how much had arrived.

import {
  cableTo,
  collectingBob,
  detourAlice,
  directAlice,
  hasRead,
  killsItself,
  listeningBob,
  relay,
  verdictOf,
} from '../cast.ts';
import { MESSAGE, type Story } from '../story.ts';

// It takes a second and a half on this line. bob is killed early, so that the story still works if this process is delayed by a second.
const message = `${MESSAGE} `.repeat(30_000);
const SLOW_LINE = ['--rate', '200kB/s'];
const KILLED_AT = 0.3;

export const killedMidway: Story = {
  name: 'midway',
  title: 'bob is killed in the middle of a large message',
  short: 'bob killed in mid-message',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'UNKNOWN', shown: 0 },
    message,
    async play(stage) {
      const bob = await listeningBob(stage);
      const line = await cableTo(stage, bob, ...SLOW_LINE);
      const alice = directAlice(stage, line.place, '-');
      alice.input(message);
      await hasRead(bob.actor, KILLED_AT);
      await killsItself(bob.actor);
      await verdictOf(alice);
      return { alice, cast: [alice, line.actor, bob.actor] };
    },
    lesson: () => ['Half a message has no effect. alice', 'cannot see his progress: she doubts.'],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 1 },
    remark: '2nd try',
    message,
    async play(stage) {
      const hub = await relay(stage);
      const line = await cableTo(stage, hub, ...SLOW_LINE);
      const alice = detourAlice(stage, hub.place, '-');
      alice.input(message);
      await verdictOf(alice);
      const bob = collectingBob(stage, line);
      await hasRead(bob, KILLED_AT);
      await killsItself(bob);
      const newBob = collectingBob(stage, line);
      await hub.actor.until('acknowledged');
      await newBob.gone();
      return { alice, cast: [alice, hub.actor, line.actor, bob, newBob] };
    },
    lesson: () => ['The relay has all of it: the next bob', 'gets it whole. alice saw none of this.'],
  },
};
