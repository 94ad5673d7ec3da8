// The catalogue, part 5: what a sender is told at the end, and the end of a conversation without the answer that was waited for. BYE,
// and detour's own words for a peer that says too little, too late, or something else. They are neither an errno nor a code of the system.

import {
  AFTER_BYE,
  AFTER_CONNECTING,
  BEFORE_SENDING,
  type CatalogEntry,
  NO_VERDICT,
  PROTOCOL,
  SAME_TEXT,
} from '../entry.ts';

type Shared = 'layer' | 'reference' | 'elsewhere' | 'basis';

/** What differs from entry to entry; and from system to system, if that is more than nothing. */
type Own = Omit<CatalogEntry, Shared> & Partial<Pick<CatalogEntry, 'elsewhere'>>;

const spoken = (own: Own): CatalogEntry => ({
  layer: 'program (detour/1)',
  reference: PROTOCOL,
  elsewhere: SAME_TEXT,
  basis: 'rule of detour/1',
  ...own,
});

/** The verdicts: an entry for each explains the word, and is never why a send failed. */
const VERDICTS: readonly Own[] = [
  {
    code: 'DELIVERED',
    moments: ['answer'],
    wire: "RECEIVED from {peer}'s program; with async send --wait, the receipt",
    certainty: 'This is a verdict, exit code 0.',
    title: "the verdict: bob's program has handled it",
    meaning:
      'The receiving program has written the message to its output, and that write came back. It said so itself.',
    so: 'the program had it, and was done with it',
    notSo: '"it is on bob\'s disk": shown is not kept, nobody promised that',
    tryNext: 'detour sync send --ladder shows whose word each step is',
  },
  {
    code: 'STORED',
    moments: ['answer'],
    wire: 'STORED from the relay',
    certainty: 'This is a verdict, exit code 0. Whether the recipient gets it, it leaves open: --wait asks.',
    title: "the verdict: durable on the relay's disk",
    meaning:
      'The relay has the message on its disk (fdatasync returned), and is responsible now: it keeps it until the recipient comes or ' +
      'its --ttl is over, also when it is killed. With dup=yes it was stored before, and may be gone by now.',
    so: 'the sender may go',
    notSo: '"bob has seen it": the relay has it, not bob',
    tryNext: 'detour async send --wait waits for the receipt',
  },
  {
    code: 'NOT_DELIVERED',
    moments: ['answer'],
    wire: 'no byte of the message was handed to the socket; or REFUSED or BYE answered it; or a bounce tried=no came',
    certainty: 'This is a verdict, exit code 10. It is about all attempts, never about one error code.',
    title: 'the verdict: certain, it did not and will not happen',
    meaning:
      'No attempt handed over a byte of the message, or each that did was told that it was not taken. Or it expired at the relay, ' +
      'which never wrote it to a receiver.',
    so: 'it did not happen, and it will not',
    notSo: '"an error, so not delivered": after the message was handed over most errors leave it UNKNOWN',
    tryNext: 'send it again: that cannot make it two',
  },
  {
    code: 'UNKNOWN',
    moments: ['answer'],
    wire: 'the message, or a part of it, was handed over, and no answer came to it; or a bounce tried=yes',
    certainty: 'This is a verdict, exit code 20.',
    title: 'the verdict: it may have happened, or not',
    meaning:
      'It was handed over and not answered: handled, with the answer lost on the way, and never read look the same from here. Nobody on ' +
      'this side can know.',
    so: 'nothing about what the other side did',
    notSo: '"no answer, so it failed": the answer may be what was lost',
    tryNext: {
      sync: 'ask the receiver. Sending again may make it two: sync remembers nothing',
      async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
    },
  },
];

const WORDS: readonly Own[] = [
  {
    code: 'replaced',
    moments: ['bye'],
    wire: 'BYE code=replaced from {peer}',
    certainty: NO_VERDICT,
    title: 'BYE: somebody else took this mailbox',
    meaning:
      "A newer receiver asked for the same name's mail. The newest wins, and the older one does not come back by itself.",
    so: 'mail not yet acknowledged here goes to the newer one, perhaps a second time',
    notSo: '"mail was lost": what was not acknowledged comes again',
    tryNext: 'let one program at a time receive for a name, or use another: --as',
  },
  {
    code: 'no_greeting',
    shownBy: ['frozen'],
    moments: ['greeting'],
    wire: 'connected to {place}, but no READY in time',
    certainty: BEFORE_SENDING,
    title: 'connected, but no program said READY',
    meaning:
      'The kernel took the call and no program greeted: it is frozen, busy, behind a proxy, or not a detour server.',
    so: 'a kernel is there, a program did not show itself',
    notSo: '"connected, so {peer} is there": a kernel connects, a program greets',
    tryNext: 'look at {peer}: is it frozen? is it the right port?',
  },
  {
    code: 'wrong_door',
    moments: ['greeting'],
    wire: 'READY from {place}, in the other role',
    certainty: BEFORE_SENDING,
    title: 'a relay where a receiver was meant, or vice versa',
    meaning:
      'READY says whether a receiver (sync) or a relay (async) is there. It was not the one that was called.',
    so: 'the other mode lives at that address',
    tryNext: 'a receiver is called with detour sync send, a relay with detour async send',
  },
  {
    code: 'too_large',
    moments: ['greeting'],
    wire: 'READY from {place} names the largest body it takes',
    certainty: BEFORE_SENDING,
    title: 'longer than READY allows, so not sent',
    meaning:
      'READY said how long a message may be at most (max=). This one is longer, so detour did not send it at all.',
    so: 'a program is there, and would have to refuse it',
    tryNext: 'send a shorter message, or several',
  },
  {
    code: 'not_detour',
    moments: ['greeting'],
    wire: '{place} sent bytes that are not detour/1',
    certainty: BEFORE_SENDING,
    title: 'another protocol answers there',
    meaning:
      'Something listens there and talks, but its first bytes are not READY: a web server or a mail server, say.',
    so: 'a program is there, and it is not detour',
    tryNext: "check the port: detour's own are 4100 (relay) and 4101 (receiver)",
  },
  {
    code: 'garbled',
    moments: ['answer'],
    wire: 'what came from {place} broke the rules of detour/1, and we hung up',
    certainty: AFTER_CONNECTING,
    title: 'it greeted well, and then talked nonsense',
    meaning:
      'READY was right, and something behind it was not: no frame, an answer with an impossible value, or a frame that stood still.',
    so: 'nothing: what it did with the message, it did before or after the nonsense',
    notSo: '"it is broken, so it did not arrive": it may have been handled well and answered badly',
    tryNext: {
      sync: 'look at {peer} with --log on both sides. Sending again may make it two',
      async:
        'look at the relay, then send again soon with the same --id: it knows a repeat for at least 10 minutes',
    },
  },
  {
    code: 'bye',
    moments: ['bye', 'answer'],
    wire: 'BYE from {peer}, no answer',
    certainty: AFTER_BYE,
    title: 'it said BYE and closed',
    meaning:
      'The other side is leaving politely: it was stopped, for example. What it took before, it answers first.',
    so: 'it answered every message that it took, and then said BYE: one that was not answered was not taken',
    notSo: '"BYE is only a closed connection": a FIN alone says nothing, BYE says that nothing is left open',
    tryNext: 'start {peer} again, and send again: it makes no second one',
  },
  {
    code: 'deadline',
    moments: ['connect'],
    shownBy: ['SYN swallowed', 'backlog full'],
    wire: 'no connection to {place} in time',
    certainty: BEFORE_SENDING,
    title: 'no connection before our own deadline',
    meaning:
      "We stopped waiting for the connection: packets may vanish on the way, or the listener's queue is full.",
    so: 'no connection came about; why, silence does not say',
    notSo: '"nobody listens there": that is refused, unless a firewall drops our SYNs',
    tryNext:
      'check the address and the firewall, or wait longer: --timeout, or --patient for as long as the kernel tries',
  },
  {
    code: 'deadline',
    moments: ['answer'],
    shownBy: ['frozen'],
    wire: 'no answer from {place} in time',
    certainty: AFTER_CONNECTING,
    title: 'no answer before our own deadline',
    meaning:
      'We stopped waiting. That is our clock and our decision; it says nothing about what the other side does.',
    so: 'nothing: the answer may be a moment away, or never come',
    notSo: '"timed out, so it failed": it may be handled after we left',
    tryNext: {
      sync: 'ask {peer}, or wait longer: --timeout. Sending again may make it two',
      async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
    },
  },
  {
    code: 'silent',
    moments: ['answer', 'idle'],
    wire: 'no byte from {place}, and no PONG to our PINGs',
    certainty: AFTER_CONNECTING,
    title: 'the heartbeat gave up',
    meaning:
      'After one heartbeat without a byte comes PING, and after three without any the connection is given up. TCP ' +
      'may have acknowledged every PING meanwhile: a kernel does that for a frozen program, too.',
    so: 'no program answers: frozen, cut off or gone, that cannot be told apart',
    notSo: '"it is dead": a frozen program may thaw and go on',
    tryNext: {
      sync: 'look at {peer}. Sending again may make it two: sync remembers nothing',
      async: 'connect again; the relay knows a repeat under the same --id for at least 10 minutes',
    },
  },
  {
    code: 'heartbeat',
    moments: ['idle'],
    wire: "PING, and PONG from {peer}'s program",
    certainty: NO_VERDICT,
    title: 'tests the program, not only the kernel',
    meaning:
      'Who has heard nothing for one heartbeat (10 s, --heartbeat) asks: PING. Only a running program answers: PONG. ' +
      'After three without a byte the connection is given up. A frozen program tells it from TCP keepalive: its kernel ' +
      'goes on answering keepalive, and no PING at all. A cut cable is noticed by both.',
    so: 'PONG: the program runs, and has read all that was said before the PING',
    notSo: '"PONG, so it has handled my message": read is not handled, only the answer says that',
    tryNext: 'type freeze 20s to a receiver while a send --heartbeat 1s holds the call open',
  },
  {
    code: 'ladder',
    moments: ['answer'],
    wire: 'SEND and a PING behind it, and whatever comes back from {place}',
    certainty:
      'The rungs explain, the answer decides: RECEIVED or STORED. A rung of which no word came may have been reached all ' +
      'the same; only NOT DELIVERED makes it certain that it was not.',
    title: 'how far a message comes, and who says so',
    meaning:
      'Five rungs: handed to my kernel (its write called back) · acknowledged by the other kernel (TCP) · read by the ' +
      'other program (PONG to a PING right behind it) · durable on a disk (STORED; in sync mode nobody keeps it) · ' +
      'handled (RECEIVED, or the receipt). A frozen program: the second is reached, the third is not.',
    so: 'a rung says what its voucher can know, and nothing of the rungs above it',
    notSo:
      '"acknowledged, so {peer} has it": a kernel has it, and if a proxy or a link stands between, theirs',
    tryNext: {
      sync: 'detour sync send --ladder, one message a line, and freeze the receiver between two',
      async: 'detour async send --ladder --wait, with and without a receiver',
    },
    elsewhere:
      'The second rung is read from /proc/net/tcp, which only Linux has; looking takes some milliseconds. Elsewhere Node ' +
      'cannot see it.',
  },
  {
    code: 'expired',
    moments: ['answer'],
    wire: 'a bounce from {peer}: the message expired in the mailbox',
    certainty:
      'bounce tried=no: NOT DELIVERED. bounce tried=yes: UNKNOWN, for it had been written to a receiver that did not acknowledge.',
    title: 'nobody fetched it in time (--ttl)',
    meaning:
      'The message was kept as long as it asked for, and no receiver acknowledged it within that time.',
    so: 'the relay hands it out no more; tried=no: nobody saw it, tried=yes: somebody may have',
    notSo: '"expired, so nobody saw it": a receiver can show it and be killed before ACK',
    tryNext: 'send it again with a longer --ttl, or with none',
  },
  {
    code: 'interrupted',
    moments: ['greeting', 'answer'],
    wire: 'nothing new: we stopped waiting',
    certainty: AFTER_CONNECTING,
    title: 'stopped with Ctrl-C while waiting',
    meaning:
      'The person at the keyboard ended the wait (exit code 130), or a program that uses the library did, with a signal. The message ' +
      'goes its way, or not, without us.',
    so: 'nothing about a message that was handed over already',
    notSo: '"interrupted, so it was taken back": what is sent cannot be called back',
    tryNext: {
      sync: 'ask {peer} before sending again',
      async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
    },
  },
];

/** The verdicts, BYE, and every way in which an answer stays away. */
export const WORD_ENTRIES: readonly CatalogEntry[] = [...VERDICTS, ...WORDS].map(spoken);
