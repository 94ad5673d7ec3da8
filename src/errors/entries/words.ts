// The catalogue, part 5: the end of a conversation without the answer that was waited for: BYE, and detour's own codes for a peer that says
// too little, too late, or something else. None of them is an errno.

import {
  AFTER_BYE,
  AFTER_CONNECTING,
  BEFORE_SENDING,
  type CatalogEntry,
  NO_VERDICT,
  type SpokenEntry,
  spoken,
} from '../entry.ts';
import { VERDICTS } from './verdicts.ts';

const WORDS: readonly SpokenEntry[] = [
  {
    code: 'replaced',
    moments: ['bye'],
    wire: 'BYE code=replaced from {peer}',
    certainty: NO_VERDICT,
    title: 'BYE: another receiver took this mailbox',
    meaning:
      'A newer receiver asked for the mail of the same name. The newest wins, and the older one does not come back by itself.',
    so: 'mail not yet acknowledged here goes to the newer one, so it may be shown twice',
    notSo: '"mail was lost": what was not acknowledged comes again',
    tryNext: 'let one program at a time receive for a name, or use another: --as',
  },
  {
    code: 'no_greeting',
    shownBy: ['frozen'],
    moments: ['greeting'],
    wire: 'connected to {address}, but no READY in time',
    certainty: BEFORE_SENDING,
    title: 'connected, but no program said READY',
    meaning:
      'The kernel accepted the connection, but no program greeted: it is frozen, busy, behind a proxy, or not a detour server.',
    so: 'a kernel is there; no program has shown itself',
    notSo: '"connected, so {peer} is there": a kernel connects, a program greets',
    tryNext: 'look at {peer}: is it frozen? is it the right port?',
  },
  {
    code: 'unfinished',
    moments: ['greeting'],
    wire: '{address} began a frame and did not end it',
    certainty: BEFORE_SENDING,
    title: 'bytes came, but no complete READY',
    meaning:
      'A frame counts when it is complete: its header line ends in \\n, and a body is followed by \\n, too. What came is the beginning of ' +
      'one, and the rest did not come in time.',
    so: 'a program is there and talks; what it says is not finished',
    notSo: '"it did not greet": look at what came, perhaps only the end of the line is missing',
    tryNext: 'if you write that program: end each line with \\n, and flush what you print',
  },
  {
    code: 'unfinished',
    moments: ['answer'],
    wire: '{address} began a frame and did not end it',
    certainty: AFTER_CONNECTING,
    title: 'an answer began and did not end',
    meaning:
      'A frame counts when it is complete: its header line ends in \\n, and a body is followed by \\n, too. What came is the beginning of ' +
      'one, and the rest did not come.',
    so: 'nothing: a frame that is not complete has no effect',
    notSo:
      '"RECEIVED can be read there, so it is the answer": RECEIVED id=1 may be the beginning of RECEIVED id=12',
    tryNext: {
      sync: 'if you write {peer}: end each frame with \\n, and flush it. Sending again may deliver it twice',
      async:
        'if you write the relay: end each frame with \\n. Send again soon with the same --id: it recognises a repeat for at least 10 minutes',
    },
  },
  {
    code: 'wrong_answer',
    moments: ['answer'],
    wire: '{address} answered, but not this message',
    certainty: AFTER_CONNECTING,
    title: 'an answer came, but not to this message',
    meaning:
      'An answer belongs to the message whose id it names: RECEIVED or REFUSED from a receiver, STORED or REFUSED from a relay. What came ' +
      'names another id, or is another verb.',
    so: 'nothing about this message',
    notSo: '"there was only one message, so that is its answer": it may answer an earlier one',
    tryNext: {
      sync: 'if you write {peer}: answer with the id= of the SEND. Sending again may deliver it twice',
      async:
        'if you write the relay: answer with the id= of the SEND. Send again soon with the same --id: it recognises a repeat for at least 10 minutes',
    },
  },
  {
    code: 'wrong_door',
    moments: ['greeting'],
    wire: 'READY from {address}, with the other role',
    certainty: BEFORE_SENDING,
    title: 'a relay where a receiver was meant, or vice versa',
    meaning:
      'READY says whether a receiver (sync) or a relay (async) is there. It was not the one that was called.',
    so: 'a server of the other mode listens at that address',
    tryNext: 'call a receiver with detour sync send, a relay with detour async send',
  },
  {
    code: 'too_large',
    moments: ['greeting'],
    wire: 'READY from {address} named the largest body it takes',
    certainty: BEFORE_SENDING,
    title: 'longer than READY allows, so not sent',
    meaning:
      'READY said how long a message may be (max=). This one is longer, so detour did not send it at all.',
    so: 'a program is there, and it would have refused the message',
    tryNext: 'send a shorter message, or several',
  },
  {
    code: 'not_detour',
    moments: ['greeting'],
    wire: '{address} sent bytes that are not detour/1',
    certainty: BEFORE_SENDING,
    title: 'another protocol answers there',
    meaning:
      'Something listens there and talks, but its first bytes are not READY. It may be a web server or a mail server.',
    so: 'a program is there, and it is not detour',
    tryNext: "check the port: detour's own are 4100 (relay) and 4101 (receiver)",
  },
  {
    code: 'garbled',
    moments: ['answer'],
    wire: 'what came from {address} broke the rules of detour/1, and we hung up',
    certainty: AFTER_CONNECTING,
    title: 'it greeted well, and then talked nonsense',
    meaning:
      'READY was correct, but something after it was not: it was not a frame, had a value that is not allowed, or stopped halfway.',
    so: 'nothing: it may have handled the message before the nonsense, or after it',
    notSo: '"it is broken, so it did not arrive": it may have been handled well and answered badly',
    tryNext: {
      sync: 'look at {peer} with --log on both sides. Sending again may deliver it twice',
      async:
        'look at the relay, then send again soon with the same --id: it recognises a repeat for at least 10 minutes',
    },
  },
  {
    code: 'bye',
    moments: ['bye', 'answer'],
    wire: 'BYE from {peer}, no answer',
    certainty: AFTER_BYE,
    title: 'it said BYE and closed',
    meaning:
      'The other side is leaving politely: it was stopped, for example. It first answers every message that it accepted.',
    so: 'it answered every message that it accepted, and then said BYE: a message without an answer was not accepted',
    notSo: '"BYE is only a closed connection": a FIN alone says nothing, BYE says that nothing is left open',
    tryNext: 'start {peer} again, and send again: that cannot deliver it twice',
  },
  {
    code: 'deadline',
    moments: ['lookup'],
    wire: 'the name lookup for {address} was not over in time; no packet went there',
    certainty: BEFORE_SENDING,
    title: 'no address before our own deadline',
    meaning:
      'We stopped waiting while the name was still being looked up. No address was known, so no connection was tried.',
    so: 'nobody was called: a directory of names did not answer soon enough',
    notSo: '"{peer} did not answer": nobody asked it',
    tryNext: 'use the address instead of the name, or wait longer: --timeout',
  },
  {
    code: 'deadline',
    moments: ['connect'],
    shownBy: ['SYN swallowed', 'backlog full'],
    wire: 'no connection to {address} in time',
    certainty: BEFORE_SENDING,
    title: 'no connection before our own deadline',
    meaning:
      "We stopped waiting for the connection. Packets may vanish on the way, or the listener's queue may be full.",
    so: 'no connection was made; silence does not say why',
    notSo: '"nobody listens there": that would be refused, unless a firewall drops our SYNs',
    tryNext:
      'check the address and the firewall, or wait longer: --timeout, or --patient for as long as the kernel tries',
  },
  {
    code: 'deadline',
    moments: ['answer'],
    shownBy: ['frozen'],
    wire: 'no answer from {address} in time',
    certainty: AFTER_CONNECTING,
    title: 'no answer before our own deadline',
    meaning:
      'We stopped waiting. That was our clock and our decision; it says nothing about what the other side does.',
    so: 'nothing: the answer may be a moment away, or may never come',
    notSo: '"timed out, so it failed": it may be handled after we have left',
    tryNext: {
      sync: 'ask {peer}, or wait longer: --timeout. Sending again may deliver it twice',
      async: 'send again soon with the same --id: the relay recognises a repeat for at least 10 minutes',
    },
  },
  {
    code: 'silent',
    moments: ['answer', 'idle'],
    wire: 'no byte from {address}, and no PONG to our PINGs',
    certainty: AFTER_CONNECTING,
    title: 'the heartbeat gave up',
    meaning:
      'After one heartbeat without a byte detour sends PING, and after three it gives the connection up. TCP may have ' +
      'acknowledged every PING meanwhile: a kernel does that for a frozen program, too.',
    so: 'no program answers; we cannot tell whether it is frozen, cut off or gone',
    notSo: '"it is dead": a frozen program may thaw and go on',
    tryNext: {
      sync: 'look at {peer}. Sending again may deliver it twice: sync remembers nothing',
      async: 'connect again; the relay recognises a repeat with the same --id for at least 10 minutes',
    },
  },
  {
    code: 'stalled',
    moments: ['answer', 'idle'],
    wire: '{address} took none of our bytes any more, and we hung up',
    certainty: AFTER_CONNECTING,
    title: 'our bytes were not taken',
    meaning:
      'More than 4 MiB waited to be sent, or the connection was being closed, and in 30 s our kernel could pass on nothing: the ' +
      'other side does not read, or nothing gets through.',
    so: 'nothing: what was passed on before may have been read',
    notSo: '"it took nothing, so it has nothing": only the rest was not taken',
    tryNext: {
      sync: 'look at {peer}. Sending again may deliver it twice: sync remembers nothing',
      async: 'send again soon with the same --id: the relay recognises a repeat for at least 10 minutes',
    },
  },
  {
    code: 'heartbeat',
    moments: ['idle'],
    wire: "PING, and PONG from {peer}'s program",
    certainty: NO_VERDICT,
    title: 'tests the program, not only the kernel',
    meaning:
      'A side that has heard nothing for one heartbeat (10 s, --heartbeat) asks with PING. Only a running program answers, with PONG. ' +
      'After three heartbeats without a byte the connection is given up. A frozen program shows how it differs from TCP keepalive: ' +
      'its kernel goes on answering keepalive probes, but nobody answers PING. Both notice a cut cable.',
    so: 'PONG: the program is running, and has read everything that came before the PING',
    notSo: '"PONG, so it has handled my message": read is not handled, only the answer says that',
    tryNext: 'type freeze 20s to a receiver while a send --heartbeat 1s keeps the connection open',
  },
  {
    code: 'ladder',
    moments: ['answer'],
    wire: 'SEND and a PING after it, and whatever comes back from {address}',
    certainty:
      'The rungs explain, the answer decides: RECEIVED or STORED. A rung that nobody vouches for may still have been ' +
      'reached; only NOT DELIVERED makes it certain that it was not.',
    title: 'how far a message got, and who says so',
    meaning:
      'Five rungs: handed to my kernel (the write called back) · acknowledged by the other kernel (TCP) · read by the ' +
      'other program (PONG to a PING right after it) · durable on a disk (STORED; in sync mode nobody keeps it) · ' +
      'handled (RECEIVED, or the receipt). With a frozen program the second rung is reached and the third is not.',
    so: 'whoever vouches for a rung knows that rung, and nothing about the rungs above it',
    notSo:
      '"acknowledged, so {peer} has it": a kernel has it, perhaps only that of a proxy or a link in between',
    tryNext: {
      sync: 'detour sync send --ladder, one message per line, and freeze the receiver between two of them',
      async: 'detour async send --ladder --wait, with and without a receiver',
    },
    elsewhere:
      'The second rung is read from /proc/net/tcp, which only Linux has; reading it takes some milliseconds. On other ' +
      'systems Node cannot see it.',
  },
  {
    code: 'expired',
    moments: ['answer'],
    wire: 'a bounce from {peer}: the message expired in the mailbox',
    certainty:
      'bounce tried=no: NOT DELIVERED. bounce tried=yes: UNKNOWN, because it may have been written to a receiver that did not acknowledge it.',
    title: 'nobody collected it in time (--ttl)',
    meaning: 'The relay kept the message for its --ttl, and no receiver acknowledged it within that time.',
    so: 'the relay no longer hands it out; tried=no: nobody saw it, tried=yes: somebody may have',
    notSo: '"expired, so nobody saw it": a receiver can show it and be killed before ACK',
    tryNext: 'send it again with a longer --ttl, or with none',
  },
  {
    code: 'interrupted',
    moments: ['greeting', 'answer'],
    wire: 'we stopped waiting',
    certainty: AFTER_CONNECTING,
    title: 'stopped with Ctrl-C while waiting',
    meaning:
      'The person at the keyboard ended the wait (exit code 130), or a program that uses the library did, with a signal. The message ' +
      'goes its way, or not, without us.',
    so: 'nothing about a message that was handed over already',
    notSo: '"interrupted, so it was taken back": what is sent cannot be called back',
    tryNext: {
      sync: 'ask {peer} before you send again',
      async: 'send again soon with the same --id: the relay recognises a repeat for at least 10 minutes',
    },
  },
];

/** The verdicts, BYE, and every way in which an answer can fail to come. */
export const WORD_ENTRIES: readonly CatalogEntry[] = [...VERDICTS, ...WORDS].map(spoken);
