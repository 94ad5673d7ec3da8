// The catalogue, part 1: what goes wrong before there is a connection. Name lookup, IP, TCP connect.
// In all of these no program has been reached, and not one byte of a message has left in this attempt.

import { AFTER_CONNECTING, BEFORE_SENDING, type CatalogEntry, NOT_VERIFIED } from '../entry.ts';

/** Name lookup, from a name to an address. No packet has gone to the peer yet. */
const LOOKUP: readonly CatalogEntry[] = [
  {
    code: 'ENOTFOUND',
    moments: ['lookup', 'listen'],
    title: 'no such name',
    layer: 'name lookup',
    meaning:
      'The name has no address: it is mistyped, it is known only on another network (behind a VPN, inside a container network), or the ' +
      'computer that had it is gone.',
    wire: 'the name lookup said that there is no such name (ENOTFOUND); no packet went to {address}',
    so: 'without an address there is nothing to connect to',
    notSo: '"{peer} is down": {peer} was not asked, only a directory of names was',
    tryNext:
      'check the spelling, or use the address (127.0.0.1 is this computer). A stopped container loses its name: start it again',
    certainty: BEFORE_SENDING,
    reference: 'Node.js documentation, dns (getaddrinfo)',
    elsewhere:
      'Linux: measured here. In Docker the name of a stopped container gives this instead of ECONNREFUSED ' +
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
      'The name may or may not exist: this computer has no network, the name service cannot be reached, or it could not answer just now.',
    wire: 'the name lookup failed for now (EAI_AGAIN); no packet went to {address}',
    so: 'right now nobody can say which address to connect to',
    notSo: '"the name does not exist": it may exist, but nobody could be asked',
    tryNext: 'check the network, try again in a moment, or use the address instead of the name',
    certainty: BEFORE_SENDING,
    reference: 'POSIX getaddrinfo(), EAI_AGAIN',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['no name service'],
  },
];

/** IP: there is no route, or no host at the end of it. */
const IP: readonly CatalogEntry[] = [
  {
    code: 'ENETUNREACH',
    moments: ['connect'],
    title: 'no route to that network',
    layer: 'IP',
    meaning:
      'This computer has no route to the address: it is connected to no network, or to none that leads there. Often the address is IPv6 and ' +
      'the network has only IPv4. The error comes immediately. A router on the way that has no route says the same by ICMP.',
    wire: 'no route to {address}: none from this computer, or a router said so by ICMP (ENETUNREACH)',
    so: 'from here no packet can reach that address at the moment',
    notSo: '"{peer} is down": it was not reached, so it was not asked',
    tryNext: 'check the cable, Wi-Fi or VPN, and the address; instead of an IPv6 address try the IPv4 one',
    certainty: BEFORE_SENDING,
    reference: 'POSIX connect(), ENETUNREACH',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['no route'],
  },
  {
    code: 'EHOSTUNREACH',
    moments: ['connect'],
    title: 'no host at that address, or a firewall says so',
    layer: 'IP',
    meaning:
      'Either no computer on the local network answered for this address (Linux says so after about 3 s of ARP requests), or a router or a ' +
      'firewall answered by ICMP. A firewall that rejects a call with "prohibited" looks like this, even if it is the firewall of the ' +
      'computer that was called: that computer is there, and says no. Such an answer usually comes immediately.',
    wire: 'no computer answered for {address}, or a router or firewall said no by ICMP (EHOSTUNREACH)',
    so: 'the computer is off, not connected, or has another address; or it is there, and a firewall rejects the call',
    notSo: '"{peer} is not running": no program was asked, and its computer may be there',
    tryNext:
      'check that the other computer is switched on, is on the same network, and has that address. If it answers a ping, a firewall rejects ' +
      'the call: open the port there',
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.9.2.2 (ICMP)',
    elsewhere:
      'Linux: measured here. macOS 15, by reports: also if the program lacks the permission "Local Network" in the privacy settings. macOS ' +
      'and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: [
      'no such host on the LAN',
      'firewall rejects: prohibited',
      'firewall rejects: host unreachable',
    ],
  },
  {
    code: 'EACCES',
    moments: ['connect'],
    title: 'this computer forbids the call',
    layer: 'IP',
    meaning:
      'A rule of this computer does not let the call go out: its own firewall or a security module, or an entry of its routing table that ' +
      'prohibits the address. Connecting to a broadcast address gives it, too.',
    wire: 'nothing: this computer does not let packets go to {address} (EACCES)',
    so: 'a rule on this computer itself forbids it',
    notSo: '"{peer} refused": {peer} was not asked',
    tryNext:
      'check the address, then the firewall and the security software of this computer, or ask its administrator',
    certainty: BEFORE_SENDING,
    reference: 'Linux connect(2), EACCES; ip-route(8), route type prohibit',
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
    title: 'nobody listens there, or a firewall says so',
    layer: 'TCP connect',
    meaning:
      'The kernel there answered our SYN with RST: no program listens at this address and port. The program may not be running, or use ' +
      'another port. Or it runs, but listens on another address: on 127.0.0.1 alone, which only its own computer or container reaches; on ' +
      'IPv6 alone; or inside a container or WSL. A firewall that rejects the SYN with RST or with the ICMP message "port unreachable" looks ' +
      'the same.',
    wire: '{address} refused the connection (ECONNREFUSED: RST to our SYN, or ICMP)',
    so: 'no program listens at that address and port, or a firewall says so',
    notSo: {
      sync: '"{peer} gets it later": nobody kept a copy',
      async: '"the relay keeps it": it never got it',
    },
    tryNext: {
      sync:
        'start {peer}, and check the port. If it runs: does it listen on that address? 127.0.0.1 serves only its own computer ' +
        '(--host 0.0.0.0: all). Or take the detour: detour async send',
      async:
        'start the relay (detour async relay), and check the port. If it runs: does it listen on that address? 127.0.0.1 serves only its own ' +
        'computer (--host 0.0.0.0: all)',
    },
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.5.2, §3.10.7.1 (RST to a SYN); §3.9.2.2 (ICMP)',
    elsewhere:
      'Linux: measured here. Windows, according to its documentation: off loopback it comes only after about 2 s, because the SYN ' +
      'is retransmitted first. macOS and Windows: not verified here.',
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
    wire: 'none of the addresses of {address} gave a connection',
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
    title: 'a name with several addresses: all failed',
    layer: 'TCP connect',
    meaning:
      'The name has several addresses and Node tried them one after the other: by default each but the last for 250 ms only, and if ' +
      'that was too short, it calls its own timer ETIMEDOUT. Its error has an empty message; each attempt is in .errors, and .code is ' +
      'that of one of them. (detour does it itself: detour explain every_address.)',
    wire: 'every address of {address} was tried, and none could be connected to',
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
      'The kernel sent its SYN again and again and heard nothing at all. A firewall drops the packets, the address is wrong or not reachable ' +
      "from this network, the computer is switched off behind a router, or the listener's queue is full. It takes long to tell silence from " +
      'slowness.',
    wire: 'no answer from {address} to any of our SYNs (ETIMEDOUT)',
    so: 'no connection was made; silence does not say why',
    notSo: '"nobody listens there": that would be refused, unless a firewall drops our SYNs',
    tryNext:
      'check the address, then the firewalls at both ends and between (a cloud has its own). Without --patient, a shorter --timeout gives up sooner',
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.8.3 (MUST-23: at least 3 minutes)',
    elsewhere:
      'How long a kernel tries depends on its version. Linux before 6.5: about 127 s; since then 131 to 135 s. Measured here on 6.18: 134 s ' +
      '(sooner than the RFC asks), and 7.1 s with tcp_syn_retries=2. According to their documentation macOS 75 s, Windows 21 s: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SYN swallowed', 'backlog full, until the kernel gives up'],
  },
  {
    code: 'blackhole',
    moments: ['connect'],
    title: 'packets vanish, and nobody says so',
    layer: 'TCP connect',
    meaning:
      'Somewhere on the way packets are dropped silently, usually by a firewall: ours, theirs or one between. Connecting ends in ETIMEDOUT, or ' +
      'at a deadline of our own.',
    wire: 'SYN, SYN, SYN, and nothing ever comes back from {address}',
    so: 'all we can do is wait; only a clock ends it',
    notSo: '"the other computer is off": it may be fine beyond the black hole',
    tryNext: 'set a deadline of your own (--timeout); look for a firewall that drops packets',
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
      'busy to accept them, the queue fills up (on Linux it holds backlog + 1), and further SYNs are dropped silently.',
    wire: 'SYNs to {address} are dropped; the callers before us are still waiting in its queue',
    so: 'a program has that port, but it is not accepting connections',
    notSo: '"it is down": once it accepts connections again, a retransmitted SYN gets in',
    tryNext: 'wait, or find out why the program does not accept',
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
      'A port that Docker publishes on the host accepts connections even when the program in the container does not ' +
      'listen, or not yet. "Refused" is seen only inside the container network.',
    wire: "Docker's proxy accepted the connection to {address}; no program greeted",
    so: 'a connection was made, but not to the program',
    notSo: '"connected, so {peer} is there": only READY says that a program is there',
    tryNext: 'connect from another container on the same network, or wait for READY',
    certainty: BEFORE_SENDING,
    reference: 'Docker documentation, userland proxy',
    elsewhere: 'Depends on how Docker publishes ports on that system: not verified here.',
    basis: 'documentation',
  },
];

/** Everything that fits nowhere else. Here a program may have been reached. */
const NAMELESS: readonly CatalogEntry[] = [
  {
    code: 'EUNKNOWN',
    moments: ['connect', 'greeting', 'answer', 'listen'],
    title: 'a failure without a code',
    layer: 'this computer',
    meaning: 'The system or Node reported a failure without a code. detour uses this word instead.',
    wire: 'not known: the failure at {address} came without a code',
    so: 'something failed, and nothing says what',
    tryNext: 'look at the log: --log FILE records every event',
    certainty: AFTER_CONNECTING,
    reference: 'none',
    elsewhere: 'Not verified on any system.',
    basis: 'rule of detour/1',
  },
];

/** Everything before there is a connection. */
export const NETWORK_ENTRIES: readonly CatalogEntry[] = [...LOOKUP, ...IP, ...CONNECT, ...NAMELESS];
