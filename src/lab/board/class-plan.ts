// The questions of the class plan (lab/TEACHING.md) that a run can answer. Each stages its situation with real processes, and finds the
// right answer in what they recorded. Where a story of the demo is that situation, its scene is played.

import type { Recorded } from '../../core/event.ts';
import {
  cableTo,
  collectingBob,
  directAlice,
  listeningBob,
  relay,
  sendsByRelay,
  strikes,
  verdictOf,
} from '../demo/cast.ts';
import type { PlayedScene } from '../demo/page.ts';
import { bobIsNotThere } from '../demo/stories/bob-is-not-there.ts';
import { bobKilled } from '../demo/stories/bob-killed.ts';
import { cablePulled } from '../demo/stories/cable-pulled.ts';
import { killedMidway } from '../demo/stories/killed-midway.ts';
import { MESSAGE, type Scene } from '../demo/story.ts';
import type { Route } from './messages.ts';

/** The routes that were played. */
type PlayedRoutes = Readonly<Partial<Record<Route, PlayedScene>>>;

/** A question, the situation that answers it, and how. */
export interface PlanQuestion {
  /** To choose it by. */
  readonly name: string;
  /** As it stands in the plan. */
  readonly title: string;
  /** The situation and the question. */
  readonly question: string;
  readonly answers: readonly { readonly key: string; readonly text: string }[];
  readonly scenes: { readonly [Played in Route]?: Scene | undefined };
  /** The key of the right answer, undefined if this run does not show it; and why, from what was recorded. */
  conclude(played: PlayedRoutes): { readonly answer: string | undefined; readonly because: string };
}

const answers = (...texts: readonly string[]): PlanQuestion['answers'] =>
  texts.map((text, index) => ({ key: 'abcd'[index] ?? '', text }));

/** What was recorded on a route, in causal order. */
const recordedOn = (played: PlayedScene | undefined): readonly Recorded[] =>
  played?.verification.merged.events.map(({ recorded }) => recorded) ?? [];

/** What alice and bob recorded until she gave her verdict. */
const untilVerdict = (events: readonly Recorded[]): readonly Recorded[] =>
  events.slice(
    0,
    events.findIndex(({ event }) => event === 'verdict'),
  );

const times = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);

const BOBS = 3;

const whoGetsIt: PlanQuestion = {
  name: 'bobs',
  title: "Thirty bobs: who gets bob's mail?",
  question:
    "Three bobs have come to collect bob's mail, one after the other. Now alice sends a message. Who gets it?",
  answers: answers('every bob', 'the one who came first', 'the one who came last'),
  scenes: {
    detour: {
      lanes: ['alice', 'relay', 'bob'],
      expect: { verdict: 'STORED', shown: 1 },
      async play(stage) {
        const hub = await relay(stage);
        const bobs = [];
        for (let come = 1; come <= BOBS; come += 1) {
          bobs.push(collectingBob(stage, hub, '--follow'));
          const collecting = (): number =>
            hub.actor.events.filter((one) => one.event === 'mailbox' && one.state === 'collecting').length;
          await hub.actor.until('mailbox', () => collecting() === come);
        }
        await Promise.all(bobs.slice(0, -1).map((bob) => bob.gone()));
        const alice = await sendsByRelay(stage, hub.place);
        await hub.actor.until('acknowledged');
        return { alice, cast: [alice, hub.actor, ...bobs] };
      },
      lesson: () => ['Each mailbox has one collector,', 'and the newest wins.'],
    },
  },
  conclude({ detour }) {
    const events = recordedOn(detour);
    const pids = [...new Set(events.filter(({ actor }) => actor === 'bob').map(({ pid }) => pid))];
    const showing = pids.filter((pid) => events.some((one) => one.event === 'shown' && one.pid === pid));
    const replaced = events.filter((one) => one.event === 'mailbox' && one.state === 'replaced').length;
    const [pid] = showing;
    const answer =
      showing.length === pids.length ? 'a' : pid === pids[0] ? 'b' : pid === pids.at(-1) ? 'c' : undefined;
    const told = `The relay recorded ${times(replaced)} that a new bob took over the mailbox, and told the one before, who left (exit code 11).`;
    return { answer, because: `Of ${pids.length} bobs, pid ${showing.join(', ')} showed it. ${told}` };
  },
};

const whoHasACopy: PlanQuestion = {
  name: 'copy',
  title: 'Who has a copy of the message at this moment?',
  question:
    'alice has handed it to the relay, and has gone. No bob has come yet. Who has a copy of the message at this moment?',
  answers: answers("alice's program", 'the relay, on its disk', "bob's kernel", 'nobody'),
  scenes: { detour: bobIsNotThere.detour },
  conclude({ detour }) {
    const events = recordedOn(detour);
    const stored = events.find((one) => one.event === 'stored');
    const gone = events.some(({ event }) => event === 'acknowledged' || event === 'expired');
    const because =
      stored?.event === 'stored'
        ? `The relay recorded that it is on its disk, number ${stored.seq} for ${stored.to}, and nobody has acknowledged it since. alice's process has ended.`
        : 'The relay did not record that it stored it.';
    return { answer: stored === undefined || gone ? undefined : 'b', because };
  },
};

const didHeSeeIt: PlanQuestion = {
  name: 'saw-it',
  title: 'Did bob see it?',
  question: "bob is killed before he answers. alice's program says UNKNOWN. Did bob see the message?",
  answers: answers(
    'yes: his kernel had acknowledged it',
    'no: otherwise he would have answered',
    "alice's program cannot know",
  ),
  scenes: { direct: bobKilled.direct },
  conclude({ direct }) {
    const events = recordedOn(direct);
    const shown = events.filter(({ event }) => event === 'shown').length;
    const unknown = direct?.verification.verdict === 'UNKNOWN';
    return {
      answer: unknown ? 'c' : undefined,
      because: `This bob showed it ${times(shown)}: only his own log says so. If he had been killed before, alice would have recorded the same: a FIN, and no RECEIVED.`,
    };
  },
};

const LONG_LINE = ['--latency', '800ms'];
// Two crossings of the line (1.6 s), and then some time in which the answer would have come.
const DEADLINE = ['--timeout', '3s'];

// The story `cable` on the direct route, and then alice says it again.
const saidAgain: Scene = {
  lanes: ['alice', 'bob'],
  expect: { verdict: 'UNKNOWN', shown: 1, repeat: 'DELIVERED' },
  async play(stage) {
    const bob = await listeningBob(stage);
    const cable = await cableTo(stage, bob, ...LONG_LINE);
    const alice = directAlice(stage, cable.place, ...DEADLINE, MESSAGE);
    await bob.actor.until('sent', ({ verb }) => verb === 'RECEIVED');
    await strikes(cable, 'cut');
    await verdictOf(alice);
    await strikes(cable, 'latency 0s');
    await strikes(cable, 'heal');
    const again = directAlice(stage, cable.place, MESSAGE);
    await verdictOf(again);
    return { alice, cast: [alice, cable.actor, bob.actor, again] };
  },
  lesson: () => ['bob remembers nothing: to him', 'it is another message.'],
};

const sendItAgain: PlanQuestion = {
  name: 'again',
  title: 'Should she send it again?',
  question:
    'The answer was lost. alice does not know whether bob, or the relay, has the message. Should she send it again?',
  answers: answers(
    'yes: on both routes nothing can go wrong',
    'no: on both routes he would get it twice',
    'only to somebody who remembers its id',
  ),
  scenes: { direct: saidAgain, detour: cablePulled.detour },
  conclude({ direct, detour }) {
    const count = (played: PlayedScene | undefined): number =>
      recordedOn(played).filter(({ event }) => event === 'shown').length;
    const [shown, onDetour] = [count(direct), count(detour)];
    const answer = shown === 1 && onDetour === 1 ? 'a' : onDetour > 1 ? 'b' : shown > 1 ? 'c' : undefined;
    const because = `On the direct route bob showed it ${times(shown)}. On the detour ${times(onDetour)}: the relay knew the id, and made no second message of it.`;
    return { answer, because };
  },
};

const whoIsTold: PlanQuestion = {
  name: 'told',
  title: 'Who has been told that the cable is cut?',
  question: "bob's answer is on its way. The cable is cut. Who is told?",
  answers: answers(
    'both: their connection breaks',
    'alice: she waits for an answer',
    'bob: his answer did not arrive',
    'nobody',
  ),
  scenes: { direct: cablePulled.direct },
  conclude({ direct }) {
    const events = untilVerdict(recordedOn(direct));
    const cut = events.findIndex((one) => one.event === 'fault' && one.fault === 'cut');
    const told = events
      .slice(cut)
      .filter(({ event }) => event === 'fin' || event === 'broken')
      .map(({ actor }) => actor);
    const [alice, bob] = [told.includes('alice'), told.includes('bob')];
    const answer = alice && bob ? 'a' : alice ? 'b' : bob ? 'c' : 'd';
    const because =
      answer === 'd'
        ? 'From the cut until her verdict neither recorded a FIN or an RST. alice gave up by her own clock, and bob believes that she knows.'
        : `${[...new Set(told)].join(' and ')} recorded the end of the connection.`;
    return { answer: cut === -1 ? undefined : answer, because };
  },
};

const whatTheBarCounts: PlanQuestion = {
  name: 'bar',
  title: 'What does the bar count, and who can see it?',
  question:
    "A large message comes in slowly, and bob's terminal shows a bar. What does it count, and who can see it?",
  answers: answers(
    "bytes that bob's program has read: only he sees it",
    "bytes that bob's kernel has acknowledged: both see it",
    'bytes that alice has written: she sees it, too',
  ),
  scenes: { direct: killedMidway.direct },
  conclude({ direct }) {
    const bars = recordedOn(direct).filter((one) => one.event === 'arriving');
    const onlyBob = bars.length > 0 && bars.every(({ actor }) => actor === 'bob');
    const last = bars.at(-1);
    const because = onlyBob
      ? `bob's program recorded what it had read, at last ${last?.have} of ${last?.size} bytes. Nothing of it is in alice's log.`
      : 'Nobody recorded the bytes as they came.';
    return { answer: onlyBob ? 'a' : undefined, because };
  },
};

// alice must give up before bob thaws.
const SHORT_DEADLINE = ['--timeout', '2s'];
const FREEZE = 'freeze 5s';

const connectedToWhom: PlanQuestion = {
  name: 'connected',
  title: 'Connected to whom?',
  question: "bob's program stands still. alice's terminal says: connected. Connected to whom?",
  answers: answers("bob's program", "bob's kernel", 'nobody: it is not true'),
  scenes: {
    direct: {
      lanes: ['alice', 'bob'],
      expect: { verdict: 'NOT_DELIVERED', shown: 0 },
      async play(stage) {
        const bob = await listeningBob(stage);
        bob.actor.type(FREEZE);
        await bob.actor.until('freezing');
        const alice = directAlice(stage, bob.place, ...SHORT_DEADLINE, MESSAGE);
        await verdictOf(alice);
        await bob.actor.until('closed');
        return { alice, cast: [alice, bob.actor] };
      },
      lesson: () => ['A kernel takes a call for a program', 'that does not look.'],
    },
  },
  conclude({ direct }) {
    const events = untilVerdict(recordedOn(direct));
    const connected = events.some(({ event }) => event === 'connected');
    const greeted = events.some((one) => one.event === 'received' && one.verb === 'READY');
    return {
      answer: greeted ? 'a' : connected ? 'b' : 'c',
      because:
        connected && !greeted
          ? "alice recorded that she was connected, while bob's program recorded nothing. Its READY, the first word of a program, had not come when she gave up."
          : 'It went differently this time.',
    };
  },
};

const whoSentTheAck: PlanQuestion = {
  name: 'ack',
  title: 'Who sent the ACK of TCP?',
  question:
    "A call is up, and bob's program stands still. alice's bytes are acknowledged all the same. Who sent that ACK?",
  answers: answers("bob's program", "bob's kernel", "alice's own kernel"),
  scenes: {
    direct: {
      lanes: ['alice', 'bob'],
      expect: { verdict: 'UNKNOWN' },
      async play(stage) {
        const bob = await listeningBob(stage);
        const alice = directAlice(stage, bob.place, '--lines', '--ladder', ...SHORT_DEADLINE);
        alice.type('are you there');
        await alice.until('outcome');
        bob.actor.type(FREEZE);
        await bob.actor.until('freezing');
        alice.input(`${MESSAGE}\n`);
        await verdictOf(alice);
        await bob.actor.until('closed');
        return { alice, cast: [alice, bob.actor] };
      },
      lesson: () => ['Acknowledged is not read,', 'and read is not handled.'],
    },
  },
  conclude({ direct }) {
    const events = recordedOn(direct);
    const frozen = events.findIndex(({ event }) => event === 'freezing');
    const thawed = events.findIndex(({ event }) => event === 'thawed');
    const rung = events
      .slice(frozen, thawed)
      .find((one) => one.event === 'rung' && one.rung === 'acknowledged' && one.state === 'reached');
    const because =
      rung?.event === 'rung'
        ? `alice recorded after ${Math.round(rung.ms)} ms that all bytes were acknowledged, while bob's program stood still: it thawed later.`
        : "TCP is the kernel's business. Only on Linux can alice's program see what was acknowledged.";
    return { answer: 'b', because };
  },
};

/** The questions, in the order of the plan. */
export const CLASS_PLAN: readonly PlanQuestion[] = [
  whoGetsIt,
  whoHasACopy,
  didHeSeeIt,
  sendItAgain,
  whoIsTold,
  whatTheBarCounts,
  connectedToWhom,
  whoSentTheAck,
];
