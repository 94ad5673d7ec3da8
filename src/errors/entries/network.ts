// The catalogue, part 1: what goes wrong before there is a connection. Name lookup, IP, TCP connect.
// In all of these no program has been reached, and in this attempt not one byte of a message has left.

import { BEFORE_SENDING, type CatalogEntry, NOT_VERIFIED } from '../entry.ts';

/** Name lookup: from a name to an address. No packet has gone to the peer yet. */
const LOOKUP: readonly CatalogEntry[] = [
  {
    code: 'ENOTFOUND',
    moments: ['lookup', 'listen'],
    title: 'no such name',
    layer: 'name lookup',
    meaning: 'The name has no address: it is mistyped, unknown to this computer, or its owner is gone.',
    wire: 'the name lookup said that there is no such name (ENOTFOUND); no packet went to {place}',
    so: 'without an address there is nothing to connect to',
    notSo: '"{peer} is down": nobody was asked, only a directory of names',
    tryNext:
      'check the spelling, or use the address (127.0.0.1 is this computer). A stopped container loses its name: start it again',
    certainty: BEFORE_SENDING,
    reference: 'Node.js documentation, dns (getaddrinfo)',
    elsewhere:
      'Linux: measured here. In Docker the name of a dead container gives this instead of ECONNREFUSED ' +
      '(EAI_AGAIN on an internal network). macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['bad name'],
  },
  {
    code: 'EAI_AGAIN',
    moments: ['lookup', 'listen'],
    title: 'the name service did not answer',
    layer: 'name lookup',
    meaning:
      'Nobody could say whether the name exists: the name service cannot be reached, or had no answer just now.',
    wire: 'the name lookup failed for now (EAI_AGAIN); no packet went to {place}',
    so: 'right now nobody can say which address to connect to',
    notSo: '"the name does not exist": it may, only nobody could be asked',
    tryNext: 'try again in a moment, check the network, or use the address instead of the name',
    certainty: BEFORE_SENDING,
    reference: 'POSIX getaddrinfo(), EAI_AGAIN',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['no name service'],
  },
];

/** IP: the packets find no way, or nobody at its end. */
const IP: readonly CatalogEntry[] = [
  {
    code: 'ENETUNREACH',
    moments: ['connect'],
    title: 'no way to that network',
    layer: 'IP',
    meaning:
      'This computer knows no route to the address: no network is connected, or none that leads there. It says so at once. A ' +
      'router on the way that knows none says the same by ICMP.',
    wire: 'no route to {place}: none from this computer, or a router said so by ICMP (ENETUNREACH)',
    so: 'there is no way to that address',
    notSo: '"{peer} is down": it was not reached, so it was not asked',
    tryNext: 'check cable, Wi-Fi or VPN, and the address',
    certainty: BEFORE_SENDING,
    reference: 'POSIX connect(), ENETUNREACH',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['no route'],
  },
  {
    code: 'EHOSTUNREACH',
    moments: ['connect'],
    title: 'no host at that address',
    layer: 'IP',
    meaning:
      'There is a route, but nobody answers at its end: on the local network no computer has this address (after about ' +
      '3 s of asking by ARP), or a router or firewall said by ICMP that the host cannot be reached.',
    wire: 'no computer answered for {place}, or a router said so by ICMP (EHOSTUNREACH)',
    so: 'the computer is off, not connected, has another address, or a firewall says so',
    notSo: '"{peer} is not running": the computer itself was not reached',
    tryNext: 'is the other computer on and in the same network? check its address',
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.9.2.2 (ICMP)',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: [
      'no such host on the LAN',
      'firewall rejects: prohibited',
      'firewall rejects: host unreachable',
    ],
  },
  {
    code: 'EINVAL',
    moments: ['connect'],
    title: 'a link-local address without its network card',
    layer: 'IP',
    meaning:
      'An address fe80::… exists on every network card of a computer. The kernel cannot know which one is meant, unless a zone says so: ' +
      'fe80::1%eth0. It refuses to try.',
    wire: 'nothing: our kernel cannot connect to {place} as it is written (EINVAL)',
    so: 'the address is not complete: for fe80::… the zone is missing',
    notSo: '"{peer} is down": nobody was asked',
    tryNext:
      'add the network card: [fe80::1%eth0]:4101, or use another address. `ip link` lists the cards (Linux)',
    certainty: BEFORE_SENDING,
    reference: 'Linux ipv6(7), sin6_scope_id',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['link-local address without a zone'],
  },
  {
    code: 'EACCES',
    moments: ['connect'],
    title: 'this computer forbids the route',
    layer: 'IP',
    meaning: 'The routing table of this computer has an entry that prohibits the address.',
    wire: 'nothing: this computer does not let packets go to {place} (EACCES)',
    so: 'a rule on this very computer forbids it',
    notSo: '"{peer} refused": nobody was asked',
    tryNext: 'use another address, or ask who looks after this computer',
    certainty: BEFORE_SENDING,
    reference: 'Linux ip-route, route type prohibit',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['prohibited route'],
  },
];

/** TCP connect: a SYN was sent, or should have been. */
const CONNECT: readonly CatalogEntry[] = [
  {
    code: 'ECONNREFUSED',
    moments: ['connect'],
    title: 'nobody listens on that port, or a firewall says so',
    layer: 'TCP connect',
    meaning:
      'The kernel there answered our SYN with RST: no program listens on this port. A firewall that rejects, by RST or by the ' +
      'ICMP message "port unreachable", looks the same.',
    wire: '{place} refused the connection (ECONNREFUSED: RST to our SYN, or ICMP)',
    so: 'no program listens there, or a firewall says so',
    notSo: {
      sync: '"{peer} gets it later": nobody kept a copy',
      async: '"the relay keeps it": it never got it',
    },
    tryNext: {
      sync: 'start {peer} and send again, or take the detour: detour async send',
      async: 'start the relay (detour async relay), then try again',
    },
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.5.2, §3.10.7.1 (RST to a SYN); §3.9.2.2 (ICMP)',
    elsewhere:
      'Linux: measured here. Windows, by documentation: off loopback only after about 2 s, because the SYN is tried ' +
      'again. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['nobody listens', 'firewall rejects: port unreachable'],
  },
  {
    code: 'every_address',
    moments: ['connect'],
    title: 'a name with several addresses, each failed in its own way',
    layer: 'TCP connect',
    meaning:
      'detour tries the addresses of a name one after the other, in the order in which the lookup gave them. With --patient the kernel ' +
      'decides how long each is tried. Without, each but the last gets an equal share of what is left of the deadline, and the next one ' +
      "is tried when that is over: detour's decision, not the kernel's.",
    wire: 'none of the addresses of {place} gave a connection',
    so: 'each address has a reason of its own',
    tryNext: 'look at each: detour explain, with its code',
    certainty: BEFORE_SENDING,
    reference: 'Node.js documentation, dns.lookup (all)',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['a name with two addresses, each fails in its own way'],
  },
  {
    code: 'AggregateError',
    moments: ['connect'],
    title: 'a name with several addresses, and all failed',
    layer: 'TCP connect',
    meaning:
      'The name has several addresses and Node tried them one after the other: by default each but the last for 250 ms only, and if ' +
      'that was too short, it calls its own timer ETIMEDOUT. Its error has an empty message; each attempt is in .errors, and .code is ' +
      'that of one of them. (detour does it itself: detour explain every_address.)',
    wire: 'every address of {place} was tried, and none gave a connection',
    so: 'each address failed for a reason of its own',
    tryNext: 'look at each: detour explain, with the code of each attempt',
    certainty: BEFORE_SENDING,
    reference: 'Node.js documentation, net.connect (autoSelectFamily)',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['a name with two addresses, both refused'],
  },
  {
    code: 'ETIMEDOUT',
    moments: ['connect'],
    title: 'connecting: no answer to any SYN',
    layer: 'TCP connect',
    meaning:
      'The kernel sent its SYN again and again and heard nothing at all: a firewall that drops, a computer that is ' +
      'switched off behind a router, or a listener whose queue is full. Silence takes long to tell from slowness.',
    wire: 'no answer from {place} to any of our SYNs (ETIMEDOUT)',
    so: 'no connection came about; why, silence does not say',
    notSo: '"nobody listens there": that is refused, unless a firewall drops our SYNs',
    tryNext: 'check the address and the firewall; without --patient, a shorter --timeout gives up sooner',
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.8.3 (MUST-23: at least 3 minutes)',
    elsewhere:
      'Linux: 134 s by default (sooner than the RFC asks), 7.1 s with tcp_syn_retries=2, measured here. By documentation macOS 75 s, ' +
      'Windows 21 s: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SYN swallowed', 'backlog full, until the kernel gives up'],
  },
  {
    code: 'blackhole',
    moments: ['connect'],
    title: 'packets vanish, nobody says so',
    layer: 'TCP connect',
    meaning:
      'Somewhere on the way packets are dropped without a word, by a firewall for instance. Connecting ends in ETIMEDOUT.',
    wire: 'SYN, SYN, SYN …, and nothing ever comes back from {place}',
    so: 'waiting is all there is; only a clock ends it',
    notSo: '"the other computer is off": it may be fine behind the hole',
    tryNext: 'give up by a deadline of your own (--timeout); look for a firewall that drops',
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.8.3',
    elsewhere: 'Linux: measured here. How long connecting takes to fail differs: see ETIMEDOUT.',
    basis: 'measured on Linux',
    shownBy: ['SYN swallowed'],
  },
  {
    code: 'backlog_full',
    moments: ['connect'],
    title: "the listener's queue is full",
    layer: 'TCP connect',
    meaning:
      'A kernel accepts connections on behalf of its program up to a limit, the backlog. If the program is frozen or too ' +
      'busy to take them, the queue fills (on Linux backlog + 1 fit), and further SYNs are dropped without a word.',
    wire: 'SYNs to {place} are dropped; the callers before us still wait in its queue',
    so: 'a program has that port, but does not take its calls',
    notSo: '"it is down": once it takes calls again, a SYN that is tried again gets in',
    tryNext: 'wait, or look why the program stands still',
    certainty: BEFORE_SENDING,
    reference: 'POSIX listen(), backlog',
    elsewhere: 'Linux: measured here. Windows documents a refusal instead: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['backlog full', 'backlog full, until the kernel gives up'],
  },
  {
    code: 'docker_port',
    moments: ['connect', 'greeting'],
    title: 'Docker answers, the program does not',
    layer: 'TCP connect',
    meaning:
      'A port that Docker publishes on the host accepts connections before the program in the container listens, and ' +
      'when it does not. "Refused" is seen only inside the container network.',
    wire: "Docker's proxy took the call to {place}; no program greeted",
    so: 'a connection was made, but not to the program',
    notSo: '"connected, so {peer} is there": only READY says that a program is there',
    tryNext: 'call from another container on the same network, or wait for READY',
    certainty: BEFORE_SENDING,
    reference: 'Docker documentation, userland proxy',
    elsewhere: 'Depends on how Docker publishes ports on that system: not verified here.',
    basis: 'documentation',
  },
];

/** Everything before there is a connection. */
export const NETWORK_ENTRIES: readonly CatalogEntry[] = [...LOOKUP, ...IP, ...CONNECT];
