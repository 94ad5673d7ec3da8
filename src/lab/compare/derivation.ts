// The theory in words, for --why. The figures in it are calculated by theory.ts, not typed.

import { shortTime } from './format.ts';
import { type Setting, waitByRelay, waitByRetry } from './theory.ts';

/** The derivation, for the given lengths of time. At most 78 columns wide. */
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
   sync once    detour sync send, and that was it
   sync again   the same; what was not DELIVERED the sender keeps, and tries
                again every R = ${shortTime(retry)}: the oldest first, if it works then
                all. The sender is the store: what it keeps dies with it
   async relay  detour async send: the relay is the store

WHAT MUST COME OUT
 1 sync once is handled with probability a. A message that comes by chance sees
   bob as often as he is there.
 2 async relay: everything is handled, if bob ever comes again. Of the messages
   1 - a find him away and wait for the rest of his absence. That is D on
   average, not D / 2: an exponential time has no memory, and a message is more
   likely to fall into a long absence. So the mean wait is (1 - a) D, plus the
   hop. alice waits for none of it: STORED, and she may go.
 3 sync again: the sender must hit upon bob. It tries at once, then every R.
   Who is away now is there t later with probability a (1 - exp(-t / (a D))).
   So a round finds him with p = a (1 - exp(-R / (a D))), but the first one,
   which comes R/2 after the message on average, with q: the mean of the same
   from 0 to R. The mean wait is (1 - a) (R/2 + (1 - q) R / p), plus the hop.
   A short visit between two rounds is missed. (The smaller R, the nearer it
   comes to (1 - a) D, and the more calls are for nothing.)
   The sender is kept for all that time. At any moment it has as many messages
   as arrive in a mean wait (Little), and they are lost with it.
 4 At a = 1 nobody waits: what is left is the hop, and the relay's is longer:
   once more through a program, and to the disk. Theory does not know by how
   much; that is measured.
 5 At a = 0 sync says NOT DELIVERED, which is certain. The relay says STORED,
   keeps it for as long as there is a relay, and it is no use to anybody.

 bob is there   (1 - a) D    sync again
${example.join('\n')}

HOW SURE IT IS
 It is measured when bob was there (from "listening" or RECEIVE to the kill),
 and how long his absences were. Theory is asked for that. (His programs are
 started beforehand and wait at the door, so that he can come on time.)
 Handled is what bob's own log says. The verdicts are held against it, and one
 that is not so ends the run with exit 1.
 Intervals: of a share Wilson's. Of a mean wait from 1000 runs of this size,
 simulated by the theory: messages of one absence wait together, so there are
 far fewer independent waits than messages. 1 of 20 lies off by chance.
 Not in the theory: a program is slow at first, and a visit too short to read a
 message is none. Both count where visits are short, or the computer is busy.

THE SENTENCE
 Synchronous is right when it must be quick, and be known at once. Asynchronous
 is right when it matters more that it happens than when.`.split('\n');
}
