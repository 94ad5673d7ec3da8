// The catalogue, part 2: how an established TCP connection ends, or fails to end. These are the entries that surprise:
// a killed program looks polite, a frozen one looks healthy, and a cut cable looks like nothing at all.

import { AFTER_CONNECTING, type CatalogEntry, NO_VERDICT, NOT_VERIFIED } from '../entry.ts';

const SAFE_REPEAT = {
  sync: 'ask {peer}. Sending again may deliver it twice: sync remembers nothing',
  async: 'send again soon with the same --id: the relay recognises a repeat for at least 10 minutes',
} as const;

/** The connection ended, and the wire showed it. */
const ENDED: readonly CatalogEntry[] = [
  {
    code: 'fin',
    moments: ['greeting', 'answer'],
    title: 'closed without an answer (FIN)',
    layer: 'TCP established',
    meaning:
      'The other side closed its direction with a FIN, and no answer had come. A program that was killed after it had read ' +
      'everything and one that left politely look the same: their kernel closes for them. A proxy or a link between us can close, too.',
    wire: "{peer}'s side closed (FIN), no answer",
    so: 'nothing: a program that died before reading and one that died after showing can look the same',
    notSo: '"it was read": a program can take bytes from its kernel and be killed before it looks at them',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.6',
    elsewhere:
      'Linux: measured here. Windows, according to its documentation: the side of a killed program sends RST (ECONNRESET). ' +
      'Not verified here.',
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
    wire: 'ACK for every byte, then FIN from {address}: a clean end',
    so: 'TCP says "received", but the message is lost',
    notSo: '"TCP acknowledged it, so it arrived": a kernel acknowledges, not a program',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.6',
    elsewhere:
      'Linux: measured here. Windows, according to its documentation: RST instead of FIN. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SIGKILL, read by Node alone'],
  },
  {
    code: 'ECONNRESET',
    moments: ['greeting', 'answer'],
    title: 'reset by the other side (RST)',
    layer: 'TCP established',
    meaning:
      'The other side reset the connection instead of closing it. Usual causes: its program was killed, or closed the connection, ' +
      'while its kernel held unread data; its program asked for a reset; its computer restarted and has forgotten the connection; or ' +
      'something between us (a firewall, a proxy, a router with NAT) reset it, often because it was idle for long.',
    wire: 'the connection to {address} was reset (ECONNRESET: RST)',
    so: 'some data may have been unread when it ended; RST does not say which',
    notSo: '"it was not read": the unread data may be something else, and earlier bytes may have been shown',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.6.1 (SHLD-3), §3.5.2; RFC 1122 §4.2.2.13; RFC 2525 §2.17',
    elsewhere:
      'Linux: measured here. Windows, according to its documentation: also when a killed program had read everything, where ' +
      'Unix sends FIN. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SIGKILL, data unread', 'resetAndDestroy()', 'peer rebooted, then a write'],
  },
  {
    code: 'ECONNABORTED',
    moments: ['greeting', 'answer'],
    title: 'given up on this side',
    layer: 'TCP established',
    meaning:
      'The connection was given up by this computer. On Windows that is what its kernel says when its bytes stay unacknowledged, or when a ' +
      'security program breaks the connection. On Linux it is rare: somebody broke the connection with ss --kill, for example. The ' +
      'library axios uses the word for its own timeout.',
    wire: 'the connection to {address} was given up on this side (ECONNABORTED)',
    so: 'it says nothing about what the other side did',
    notSo: '"aborted, so it was taken back": what was sent cannot be called back',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference: 'Windows documentation, WSAECONNABORTED (10053)',
    elsewhere: 'Linux: ss --kill was measured here. macOS and Windows: not verified here.',
    basis: 'documentation',
  },
  {
    code: 'EPIPE',
    moments: ['answer'],
    title: 'write after the other side has gone',
    layer: 'TCP established',
    meaning:
      'The connection had ended before this write. If a socket stays open for writing after a FIN, the first write ' +
      'still succeeds, its data is answered by RST, and only the second write fails. A socket that closes when the other side does ' +
      "(Node's default) fails the first write after the FIN with EPIPE by itself, and sends nothing. The system also sends the signal " +
      'SIGPIPE, which ends a C program or a command in a shell pipe without a word; Node and Python ignore it, and report EPIPE.',
    wire: 'the connection to {address} had ended before this write (EPIPE)',
    so: 'nothing about what was written before: a write that "succeeds" has only reached our kernel',
    notSo: '"the write before it succeeded, so it arrived": its data may have been answered by RST',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference:
      'RFC 9293 §3.5.2 (RST to data); POSIX write(), EPIPE and SIGPIPE; Node.js documentation, signal events',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['write after the peer is gone'],
  },
  {
    code: 'rst_behind_data',
    moments: ['answer'],
    title: 'RST after an answer not yet read',
    layer: 'TCP established',
    meaning:
      'An answer came, and an RST right after it. A program that is reading sees the answer, and then ECONNRESET, or what looks like ' +
      'a clean end if both had arrived before it read (Node 20 and 22). A program that has paused reading still finds the answer with ' +
      'Node 20 and 22; with Node 24 it is gone.',
    wire: 'an answer from {address}, and an RST right after it',
    so: 'read what is there before you believe the error',
    notSo: '"reset, so there was no answer": it may still be in the buffer',
    tryNext: 'read to the end first; a server should read until FIN before it closes',
    certainty:
      'Once the answer is read, it decides. If it cannot be read any more: UNKNOWN, as if there were none.',
    reference: 'RFC 9293 §3.5.3; RFC 1122 §4.2.2.13',
    elsewhere:
      'Linux with Node 20, 22 and 24: measured here. A kernel may also drop what has not been read yet: other systems not verified here.',
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
    wire: 'our data to {address} was answered by RST: that connection is not known there',
    so: 'our write "succeeded" all the same; RST does not say what was received before the restart',
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
      'A FIN ends one direction only: "I have no more to say", not "I am gone". The side that sent it can still receive. In Node ' +
      'end() sends it; the other side keeps its own direction open only with allowHalfOpen: true.',
    wire: 'FIN one way; data and answers may still come the other way',
    so: 'a late answer can still arrive',
    notSo: '"end means the conversation is over": only half of it is',
    tryNext: 'read on until the other side closes, too',
    certainty:
      'A FIN from the other side is not an answer. Without an answer, what was handed over is UNKNOWN.',
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
      'The side that closes first reserves the pair of addresses for twice the longest life of a packet, so that a late packet of ' +
      'the old connection is not taken for a packet of a new one. On Linux that is 60 s, according to its source.',
    wire: 'nothing: the connection is over, and one kernel remembers it',
    so: 'nothing is wrong, and detour has no reason to wait: a server of Node can listen on its port again immediately',
    notSo:
      '"the port is stuck": Node sets SO_REUSEADDR on Unix, so a server starts immediately. A server that does not set it (a bare one in C or ' +
      'Python) gets EADDRINUSE until then',
    tryNext: 'nothing; it goes away by itself. In a server of your own, set SO_REUSEADDR before bind()',
    certainty: NO_VERDICT,
    reference: 'RFC 9293 §3.6.1 (MUST-13: 2×MSL)',
    elsewhere:
      'Linux: an immediate restart on the same port was measured here. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['TIME_WAIT'],
  },
];

/** The connection has not ended, or nobody has noticed it. */
const SILENT: readonly CatalogEntry[] = [
  {
    code: 'silence',
    moments: ['answer', 'idle'],
    title: 'no answer, no error',
    layer: 'TCP established',
    meaning:
      'Nothing comes, and nothing says why: a peer that is working, frozen, cut off or gone looks like this at first.',
    wire: 'nothing came back from {address}',
    so: 'nothing: a slow program and a dead one are equally silent',
    notSo: '"no error, so all is well": on an idle connection nothing reports a cut',
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
    title: 'the program stands still, its kernel does not',
    layer: 'TCP established',
    meaning:
      'The program is stopped (SIGSTOP), is in an endless loop, or never accepts. Its kernel completes the handshake ' +
      'and acknowledges data all the same (about 3.9 MB on loopback). Then there is silence, and no error.',
    wire: "{address}'s kernel accepted the connection and acknowledged the bytes; the program said nothing",
    so: 'a kernel is there; nobody can say whether a program will ever read',
    notSo: '"connected and written, so {peer} has it": its kernel has it',
    tryNext: SAFE_REPEAT,
    certainty:
      'No READY: nothing was handed over, NOT DELIVERED. After the message was handed over: UNKNOWN, because a program that ' +
      'thaws reads what is waiting for it.',
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
      'TCP keepalive asks the other kernel whether it still knows the connection. The kernel of a frozen program answers ' +
      'yes: probed every second, such a connection stayed up for as long as we looked, while a heartbeat gave up after ' +
      'three beats. Keepalive notices a cut cable (about 11 s with setKeepAlive(true, 1000)), but sends no probes while data is unacknowledged.',
    wire: "probes without data, and ACKs from {address}'s kernel",
    so: 'an answered probe says that a kernel is there; only PING and PONG test the program',
    notSo: '"keepalive is on, so a frozen program is noticed": it is not',
    tryNext: "use a heartbeat in the application, such as detour's: detour explain heartbeat",
    certainty: NO_VERDICT,
    reference: 'RFC 9293 §3.8.4 (MUST-25, MUST-26)',
    elsewhere: 'Linux: measured here. The intervals differ on other systems: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['frozen, with keepalive', 'cable cut, idle', 'cable cut while writing'],
  },
  {
    code: 'cable_cut',
    moments: ['answer', 'idle'],
    title: 'the path is cut, and nobody is told',
    layer: 'TCP established',
    meaning:
      'TCP sends nothing on an idle connection, so a cut may never be noticed. If we write, the kernel retransmits the bytes ' +
      '(for about 15 min on Linux) while every write "succeeds"; then it reports ETIMEDOUT or EHOSTUNREACH.',
    wire: 'nothing gets through to {address} or back',
    so: 'nothing, until a clock of our own says that it has been too long',
    notSo: '"it was sent, so it arrived": it is waiting in our own kernel',
    tryNext: SAFE_REPEAT,
    certainty: AFTER_CONNECTING,
    reference:
      'RFC 9293 §3.8.3 (SHLD-11: at least 100 s); Linux ip-sysctl, tcp_retries2 (15 tries: about 15 min)',
    elsewhere:
      'Linux: measured here, with fewer retries; docker network disconnect raises no error at the peer, either. Others: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['cable cut, idle', 'cable cut while writing'],
  },
  {
    code: 'own_writes',
    moments: ['idle'],
    title: 'why socket.setTimeout is not a deadline',
    layer: 'TCP established',
    meaning:
      "Node's socket.setTimeout counts our own writes as activity. A program that keeps writing into a black hole is never told, " +
      'although nothing has come back for minutes.',
    wire: 'our bytes, again and again; nothing from {address}',
    so: 'the wait needs a deadline of its own, counted from the request',
    notSo: '"there was no timeout, so it is alive": our own writes keep postponing it',
    tryNext: 'set a timer with the request, and do not reset it when writing',
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
      'The connection was up. Then the kernel sent bytes (or keepalive probes) again and again, got no answer, and ' +
      'gave up. Our writes had "succeeded": they had reached our own kernel.',
    wire: '{address} stopped acknowledging, and our kernel gave up (ETIMEDOUT)',
    so: 'the path or the computer is gone; nobody here knows what arrived before',
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
    title: 'connected: the host has left the network',
    layer: 'TCP established',
    meaning:
      'The connection was up. Then our kernel found no host at the address any more (ARP was not answered, or a router said ' +
      'so), and stopped retransmitting.',
    wire: '{address} cannot be reached any more, and our kernel gave up (EHOSTUNREACH)',
    so: 'the path or the computer is gone; nobody here knows what arrived before',
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
