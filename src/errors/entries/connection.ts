// The catalogue, part 2: how an established TCP connection ends, or fails to end. These are the rows that surprise:
// a killed program looks polite, a frozen one looks well, and a cut cable looks like nothing at all.

import { AFTER_CONNECTING, type CatalogEntry, NO_VERDICT, NOT_VERIFIED } from '../entry.ts';

const SAFE_REPEAT = {
  sync: 'ask {peer}. Sending again may make it two: sync remembers nothing',
  async: 'send again soon with the same --id: the relay knows a repeat for at least 10 minutes',
} as const;

/** Ended, with a sign on the wire. */
const ENDED: readonly CatalogEntry[] = [
  {
    code: 'fin',
    moments: ['greeting', 'answer'],
    title: 'closed without an answer (FIN)',
    layer: 'TCP established',
    meaning:
      'The other side closed its direction with a FIN, and no answer had come. A program that is killed after it read ' +
      'everything and one that leaves politely look the same: their kernel closes for them.',
    wire: "{peer}'s side closed (FIN), no answer",
    so: 'nothing: died before reading and died after showing can look the same',
    notSo: '"it was read": a program can take bytes from its kernel and be killed before it looks at them',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.6',
    elsewhere:
      "Linux: measured here. Windows, by documentation: a killed program's side sends RST (ECONNRESET). Not verified here.",
    basis: 'measured on Linux',
    shownBy: ['SIGKILL, everything read'],
  },
  {
    code: 'lost_in_node',
    moments: ['answer'],
    title: 'read by the socket, never processed',
    layer: 'TCP established',
    meaning:
      'The program had taken the bytes from its kernel, but was killed before it did anything with them. Its kernel has ' +
      'nothing unread left, so it closes with an ordinary FIN, and the data is gone without a trace.',
    wire: 'ACK for every byte, then FIN from {place}: a clean end',
    so: 'TCP says "received", and the message is lost all the same',
    notSo: '"TCP acknowledged it, so it arrived": a kernel acknowledges, not a program',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.6',
    elsewhere: 'Linux: measured here. Windows, by documentation: RST instead of FIN. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SIGKILL, read by Node alone'],
  },
  {
    code: 'ECONNRESET',
    moments: ['greeting', 'answer'],
    title: 'reset by the other side (RST)',
    layer: 'TCP established',
    meaning:
      'The other side broke the connection off instead of closing it. Usual causes: its program was killed or closed while data lay ' +
      'unread in its kernel, it asked for a reset, or its computer restarted and knows nothing of the connection.',
    wire: '{place} broke the connection off (ECONNRESET: RST)',
    so: 'some data may have been unread when it ended; which, RST does not say',
    notSo: '"it was not read": what lay unread may be something else, and earlier bytes may have been shown',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.6.1 (SHLD-3), §3.5.2; RFC 1122 §4.2.2.13; RFC 2525 §2.17',
    elsewhere:
      'Linux: measured here. Windows, by documentation: also when a killed program had read everything, where Unix sends ' +
      'FIN. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SIGKILL, data unread', 'resetAndDestroy()', 'peer rebooted, then a write'],
  },
  {
    code: 'EPIPE',
    moments: ['answer'],
    title: 'write after the other side is gone',
    layer: 'TCP established',
    meaning:
      'The connection had ended before this write. With a socket that stays open for writing after a FIN the first write ' +
      'still succeeds, its data is answered by RST, and only the second write fails. A socket that closes with the other side ' +
      "(Node's default) gives EPIPE by itself to the first write after the FIN; then nothing goes out.",
    wire: 'the connection to {place} had ended before this write (EPIPE)',
    so: 'nothing about what was written before: a write that "succeeds" reached our kernel only',
    notSo: '"the write before it went well, so it arrived": it may have met a RST',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.5.2 (RST to data); POSIX write(), EPIPE',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['write after the peer is gone'],
  },
  {
    code: 'rst_behind_data',
    moments: ['answer'],
    title: 'RST behind an answer not yet read',
    layer: 'TCP established',
    meaning:
      'An answer came, and a RST behind it. Who is reading sees the answer, and then ECONNRESET, or what looks like a clean end if ' +
      'both were here before he read (Node 20 and 22). Who has stopped reading still finds the answer with Node 20 and 22; with ' +
      'Node 24 it is gone.',
    wire: 'an answer from {place}, and a RST right behind it',
    so: 'read what is there before believing the error',
    notSo: '"reset, so there was no answer": it may lie in the buffer',
    tryNext: 'read to the end first; a server should read until FIN before it closes',
    certainty: 'The answer, once read, decides. Not read, it is as if there were none: UNKNOWN.',
    reference: 'RFC 9293 §3.5.3; RFC 1122 §4.2.2.13',
    elsewhere:
      'Linux with Node 20, 22 and 24: measured here. A kernel may also drop what was not read yet: other systems not verified here.',
    basis: 'measured on Linux',
    shownBy: ['RST behind unread data'],
  },
  {
    code: 'peer_rebooted',
    moments: ['answer'],
    title: 'the other computer restarted',
    layer: 'TCP established',
    meaning:
      'A computer that restarted has forgotten its connections. Nothing tells us: our side still looks established ' +
      '("half-open") until we write. The answer to those bytes is RST.',
    wire: 'our data to {place} was answered by RST: that connection is not known there',
    so: 'our write "succeeded" all the same; what was taken before the restart, RST does not say',
    notSo: '"established, so it is there": an idle connection proves nothing about now',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.5.1 (Figure 10)',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['peer rebooted, then a write'],
  },
  {
    code: 'half_close',
    moments: ['idle'],
    title: 'one direction closed, the other open',
    layer: 'TCP established',
    meaning:
      'A FIN ends one direction only: "I have no more to say", not "I am gone". Who sent it can still hear. In Node ' +
      'end() sends it; the other side keeps its own direction only with allowHalfOpen: true.',
    wire: 'FIN one way; data and answers may still come the other way',
    so: 'a late answer can still arrive',
    notSo: '"end means the conversation is over": only half of it is',
    tryNext: 'read on until the other side closes, too',
    certainty: 'A FIN from the other side is not an answer. Without one, what was handed over is UNKNOWN.',
    reference: 'RFC 9293 §3.6, §3.6.1',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['half-close'],
  },
  {
    code: 'time_wait',
    moments: ['idle'],
    title: 'the closer remembers for a while',
    layer: 'TCP established',
    meaning:
      "Who closes first keeps the connection's addresses aside for twice the longest life of a packet, so that a late packet of " +
      'the old connection is not taken for one of a new one.',
    wire: 'nothing: the connection is over, one kernel remembers it',
    so: 'it is not a fault, and there is no reason to wait: a server can listen on its port again at once',
    notSo: '"the port is stuck": Node sets SO_REUSEADDR on Unix, and a server starts at once',
    tryNext: 'nothing; it goes by itself',
    certainty: NO_VERDICT,
    reference: 'RFC 9293 §3.6.1 (MUST-13: 2×MSL)',
    elsewhere:
      'Linux: a restart on the same port at once was measured here. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['TIME_WAIT'],
  },
];

/** Not ended, or not seen to have ended. */
const SILENT: readonly CatalogEntry[] = [
  {
    code: 'silence',
    moments: ['answer', 'idle'],
    title: 'no answer, no error',
    layer: 'TCP established',
    meaning:
      'Nothing comes, and nothing says why: working, frozen, cut off and gone all look like this at first.',
    wire: 'nothing came back from {place}',
    so: 'nothing: a slow program and a dead one are silent alike',
    notSo: '"no error, so all is well": on an idle connection nothing tells of a cut',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.8.4 (keep-alives are off by default, MUST-25)',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['frozen', 'cable cut, idle'],
  },
  {
    code: 'frozen',
    moments: ['greeting', 'answer', 'idle'],
    title: 'the program stands still, its kernel not',
    layer: 'TCP established',
    meaning:
      'A stopped program (SIGSTOP), one in an endless loop, or one that never accepts: its kernel completes the handshake ' +
      'and acknowledges data all the same (about 3.9 MB on loopback), then there is silence, and no error.',
    wire: "{place}'s kernel took the call and acknowledged the bytes; the program said nothing",
    so: 'a kernel is there; whether a program will ever read, nobody can say',
    notSo: '"connected and written, so {peer} has it": its kernel has it',
    tryNext: SAFE_REPEAT,
    certainty:
      'No READY: nothing was handed over, NOT DELIVERED. After the message was handed over: UNKNOWN, since a thawed ' +
      'program reads what waited for it.',
    reference: 'RFC 9293 §3.8.6.1 (a closed window may stay closed)',
    elsewhere:
      'Linux: measured here; docker pause does the same. How much is absorbed differs: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['frozen'],
  },
  {
    code: 'keepalive',
    moments: ['idle'],
    title: 'tests the kernel, not the program',
    layer: 'TCP established',
    meaning:
      'TCP keepalive asks the other kernel whether it still knows the connection. For a frozen program the kernel answers ' +
      'yes: probed every second, such a connection stood for as long as we looked, while a heartbeat had given up after ' +
      'three beats. It notices a cut cable (about 11 s after setKeepAlive(true, 1000)), but is silent while data is unacknowledged.',
    wire: "probes without data, and ACKs from {place}'s kernel",
    so: 'an answered probe says that a kernel is there; only PING and PONG test the program',
    notSo: '"keepalive is on, so a frozen program is noticed": it is not',
    tryNext: "use a heartbeat of the application, such as detour's: detour explain heartbeat",
    certainty: NO_VERDICT,
    reference: 'RFC 9293 §3.8.4 (MUST-25, MUST-26)',
    elsewhere: 'Linux: measured here. The intervals differ on other systems: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['frozen, with keepalive', 'cable cut, idle', 'cable cut while writing'],
  },
  {
    code: 'cable_cut',
    moments: ['answer', 'idle'],
    title: 'the way is cut, and nobody is told',
    layer: 'TCP established',
    meaning:
      'TCP sends nothing on an idle connection, so a cut is not noticed, for ever. While writing, bytes are sent again and ' +
      'again (about 15 min on Linux) while every write "succeeds"; then comes ETIMEDOUT or EHOSTUNREACH.',
    wire: 'nothing gets through to {place}, either way',
    so: 'nothing, until a clock of our own says: too long',
    notSo: '"it has gone out, so it arrived": it waits in our own kernel',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference:
      'RFC 9293 §3.8.3 (SHLD-11: at least 100 s); Linux ip-sysctl, tcp_retries2 (15 tries: about 15 min)',
    elsewhere:
      'Linux: measured here, with fewer tries; docker network disconnect raises no error at the peer either. Others: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['cable cut, idle', 'cable cut while writing'],
  },
  {
    code: 'own_writes',
    moments: ['idle'],
    title: 'why socket.setTimeout is not a deadline',
    layer: 'TCP established',
    meaning:
      "Node's socket.setTimeout counts own writes as activity. Who keeps writing into a black hole is never told, " +
      'although nothing has come back for minutes.',
    wire: 'our bytes, again and again; nothing from {place}',
    so: 'the wait needs a deadline of its own, counted from the question',
    notSo: '"there was no timeout, so it is alive": one\'s own writes put it off',
    tryNext: 'set a timer when asking; do not reset it when writing',
    certainty: NO_VERDICT,
    reference: 'Node.js documentation, socket.setTimeout',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['setTimeout while writing into a black hole'],
  },
  {
    code: 'ETIMEDOUT',
    moments: ['greeting', 'answer', 'idle'],
    title: 'connected: bytes or probes unanswered',
    layer: 'TCP established',
    meaning:
      'The connection was up, then the kernel sent bytes (or keepalive probes) again and again without any answer, and ' +
      'gave up. What had been written before "succeeded" into our own kernel.',
    wire: '{place} acknowledged nothing any more, our kernel gave up (ETIMEDOUT)',
    so: 'the way or the computer is gone; what arrived before, nobody here knows',
    notSo: '"it did not arrive": it may have, and only the answer was lost',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.8.3 (SHLD-11: at least 100 s), §3.8.4',
    elsewhere:
      'Linux: about 15 min by default while writing, about 11 s with setKeepAlive(true, 1000) while idle. macOS and ' +
      'Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['cable cut, idle', 'cable cut while writing'],
  },
  {
    code: 'EHOSTUNREACH',
    moments: ['greeting', 'answer', 'idle'],
    title: 'connected: the host is gone from the net',
    layer: 'TCP established',
    meaning:
      'The connection was up, then our kernel found nobody at the address any more (ARP was not answered, or a router said ' +
      'so), and gave up sending again.',
    wire: '{place} cannot be reached any more, our kernel gave up (EHOSTUNREACH)',
    so: 'the way or the computer is gone; what arrived before, nobody here knows',
    notSo: '"it did not arrive": it may have, and only the answer was lost',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.8.3, §3.9.2.2',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['cable cut while writing, and the neighbour forgotten'],
  },
];

/** Everything about an established connection. */
export const CONNECTION_ENTRIES: readonly CatalogEntry[] = [...ENDED, ...SILENT];
