// A person finds the entry: by its number on any system, by another program's sentence, by a whole line, and in spite of a typing error.

import { constants } from 'node:os';
import { describe, expect, it, test } from 'vitest';
import { ALIASES } from '../../src/errors/aliases.ts';
import { lookup } from '../../src/errors/catalog.ts';
import type { Moment } from '../../src/errors/entry.ts';
import { find, suggest } from '../../src/errors/find.ts';

/** Questions, and the codes that each of them finds, without repeats. */
const ASKED: readonly (readonly [string, ...string[]])[] = [
  ['[Errno 111]', 'ECONNREFUSED'],
  ['errno: 61', 'ECONNREFUSED'],
  ['errno: -111', 'ECONNREFUSED'],
  ['10061', 'ECONNREFUSED'],
  ['(10061)', 'ECONNREFUSED'],
  ['WinError 10061', 'ECONNREFUSED'],
  ['Connection refused', 'ECONNREFUSED'],
  ['ConnectionRefusedError', 'ECONNREFUSED'],
  ['java.net.ConnectException', 'ECONNREFUSED'],
  ['actively refused it', 'ECONNREFUSED'],
  ['Address already in use', 'EADDRINUSE'],
  ['[Errno 98]', 'EADDRINUSE'],
  ['WinError 10048', 'EADDRINUSE'],
  ['10060', 'ETIMEDOUT'],
  ['errno 110', 'ETIMEDOUT'],
  ['Connection timed out', 'ETIMEDOUT'],
  ['Operation timed out', 'ETIMEDOUT'],
  ['ECONNABORTED', 'ECONNABORTED'],
  ['10054', 'ECONNRESET'],
  ['forcibly closed by the remote host', 'ECONNRESET'],
  ['Network is unreachable', 'ENETUNREACH'],
  ['Name or service not known', 'ENOTFOUND'],
  ['getaddrinfo failed', 'ENOTFOUND'],
  ['Temporary failure in name resolution', 'EAI_AGAIN'],
  ['Cannot assign requested address', 'EADDRNOTAVAIL'],
  ['Permission denied', 'EACCES'],
  ['Too many open files', 'EMFILE'],
  ['No space left on device', 'ENOSPC'],
  ['socket hang up', 'fin', 'ECONNRESET'],
  ['SIGPIPE', 'EPIPE'],
  ['TIME_WAIT', 'time_wait'],
  ['time-wait', 'time_wait'],
  ['half-open', 'half_open'],
  ['half-closed', 'half_close'],
  ['localhost', 'localhost'],
  ['wsl', 'WSL'],
  ['Firewall', 'firewall'],
  ['UNKNOWN', 'UNKNOWN'],
  ['stored', 'STORED'],
  ['Delivered', 'DELIVERED'],
  ['NOT DELIVERED', 'NOT_DELIVERED'],
  // Whole lines: Python on Linux, macOS and Windows; Java; Go; .NET; Node; Rust; curl; nc; ssh; a shell.
  ['OSError: [Errno 111] Connection refused', 'ECONNREFUSED'],
  ['ConnectionRefusedError: [Errno 61] Connection refused', 'ECONNREFUSED'],
  [
    'ConnectionRefusedError: [WinError 10061] No connection could be made because the target machine actively refused it',
    'ECONNREFUSED',
  ],
  ['TimeoutError: timed out', 'deadline'],
  ['TimeoutError: [Errno 110] Connection timed out', 'ETIMEDOUT'],
  ['socket.gaierror: [Errno -2] Name or service not known', 'ENOTFOUND'],
  ['socket.gaierror: [Errno 8] nodename nor servname provided, or not known', 'ENOTFOUND'],
  ['socket.gaierror: [Errno 11002] getaddrinfo failed', 'EAI_AGAIN'],
  ['PermissionError: [WinError 5] Access is denied', 'EACCES'],
  ['java.net.ConnectException: Connection timed out (Connection timed out)', 'ETIMEDOUT'],
  ['java.net.NoRouteToHostException: No route to host', 'EHOSTUNREACH'],
  ['Caused by: java.net.UnknownHostException: bob', 'ENOTFOUND'],
  ['java.net.SocketException: Connection reset', 'ECONNRESET'],
  ['java.net.BindException: Cannot assign requested address', 'EADDRNOTAVAIL'],
  ['dial tcp 127.0.0.1:4101: connect: connection refused', 'ECONNREFUSED'],
  ['dial tcp: lookup bob on 127.0.0.53:53: no such host', 'ENOTFOUND'],
  ['listen tcp :4101: bind: address already in use', 'EADDRINUSE'],
  ['write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe', 'EPIPE'],
  ['System.Net.Sockets.SocketException (10061): Connection refused', 'ECONNREFUSED'],
  ['An existing connection was forcibly closed by the remote host.', 'ECONNRESET'],
  ['Error: connect ECONNREFUSED 127.0.0.1:4101', 'ECONNREFUSED'],
  ['Error: getaddrinfo ENOTFOUND localhost', 'ENOTFOUND'],
  ['Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }', 'ECONNREFUSED'],
  ['Connection refused (os error 111)', 'ECONNREFUSED'],
  [
    "curl: (7) Failed to connect to localhost port 4101 after 0 ms: Couldn't connect to server",
    'ECONNREFUSED',
  ],
  ['curl: (52) Empty reply from server', 'fin'],
  ['curl: (6) Could not resolve host: bob', 'ENOTFOUND'],
  ['curl: (28) Operation timed out after 5000 milliseconds with 0 bytes received', 'deadline'],
  ['nc: connect to 127.0.0.1 port 4101 (tcp) failed: Connection refused', 'ECONNREFUSED'],
  ['ssh: connect to host 192.0.2.1 port 22: No route to host', 'EHOSTUNREACH'],
  ['bash: connect: Connection refused', 'ECONNREFUSED'],
  ['BYE code=replaced from the relay', 'replaced'],
  // Questions, in the words of students.
  ['unknown', 'UNKNOWN'],
  ['did it arrive?', 'UNKNOWN'],
  ['retry', 'retry'],
  ['is it safe to send again?', 'retry'],
  ['Should I send it again after a timeout?', 'retry'],
  ['exactly-once', 'exactly_once'],
  ['at least once', 'exactly_once'],
  ['why do I get duplicates', 'exactly_once'],
  ['relay-dies', 'relay_dies'],
  ['what if the relay crashes', 'relay_dies'],
  ['where', 'where'],
  ['Where is my message?', 'where'],
  ['brokers', 'brokers'],
  ['kafka', 'brokers'],
  ['is this like RabbitMQ?', 'brokers'],
  ['await', 'await'],
  ['async await', 'await'],
  ['is async faster than sync', 'await'],
  ['timeout', 'timeout'],
  ['would a longer timeout help', 'timeout'],
  ['order', 'order'],
  ['does tcp keep order', 'order'],
  ['ack', 'ack'],
  ['what does an ACK mean', 'ack'],
  ['two generals', 'ack'],
  ['stream', 'stream'],
  ['is one write one read?', 'stream'],
  ['sticky packets', 'stream'],
  // What an error says counts more than a word for a question in it.
  ['asyncio.exceptions.TimeoutError', 'deadline'],
  ['redis.exceptions.TimeoutError: Timeout reading from socket', 'deadline'],
  ['kafka.errors.KafkaConnectionError: [Errno 111] Connection refused', 'ECONNREFUSED'],
];

describe('explain finds', () => {
  it.each(ASKED)('%s', (text, ...codes) => {
    for (const spelling of [text, text.toUpperCase(), `  ${text}\n`])
      expect([...new Set(find(spelling).map(({ code }) => code))], spelling).toEqual(codes);
  });

  it.each([
    ['Error: connect ETIMEDOUT 192.0.2.1:4101', ['connect']],
    ['dial tcp 192.0.2.1:4101: i/o timeout', ['connect']],
    ['Error: read ETIMEDOUT', ['greeting', 'answer', 'idle']],
    ['Error: listen EACCES: permission denied 0.0.0.0:80', ['listen']],
    ["EACCES: permission denied, open '/var/log/x'", ['disk']],
    ['java.net.SocketTimeoutException: Read timed out', ['answer']],
    ['java.net.SocketTimeoutException: connect timed out', ['connect']],
  ] as const satisfies readonly (readonly [string, readonly Moment[]])[])(
    'the situation: %s',
    (text, moments) => {
      expect(find(text).map((entry) => entry.moments)).toEqual([moments]);
    },
  );

  it('nothing in what names nothing, and in numbers that are no error numbers', () => {
    for (const text of [
      '',
      ' ',
      'lunch',
      '__proto__',
      'the build failed after 3 minutes',
      'port 111',
      '127.0.0.1',
      '0',
    ])
      expect(find(text), text).toEqual([]);
  });
});

describe('the other names', () => {
  test('belong to codes of the catalogue, in the form in which they are looked for', () => {
    for (const { code, moment, says } of ALIASES) {
      const entries = lookup(code).filter(({ moments }) => moment === undefined || moments.includes(moment));
      expect(entries, `${code} ${moment}`).not.toEqual([]);
      for (const sentence of says) expect(sentence).toMatch(/^[\p{Ll}\p{N}_]+(?: [\p{Ll}\p{N}_]+)*$/u);
    }
  });

  test('a number stands for one code on each system', () => {
    for (const system of ['Linux', 'macOS', 'Windows'] as const) {
      const numbers = ALIASES.flatMap((alias) => alias.numbers?.[system] ?? []);
      expect(numbers.length).toBeGreaterThan(10);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });

  test('the numbers of this system are the ones that it has', () => {
    const system = ({ linux: 'Linux', darwin: 'macOS' } as const)[process.platform as 'linux' | 'darwin'];
    const known = Object.entries(constants.errno as Readonly<Record<string, number>>);
    for (const { code, numbers = {} } of ALIASES) {
      const own = known.find(([name]) => name === code)?.[1];
      if (own !== undefined && system !== undefined) expect(numbers[system] ?? own, code).toBe(own);
    }
  });
});

test('a slip is answered with what was meant', () => {
  expect(suggest('conection refused')[0]).toBe('ECONNREFUSED');
  expect(suggest('adress already in use')[0]).toBe('EADDRINUSE');
  expect(suggest('fire wall')[0]).toBe('firewall');
  expect(suggest('x'.repeat(100_000))).toEqual([]);
});
