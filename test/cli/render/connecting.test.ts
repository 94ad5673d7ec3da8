// Whose decision it was that a connect is over: the kernel's or detour's own. And what is said of each address of a name.

import { expect, test } from 'vitest';
import { Connecting } from '../../../src/cli/render/connecting.ts';
import { failureLines } from '../../../src/cli/render/report.ts';
import type { Event } from '../../../src/core/event.ts';
import type { Outcome } from '../../../src/exchange/pending.ts';
import type { Attempt } from '../../../src/exchange/verdict.ts';
import { sentOf } from '../../../src/library/sent.ts';

const connecting = (nth: number): Event => ({
  ...{ event: 'connecting', conn: nth, host: 'two', port: 4101 },
  ...{ address: nth === 1 ? '::1' : '127.0.0.1', nth, of: 2 },
});
const refused = (conn: number): Event => ({
  event: 'broken',
  conn,
  code: 'ECONNREFUSED',
  syscall: 'connect',
});

/** What is said of these events. */
function told(patient: boolean, events: readonly Event[]): string[] {
  const said: string[] = [];
  const subject = new Connecting((what, more) => said.push(`${what}: ${more}`), patient);
  for (const event of events) subject.tell(event);
  subject.over();
  return said;
}

test('patient: the kernel decides about each address', () => {
  expect(told(true, [{ event: 'resolving', host: 'two' }, connecting(1), refused(1), connecting(2)])).toEqual(
    [
      'looking up: two',
      expect.stringMatching(/^connecting: ::1, address 1 of 2, until the kernel gives up/),
      expect.stringMatching(/^ECONNREFUSED: ::1: the kernel decided that, after \d/),
      expect.stringMatching(/^connecting: 127\.0\.0\.1, address 2 of 2, until the kernel gives up/),
    ],
  );
});

test('not patient: an address that is silent is left by a decision of detour, which says so', () => {
  expect(
    told(false, [connecting(1), { event: 'gave_up', conn: 1, ms: 5000 }, connecting(2), refused(2)]),
  ).toEqual([
    'connecting: ::1, address 1 of 2',
    "next address: ::1 gave no answer for 5.0 s. That is detour's decision: the kernel would try longer",
    'connecting: 127.0.0.1, address 2 of 2',
    expect.stringMatching(/^ECONNREFUSED: 127\.0\.0\.1: after \d/),
  ]);
});

test('not patient, a single address: nothing is said until the verdict', () => {
  const single: Event = { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4101 };
  expect(told(false, [single, refused(1)])).toEqual([]);
});

/** The code and the lines under a failure of this one attempt. */
function explained(attempt: Attempt): { code: string; text: string } {
  const outcome: Outcome = {
    send: { verb: 'SEND', id: 'i', body: Buffer.from('x') },
    verdict: 'NOT_DELIVERED',
    attempts: [attempt],
    ms: 1,
  };
  const to = { route: 'sync', peer: 'bob', address: 'two:4101' } as const;
  const sent = sentOf(outcome, to);
  return { code: sent.code, text: failureLines(sent, undefined).join(' ').replaceAll(/\s+/g, ' ') };
}

const seen = (...codes: (string | undefined)[]) => ({
  lookingUp: false,
  tried: codes.map((code, index) => ({ address: `127.0.0.${index + 1}`, code, ms: 5000 })),
  partial: undefined,
});

test.each([
  [
    'each failed in its own way',
    { how: 'broken', code: 'ECONNREFUSED', syscall: 'connect' },
    seen(undefined, 'ECONNREFUSED'),
    'every_address',
    'none of the addresses of two:4101 gave a connection: 127.0.0.1 gave no answer in 5.0 s, 127.0.0.2 failed after 5.0 s (ECONNREFUSED) so',
  ],
  [
    'all failed alike',
    { how: 'broken', code: 'ECONNREFUSED', syscall: 'connect' },
    seen('ECONNREFUSED', 'ECONNREFUSED'),
    'ECONNREFUSED',
    '127.0.0.1 failed after 5.0 s (ECONNREFUSED), 127.0.0.2 failed after 5.0 s (ECONNREFUSED) so no program listens',
  ],
  [
    'the deadline came first',
    { how: 'deadline' },
    seen('EACCES', undefined),
    'deadline',
    'no connection to two:4101 in time: 127.0.0.1 failed after 5.0 s (EACCES), 127.0.0.2 gave no answer in 5.0 s so',
  ],
  [
    'a single address needs no list',
    { how: 'broken', code: 'ECONNREFUSED', syscall: 'connect' },
    seen('ECONNREFUSED'),
    'ECONNREFUSED',
    'two:4101 refused the connection (ECONNREFUSED: RST to our SYN, or ICMP) so',
  ],
  [
    'the deadline came during the lookup',
    { how: 'deadline' },
    { lookingUp: true, tried: [], partial: undefined },
    'deadline',
    'the name lookup for two:4101 was not over in time; no packet went there so nobody was called',
  ],
] as const)('%s', (_, end, what, code, text) => {
  const found = explained({ phase: 'connecting', end, seen: what });
  expect(found.code).toBe(code);
  expect(found.text).toContain(text);
});
