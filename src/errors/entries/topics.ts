// The catalogue, part 7: words that people ask about although they are not error codes. No failure is ever explained by one of them.

import { AFTER_CONNECTING, BEFORE_SENDING, type CatalogEntry } from '../entry.ts';

const CONTAINER =
  'from the other computer or container use the address of this one, and let the server listen on all addresses: --host 0.0.0.0';

/** What people ask about. */
export const TOPIC_ENTRIES: readonly CatalogEntry[] = [
  {
    code: 'localhost',
    moments: ['lookup'],
    title: 'a name for this very computer',
    layer: 'name lookup',
    meaning:
      'localhost is a name, and it has up to two addresses: 127.0.0.1 (IPv4) and ::1 (IPv6). Each computer, each container and each virtual ' +
      'machine has its own: it never leads to another one. A server on 127.0.0.1 alone does not answer on ::1, nor the other way round. ' +
      'Node 20 tries both addresses; other programs may try only the first.',
    wire: 'a name lookup, and then packets that never leave this computer',
    so: 'a call to localhost reaches a program on the same computer (or in the same container)',
    notSo:
      '"it works on localhost, so others can reach it": only its own computer can reach a server on 127.0.0.1',
    tryNext: `on one computer write 127.0.0.1 at both ends; ${CONTAINER}`,
    certainty: BEFORE_SENDING,
    reference: 'Node.js documentation, net.connect (autoSelectFamily) and dns.lookup (order)',
    elsewhere:
      'The same idea on every system; which address comes first differs. macOS and Windows: not verified here.',
    basis: 'documentation',
  },
  {
    code: 'WSL',
    moments: ['connect'],
    title: 'Windows and its Linux are two computers',
    layer: 'TCP connect',
    meaning:
      'By default WSL 2 is a virtual machine with an address of its own behind NAT. From Windows, localhost reaches a server in WSL; from WSL, ' +
      'localhost does not reach a server on Windows, and other computers do not reach a server in WSL. With "networkingMode=mirrored" in ' +
      '.wslconfig (Windows 11 22H2 and later) both have the same addresses, and localhost works both ways.',
    wire: 'ECONNREFUSED or silence at {address}, although the program is running on the other side',
    so: 'find out first on which side of WSL each program runs',
    notSo: '"it runs, so localhost finds it": each side has its own localhost',
    tryNext:
      'run both programs on the same side. From WSL to Windows: call the address that ip route show default names, and open the port in the ' +
      'firewall of Windows. From other computers to WSL: networkingMode=mirrored, or netsh interface portproxy on Windows',
    certainty: BEFORE_SENDING,
    reference: 'Microsoft documentation, "Accessing network applications with WSL"',
    elsewhere: 'Windows only, according to its documentation. Not verified here.',
    basis: 'documentation',
  },
  {
    code: 'firewall',
    moments: ['connect'],
    title: 'three ways to say no to a call',
    layer: 'TCP connect',
    meaning:
      'A firewall that drops packets makes silence: our own deadline, or ETIMEDOUT. One that rejects with RST or "port unreachable" makes ' +
      'ECONNREFUSED, as if nobody listened. One that rejects with "prohibited" makes EHOSTUNREACH on Linux, as if there were no such computer. It ' +
      'may be on this computer, on the other one, or between them (a router, a cloud, a school network). The firewalls of Windows and macOS, ' +
      'if they are on, ask when a program first listens, and remember the answer.',
    wire: 'no answer from {address}, or an RST or an ICMP message in its name',
    so: 'the error alone never shows whether a firewall or the other computer sent it',
    notSo: '"a ping gets through, so the port does": a firewall decides for each port',
    tryNext:
      'call from the same computer, then from the same network, then from farther away: the first step that fails shows where the ' +
      'firewall is. Open the port there',
    certainty: BEFORE_SENDING,
    reference: 'RFC 9293 §3.9.2.2 (ICMP)',
    elsewhere:
      'Linux: the three ways were measured here. The firewall of Windows drops packets, according to its documentation. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['SYN swallowed', 'firewall rejects: port unreachable', 'firewall rejects: prohibited'],
  },
  {
    code: 'half_open',
    moments: ['answer', 'idle'],
    title: 'one side is gone, the other does not know',
    layer: 'TCP established',
    meaning:
      'One end has lost the connection (its computer restarted, or the path was cut), and the other end still has it. Nobody is told. If the ' +
      'other end writes: RST, if its packets get through, otherwise silence until the kernel gives up. Do not confuse it with half-closed, ' +
      'which is polite: detour explain half_close.',
    wire: 'nothing, as long as nothing is written to {address}',
    so: 'an idle connection says nothing about the other end',
    notSo: '"it is still established, so {peer} is there": only an answer shows that',
    tryNext: 'ask from time to time, and set a deadline: detour explain heartbeat',
    certainty: AFTER_CONNECTING,
    reference: 'RFC 9293 §3.5.1 (half-open connections)',
    elsewhere: 'Linux: measured here. macOS and Windows: not verified here.',
    basis: 'measured on Linux',
    shownBy: ['peer rebooted, then a write', 'cable cut, idle'],
  },
];
