// What other programs call the situations of the catalogue: their numbers and their sentences. This is data for `detour explain` only.
// The numbers are from errno.h of Linux and macOS, winsock2.h and winerror.h of Windows, and netdb.h (EAI_…). The sentences are what
// strerror, gai_strerror and FormatMessage return, and what Python, Java, Go, .NET, Node, Rust, curl and nc print.

import type { Moment } from './entry.ts';

/** Other names of the situations that have one code. */
export interface Alias {
  readonly code: string;
  /** The alias means only the situations with this moment; without it, all situations of the code. */
  readonly moment?: Moment;
  /** Its number, by system. A negative number is an EAI_… of Linux. A number that is also
   * an errno with another meaning is left out. */
  readonly numbers?: Readonly<Partial<Record<'Linux' | 'macOS' | 'Windows', number>>>;
  /** Phrases of messages, in lower case, without punctuation (an apostrophe is a space). The longest phrase that matches decides. */
  readonly says: readonly string[];
}

/** Every other name. A name may mean several codes: then all of them are shown. */
export const ALIASES: readonly Alias[] = [
  {
    code: 'ECONNREFUSED',
    numbers: { Linux: 111, macOS: 61, Windows: 10061 },
    says: [
      'connection refused',
      'connectionrefused',
      'connectionrefusederror',
      'connectexception',
      'actively refused',
      'actively refused it',
      'no connection could be made because the target machine actively refused it',
      'wsaeconnrefused',
      'couldn t connect to server',
      'could not connect to server',
      'curl 7',
      'err_connection_refused',
      '0x8007274d',
    ],
  },
  {
    code: 'ETIMEDOUT',
    numbers: { Linux: 110, macOS: 60, Windows: 10060 },
    says: [
      'connection timed out',
      'operation timed out',
      'wsaetimedout',
      'timedout',
      'the connected party did not properly respond',
      '0x8007274c',
    ],
  },
  {
    code: 'ETIMEDOUT',
    moment: 'connect',
    says: ['err_connection_timed_out'],
  },
  {
    code: 'deadline',
    says: ['i o timeout', 'timeouterror', 'sockettimeoutexception', 'timed out', 'timeout', 'curl 28'],
  },
  {
    code: 'deadline',
    moment: 'connect',
    says: ['connect timed out', 'connection timed out after', 'connection timeout after'],
  },
  {
    code: 'deadline',
    moment: 'answer',
    says: ['read timed out', 'operation timed out after', 'context deadline exceeded'],
  },
  {
    code: 'EADDRINUSE',
    numbers: { Linux: 98, macOS: 48, Windows: 10048 },
    says: [
      'address already in use',
      'addressalreadyinuse',
      'addrinuse',
      'bindexception',
      'only one usage of each socket address',
      'wsaeaddrinuse',
      'port is already allocated',
      'port already in use',
      'port is already in use',
    ],
  },
  {
    code: 'EADDRNOTAVAIL',
    numbers: { Linux: 99, macOS: 49, Windows: 10049 },
    says: [
      'cannot assign requested address',
      'can t assign requested address',
      'requested address is not valid in its context',
      'addressnotavailable',
      'addrnotavailable',
      'wsaeaddrnotavail',
    ],
  },
  {
    code: 'ENETUNREACH',
    numbers: { Linux: 101, macOS: 51, Windows: 10051 },
    says: [
      'network is unreachable',
      'network unreachable',
      'networkunreachable',
      'unreachable network',
      'wsaenetunreach',
      'err_internet_disconnected',
    ],
  },
  {
    code: 'EHOSTUNREACH',
    numbers: { Linux: 113, macOS: 65, Windows: 10065 },
    says: [
      'no route to host',
      'noroutetohostexception',
      'hostunreachable',
      'unreachable host',
      'host is unreachable',
      'host is down',
      'ehostdown',
      'wsaehostunreach',
      'err_address_unreachable',
      'host prohibited',
      'admin prohibited',
    ],
  },
  {
    code: 'ECONNRESET',
    numbers: { Linux: 104, macOS: 54, Windows: 10054 },
    says: [
      'connection reset by peer',
      'connection reset',
      'connectionreset',
      'connectionreseterror',
      'forcibly closed by the remote host',
      'wsaeconnreset',
      'recv failure',
      'curl 56',
      'err_connection_reset',
      '0x80072746',
    ],
  },
  {
    code: 'ECONNABORTED',
    numbers: { Linux: 103, macOS: 53, Windows: 10053 },
    says: [
      'software caused connection abort',
      'connectionaborted',
      'connectionabortederror',
      'connection aborted',
      'aborted by the software in your host machine',
      'aborted by the software in your host computer',
      'wsaeconnaborted',
    ],
  },
  {
    code: 'EPIPE',
    numbers: { Linux: 32, macOS: 32, Windows: 109 },
    says: [
      'broken pipe',
      'brokenpipe',
      'brokenpipeerror',
      'sigpipe',
      'the pipe has been ended',
      'exit code 141',
    ],
  },
  {
    code: 'fin',
    says: [
      'socket hang up',
      'other side closed',
      'empty reply from server',
      'curl 52',
      'unexpected eof',
      'unexpectedeof',
      'eof',
      'eofexception',
      'err_empty_response',
      'remote end closed connection without response',
      'server disconnected',
      'connection closed by foreign host',
    ],
  },
  { code: 'ECONNRESET', says: ['socket hang up'] },
  {
    code: 'ENOTFOUND',
    numbers: { Linux: -2, Windows: 11001 },
    says: [
      'name or service not known',
      'nodename nor servname provided',
      'no such host',
      'no such host is known',
      'getaddrinfo failed',
      'unknownhostexception',
      'unknown host',
      'hostnotfound',
      'could not resolve host',
      'couldn t resolve host',
      'no address associated with hostname',
      'eai_noname',
      'nxdomain',
      'curl 6',
      'err_name_not_resolved',
      'dns_probe_finished_nxdomain',
      'wsahost_not_found',
    ],
  },
  {
    code: 'EAI_AGAIN',
    numbers: { Linux: -3, Windows: 11002 },
    says: [
      'temporary failure in name resolution',
      'server misbehaving',
      'tryagain',
      'wsatry_again',
      'non recoverable failure in name resolution',
    ],
  },
  {
    code: 'EACCES',
    numbers: { Linux: 13, macOS: 13, Windows: 10013 },
    says: [
      'permission denied',
      'permissiondenied',
      'permissionerror',
      'accessdeniedexception',
      'access is denied',
      'wsaeacces',
    ],
  },
  {
    code: 'EACCES',
    moment: 'listen',
    says: ['forbidden by its access permissions'],
  },
  {
    code: 'EINVAL',
    numbers: { Linux: 22, macOS: 22, Windows: 10022 },
    says: ['invalid argument', 'invalidargument', 'wsaeinval', 'link local', 'scope id', 'zone id'],
  },
  {
    code: 'EMFILE',
    numbers: { Linux: 24, macOS: 24, Windows: 10024 },
    says: ['too many open files', 'too many open sockets', 'toomanyopensockets', 'enfile', 'wsaemfile'],
  },
  {
    code: 'ENOSPC',
    numbers: { Linux: 28, macOS: 28 },
    says: [
      'no space left on device',
      'there is not enough space on the disk',
      'storagefull',
      'disk quota exceeded',
      'edquot',
      'disk full',
    ],
  },
  { code: 'EIO', numbers: { Linux: 5, macOS: 5 }, says: ['input output error', 'i o error'] },
  { code: 'half_open', says: ['half open', 'halfopen'] },
  {
    code: 'half_close',
    says: ['half closed', 'half close', 'allowhalfopen', 'close_wait', 'fin_wait', 'fin_wait2'],
  },
  { code: 'time_wait', says: ['time wait', 'timewait', 'reuseaddr', 'so_reuseaddr'] },
  { code: 'localhost', says: ['localhost', 'loopback'] },
  { code: 'WSL', says: ['wsl', 'wsl2', 'windows subsystem for linux'] },
  { code: 'firewall', says: ['firewall', 'iptables', 'nftables', 'ufw', 'windows defender'] },
  { code: 'docker_port', says: ['docker', 'published port'] },
  { code: 'keepalive', says: ['keep alive', 'so_keepalive'] },
  { code: 'frozen', says: ['sigstop', 'hangs', 'not responding'] },
  { code: 'backlog_full', says: ['backlog', 'somaxconn', 'listen queue'] },
  { code: 'blackhole', says: ['black hole', 'packets dropped'] },
  { code: 'not_detour', says: ['http 1 1', 'wrong protocol'] },
];
