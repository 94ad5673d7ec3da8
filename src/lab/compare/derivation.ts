// The theory in words, for --why. Its figures are calculated by theory.ts.

import { shortTime } from './format.ts';
import { type Setting, waitByRelay, waitByRetry } from './theory.ts';

/** The derivation, for the given times. At most 79 columns wide. */
export function derivationLines(setting: Setting): string[] {
  const { absence, retry } = setting;
  const example = [0.9, 0.5, 0.1].map((a) => {
    const cells = [waitByRelay(a, setting), waitByRetry(a, setting)].map((ms) => shortTime(ms).padStart(8));
    return `   ${String(Math.round(a * 100)).padStart(4)} %   ${cells.join('     ')}`;
  });
  return `WHAT IS MEASURED
 bob comes and goes: started and killed (SIGKILL), real processes. He is there
 for U on average and away for D on average, both exponential, so for a share
 a = U / (U + D) of the time. D is ${shortTime(absence)} at every a; U follows. Messages arrive
 by chance (Poisson), the same for three senders:
   sync once    detour sync send, once
   sync again   the same, but the sender keeps what was not DELIVERED and tries
                again every R = ${shortTime(retry)}: the oldest first, and if that works,
                all. The sender is the store: what it keeps dies with it
   async relay  detour async send: the relay is the store

WHAT THEORY PREDICTS
 1 sync once is handled with probability a: a message that arrives at random
   finds bob there as often as he is there.
 2 async relay: everything is handled, if bob ever comes again. A share 1 - a
   of the messages find him away and wait for the rest of his absence. That is
   D on average, not D / 2: an exponential time has no memory, and a message is
   more likely to fall into a long absence. So the mean wait is (1 - a) D, plus
   the hop. alice waits for none of it: STORED, and she may go.
 3 sync again: the sender must catch bob. It tries immediately, then every R.
   If bob is away now, he is there t later with probability
   a (1 - exp(-t / (a D))). So a round finds him with probability
   p = a (1 - exp(-R / (a D))). The first round comes R/2 after the message on
   average and finds him with probability q, the mean of that formula over 0
   to R. The mean wait is (1 - a) (R/2 + (1 - q) R / p), plus the hop.
   A short visit between two rounds is missed. (The smaller R is, the closer
   the wait is to (1 - a) D, and the more calls are for nothing.)
   The sender must stay all that time. At any moment it holds as many messages
   as arrive in a mean wait (Little), and they are lost with it.
 4 At a = 1 nobody waits: only the hop is left, and the relay's is longer: one
   more program, and the disk. Theory does not know by how much; that is
   measured.
 5 At a = 0 sync says NOT DELIVERED, which is certain. The relay says STORED
   and keeps the message as long as there is a relay, which helps nobody.

 bob is there   (1 - a) D    sync again
${example.join('\n')}

HOW SURE IT IS
 The times when bob was there (from "listening" or RECEIVE to the kill) and the
 lengths of his absences are measured, and theory is calculated for those. (His
 programs are started in advance and wait, so that he can come on time.)
 Handled means that bob's own log says so. The verdicts are compared with it,
 and a false one ends the run with exit 1.
 Intervals: Wilson's for a share. For a mean wait, from 1000 runs of this size
 simulated by the theory: messages of one absence wait together, so there are
 far fewer independent waits than messages. 1 in 20 is off by chance.
 Not in the theory: a program is slow at first, and a visit too short to read a
 message does not help. Both matter for short visits, or on a busy computer.

THE SENTENCE
 Synchronous is right when it must be quick, and known immediately.
 Asynchronous is right when it matters more that it happens than when.`.split('\n');
}
