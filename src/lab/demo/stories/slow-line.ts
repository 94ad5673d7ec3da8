// A slow line to bob: on the direct route alice waits for every crossing, on the detour the relay does. All times are measured.

import { cableTo, collectingBob, detourAlice, directAlice, listeningBob, relay, verdictOf } from '../cast.ts';
import { LINK_CONNECTS, MESSAGE, type Story } from '../story.ts';

// It takes half a second on this line, and a quarter more for the latency.
const message = `${MESSAGE} `.repeat(3200);
const SLOW_LINE = ['--latency', '250ms', '--rate', '64kB/s'];

export const slowLine: Story = {
  name: 'slow',
  title: 'the line to bob is slow: 250 ms each way, 64 kB a second',
  short: 'slow line to bob, 32 kB',
  direct: {
    lanes: ['alice', 'bob'],
    expect: { verdict: 'DELIVERED', shown: 1 },
    message,
    async play(stage) {
      const bob = await listeningBob(stage);
      const line = await cableTo(stage, bob, ...SLOW_LINE);
      const alice = directAlice(stage, line.place, '-');
      alice.input(message);
      await verdictOf(alice);
      return { alice, cast: [alice, line.actor, bob.actor] };
    },
    lesson: ({ kept }) => [
      `alice was kept for ${ms(kept)}: READY,`,
      'SEND, RECEIVED crossed one by one.',
      LINK_CONNECTS,
    ],
  },
  detour: {
    lanes: ['alice', 'relay', 'bob'],
    expect: { verdict: 'STORED', shown: 1 },
    message,
    async play(stage) {
      const hub = await relay(stage);
      const line = await cableTo(stage, hub, ...SLOW_LINE);
      const bob = collectingBob(stage, line, '--follow');
      await hub.actor.until('mailbox');
      const alice = detourAlice(stage, hub.place, '-');
      alice.input(message);
      await verdictOf(alice);
      await hub.actor.until('acknowledged');
      return { alice, cast: [alice, hub.actor, line.actor, bob] };
    },
    lesson: ({ kept, took = 0 }) => [
      `alice was kept for ${ms(kept)}; bob had it`,
      `after ${ms(took)}: the relay waited.`,
    ],
  },
};

const ms = (value: number): string => `${Math.round(value)} ms`;
