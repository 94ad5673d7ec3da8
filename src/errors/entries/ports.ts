// The catalogue, part 6: the ports, addresses and limits of this computer. Nothing here has reached the network.

import { BEFORE_SENDING, type CatalogEntry, NO_VERDICT, NOT_VERIFIED } from '../entry.ts';

const NOTHING = 'nothing: this happened on this computer, not on the network';

/** Ports, addresses and limits of this computer. */
export const PORT_ENTRIES: readonly CatalogEntry[] = [
  {
    code: 'EADDRINUSE',
    moments: ['listen'],
    title: 'the port is taken',
    layer: 'this computer',
    meaning:
      'Another program on this computer already listens on that address and port. Usually it is one that you started earlier: in another ' +
      'terminal, in the background, or stopped with Ctrl-Z, which keeps its port. It may also be a container that publishes the port. ' +
      'detour asks who answers there, and says so in its error.',
    wire: NOTHING,
    so: 'another program has {address}',
    notSo:
      '"the old one must first time out": a port that nobody listens on is free immediately for detour (see time_wait)',
    tryNext:
      'end the other program (fg brings back a stopped one), or choose another port: --port 0 takes a free one, and DETOUR_PORT sets one ' +
      'for a terminal',
    certainty: NO_VERDICT,
    reference: 'POSIX bind(), EADDRINUSE',
    elsewhere: 'Linux: measured here. macOS: the system itself uses ports 5000 and 7000. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['port taken'],
  },
  {
    code: 'EADDRNOTAVAIL',
    moments: ['listen'],
    title: "that address is not this computer's",
    layer: 'this computer',
    meaning:
      "A server can listen only on one of its own computer's addresses, and no network interface here has this one. Often it is the address " +
      'that the router shows to the world, that of the computer around a container or a virtual machine, or one that this computer no longer has.',
    wire: NOTHING,
    so: '{address} is the address of another computer, or of none',
    tryNext: 'use --host 127.0.0.1 (this computer only) or --host 0.0.0.0 (every network)',
    certainty: NO_VERDICT,
    reference: 'POSIX bind(), EADDRNOTAVAIL',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
    shownBy: ['foreign address'],
  },
  {
    code: 'EADDRNOTAVAIL',
    moments: ['connect'],
    title: 'no local address or port to call from',
    layer: 'this computer',
    meaning:
      'A connection needs an address and a port at our end, too. Either this computer has no address of that kind (IPv6 is switched off, ' +
      'as in many containers, and ::1 was called), or all its ports for outgoing connections are in use, many perhaps in TIME_WAIT.',
    wire: 'nothing: this computer has no free address and port to call {address} from (EADDRNOTAVAIL)',
    so: 'the connection could not even be tried',
    notSo: '"{peer} is down": it was not asked',
    tryNext:
      'call the IPv4 address (127.0.0.1 instead of ::1 or localhost), or make fewer connections in a short time',
    certainty: BEFORE_SENDING,
    reference: 'Linux connect(2), EADDRNOTAVAIL; ip(7), ip_local_port_range',
    elsewhere: 'Linux: both causes were measured here. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
  },
  {
    code: 'EACCES',
    moments: ['listen'],
    title: 'that port is reserved',
    layer: 'this computer',
    meaning:
      'The system reserves this port for privileged programs (on Linux, by default, all below 1024), or for others.',
    wire: NOTHING,
    so: 'this user may not listen on {address}',
    tryNext: "choose a port from 1024 up; detour's own are 4100 and 4101",
    certainty: NO_VERDICT,
    reference: 'Linux ip(7), ip_unprivileged_port_start',
    elsewhere:
      'Linux: measured here. Windows, according to its documentation: Hyper-V reserves ranges of ports (netsh interface ipv4 show ' +
      'excludedportrange tcp lists them), and a program may claim a port for itself alone. Not verified here.',
    basis: 'measured on Linux',
    shownBy: ['reserved port'],
  },
  {
    code: 'EINVAL',
    moments: ['connect', 'listen'],
    title: 'invalid: a link-local address needs its zone',
    layer: 'this computer',
    meaning:
      'An IPv6 address that begins with fe80: exists on every network of this computer at the same time. So it needs a zone, which says on ' +
      'which one. Without it the system cannot tell, and calls the address invalid. (EINVAL means no more than "invalid argument"; ' +
      'with any other address the cause is something else.)',
    wire: 'nothing: the system calls {address} invalid (EINVAL)',
    so: 'no packet could be sent; with fe80: because no network was chosen',
    notSo: '"the address is mistyped": it may be right, and only its zone is missing',
    tryNext:
      'add the zone to an address that begins with fe80: [fe80::1%eth0]:4101 (ip -6 address names it, on Windows ipconfig)',
    certainty: BEFORE_SENDING,
    reference: 'Linux ipv6(7), sin6_scope_id',
    elsewhere:
      'Linux: measured here. On Windows a zone is a number (fe80::1%12). macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['link-local address without a zone'],
  },
  {
    code: 'EMFILE',
    moments: ['connect', 'listen'],
    title: 'too many files and sockets open',
    layer: 'this computer',
    meaning:
      'The system limits how many files and sockets a process may have open, and this process has reached the limit. ' +
      '(ENFILE is the same for all processes together.)',
    wire: NOTHING,
    so: 'this process cannot open another connection',
    notSo: '"the other side is full": the limit is ours',
    tryNext:
      'open fewer connections at the same time, or raise the limit: ulimit -n 4096 in the same shell, then start it again',
    certainty: BEFORE_SENDING,
    reference: 'POSIX socket(), EMFILE',
    elsewhere: NOT_VERIFIED,
    basis: 'measured on Linux',
  },
];
