// The parsers of what a person types: what they accept, what they refuse, and that each refusal is one sentence that helps.

import { homedir } from 'node:os';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  address,
  count,
  deadline,
  duration,
  host,
  id,
  name,
  path,
  port,
  rate,
  ttl,
  writeDuration,
} from '../../src/cli/input.ts';
import { isName, isToken } from '../../src/wire/verbs.ts';
import { seed } from '../seed.ts';

const YEAR_MS = 365 * 86_400_000;
const at4101 = address(4101);

describe('accepted', () => {
  test.each<[read: (text: string) => unknown, text: string, expected: unknown]>([
    [duration, '0s', 0],
    [duration, '500ms', 500],
    [duration, '1.5s', 1500],
    [duration, '2m', 120_000],
    [duration, '1h', 3_600_000],
    [duration, '365d', YEAR_MS],
    [deadline, '1ms', 1],
    [ttl, '1s', 1],
    [ttl, '1.5m', 90],
    [ttl, '365d', 31_536_000],
    [name, 'a', 'a'],
    [name, 'z_9-'.padEnd(32, 'x'), 'z_9-'.padEnd(32, 'x')],
    [id, 'A.b_c:d-1', 'A.b_c:d-1'],
    [port, '0', 0],
    [port, '00080', 80],
    [port, '65535', 65_535],
    [count, '1', 1],
    [count, '999999999', 999_999_999],
    [host, '0.0.0.0', '0.0.0.0'],
    [host, '::', '::'],
    [host, '[::1]', '::1'],
    [host, 'fe80::1%eth0', 'fe80::1%eth0'],
    [host, '::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    [host, 'my_service', 'my_service'],
    [host, '0', '0'],
    [path, '.', '.'],
    [path, '~', homedir()],
    [path, '~/x', `${homedir()}/x`],
    [path, '~\\x', `${homedir()}\\x`],
    [path, '~x', '~x'],
    [path, './~', './~'],
    [at4101, '10.0.0.5', { host: '10.0.0.5', port: 4101 }],
    [at4101, 'bob:4101', { host: 'bob', port: 4101 }],
    [at4101, '[::1]:5', { host: '::1', port: 5 }],
    [at4101, '[fe80::1%eth0]', { host: 'fe80::1%eth0', port: 4101 }],
    [at4101, 'bücher.example', { host: 'bücher.example', port: 4101 }],
    [at4101, '127.1:5', { host: '127.1', port: 5 }],
    [at4101, 'Bob:1', { host: 'Bob', port: 1 }],
    [at4101, 'bob.example:65535', { host: 'bob.example', port: 65_535 }],
  ])('%o of %j', (read, text, expected) => {
    expect(read(text)).toEqual(expected);
  });
});

test('a speed is in bytes per second', () => {
  expect(['500B/s', '64kB/s', '1.5MB/s', '1KiB/s', '2MiB/s', 'off'].map(rate)).toEqual([
    500,
    64_000,
    1_500_000,
    1024,
    2 * 1024 * 1024,
    Number.POSITIVE_INFINITY,
  ]);
});

describe('refused, with a sentence that helps', () => {
  test.each<[read: (text: string) => unknown, text: string, help: RegExp]>([
    [duration, '', /write 500ms, 8s, 1m or 1h/],
    [duration, '5', /Did you mean 5s\?/],
    [duration, '0', /or 1h\.$/],
    [duration, '8S', /Did you mean 8s\?$/],
    [duration, '8 s', /Did you mean 8s\?$/],
    [duration, '90sec', /Did you mean 90s\?$/],
    [duration, '1,5 Minutes', /Did you mean 1\.5m\?$/],
    [duration, '2hrs', /Did you mean 2h\?$/],
    [duration, '250MS', /Did you mean 250ms\?$/],
    [duration, '3months', /or 1h\.$/],
    [duration, '400 days', /or 1h\.$/],
    [duration, '99999999', /or 1h\.$/],
    [duration, '-1s', /is not a valid duration/],
    [duration, '1e3s', /is not a valid duration/],
    [duration, '.5s', /is not a valid duration/],
    [duration, '366d', /at most a year/],
    [duration, `${'9'.repeat(400)}d`, /at most a year/],
    [deadline, '0s', /at least 1ms/],
    [deadline, '0.5ms', /at least 1ms/],
    [ttl, '500ms', /whole seconds/],
    [ttl, '1.5s', /whole seconds/],
    [name, 'Bob', /Try bob\./],
    [name, 'Zoë K.', /looks like an address/],
    [name, 'Zoë K', /Try zoek\./],
    [name, '9lives', /Try lives\./],
    [name, '', /is not a name/],
    [name, '鲍勃', /is not a name[^T]*$/],
    [name, 'x'.repeat(33), /Try x{32}\./],
    [name, '127.0.0.1', /looks like an address/],
    [name, 'bob:4101', /looks like an address/],
    [id, '', /1 to 64/],
    [id, 'a b', /is not an id/],
    [id, 'x'.repeat(65), /is not an id/],
    [port, '', /is not a port/],
    [port, '-1', /is not a port/],
    [port, '65536', /is not a port/],
    [port, '4100.0', /is not a port/],
    [port, '0x10', /is not a port/],
    [port, '127.0.0.1:4101', /is not a port.* Did you mean 4101\?$/],
    [count, '0', /from 1/],
    [count, '1.5', /is not a count/],
    [count, '1000000000', /is not a count/],
    [rate, '64kb/s', /is not a speed: write 500B\/s/],
    [rate, '64kB', /is not a speed/],
    [rate, '0B/s', /is not a speed/],
    [rate, '0.4B/s', /is not a speed/],
    [rate, '5toStringB/s', /is not a speed/],
    [host, '', /is not an address to listen on/],
    [host, '127.0.0.1:4101', /The port is a flag of its own: --port/],
    [host, 'a b', /is not an address to listen on/],
    [host, '4101', /is not an address to listen on.*--port/],
    [path, '', /current folder write a dot/],
    [at4101, '', /write HOST:PORT/],
    [at4101, 'bob', /is a name, but an address is needed here/],
    [at4101, 'Bob', /is a name, but an address is needed here.* or Bob:4101\./],
    // The system would take this for 0.0.16.5.
    [at4101, '4101', /^"4101" is a port, not an address: did you mean 127\.0\.0\.1:4101\?$/],
    [at4101, '0x1005', /is not an address: write HOST:PORT/],
    [at4101, '99999', /is not an address: write HOST:PORT/],
    [at4101, '127.0.0.1,4101', /did you mean 127\.0\.0\.1:4101\?$/],
    [at4101, '127.0.0.1.4101', /did you mean 127\.0\.0\.1:4101\?$/],
    [at4101, 'bob;4101', /did you mean bob:4101\?$/],
    [at4101, 'bob\uff1a4101', /did you mean bob:4101\?$/],
    [at4101, '[::1],4101', /did you mean \[::1\]:4101\?$/],
    [at4101, ':4100', /did you mean 127\.0\.0\.1:4100\?$/],
    [at4101, '::1', /did you mean \[::1\]:4101\?$/],
    [at4101, '\u201cbob\u201d', /is not an address/],
    [at4101, 'bob:', /is not an address/],
    [at4101, 'bob:0', /from 1 to 65535/],
    [at4101, 'bob:65536', /from 1 to 65535/],
    [at4101, 'http://bob:4102/', /did you mean bob:4102\?$/],
    [at4101, 'bob :4101', /did you mean bob:4101\?$/],
  ])('%o of %j', (read, text, help) => {
    expect(() => read(text)).toThrow(help);
    expect(() => read(text)).not.toThrow(/\n/);
  });
});

describe('for any input', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.stringMatching(/^[a-zA-Z0-9_.:[\]%-]{0,70}$/),
    fc.stringMatching(/^[0-9]{0,12}\.?[0-9]{0,3}(ms|s|m|h|d|)$/),
  );
  const settle = <T>(read: (text: string) => T, text: string): T | Error => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'commander.invalidArgument')
        throw error;
      return error;
    }
  };

  test('a parser gives a value within its bounds or a sentence, and nothing else', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const within = (read: (text: string) => number, low: number, high: number): void => {
          const found = settle(read, text);
          if (typeof found === 'number') expect(found >= low && found <= high).toBe(true);
        };
        within(duration, 0, YEAR_MS);
        within(deadline, 1, YEAR_MS);
        within(ttl, 1, 31_536_000);
        within(port, 0, 65_535);
        within(count, 1, 999_999_999);
        const life = settle(ttl, text);
        if (typeof life === 'number') expect(Number.isInteger(life)).toBe(true);
        const called = settle(name, text);
        expect(typeof called === 'string').toBe(isName(text));
        expect(typeof settle(id, text) === 'string').toBe(isToken(text));
        const where = settle(at4101, text);
        if (!(where instanceof Error)) {
          expect(where.port >= 1 && where.port <= 65_535).toBe(true);
          expect(where.host).toMatch(/^[^\s[\]]+$/);
        }
        const on = settle(host, text);
        // An empty host would listen on every address.
        if (typeof on === 'string') expect(on).toMatch(/^[\w.:%-]+$/);
      }),
      { ...seed(), numRuns: 2000 },
    );
  });

  test('the suggestion for a bad name is a valid name', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const found = settle(name, text);
        const [, suggested] = (found instanceof Error && / Try (.*)\.$/s.exec(found.message)) || [];
        if (suggested !== undefined) expect(isName(suggested)).toBe(true);
      }),
      { ...seed(), numRuns: 1000 },
    );
  });

  test('the address that is suggested is an address', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const found = settle(at4101, text);
        const [, meant] = (found instanceof Error && / did you mean (.*)\?$/s.exec(found.message)) || [];
        if (meant !== undefined) expect(settle(at4101, meant)).not.toBeInstanceOf(Error);
      }),
      { ...seed(), numRuns: 1000 },
    );
  });

  test('no name is taken for an address, and no address for a name', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const asName = settle(name, text);
        const asPlace = settle(at4101, text);
        expect(asName instanceof Error || asPlace instanceof Error).toBe(true);
      }),
      { ...seed(), numRuns: 1000 },
    );
  });
});

test.each([
  [0, '0.0 ms'],
  [9.94, '9.9 ms'],
  [250, '250 ms'],
  [999.4, '999 ms'],
  [1500, '1.5 s'],
  [119_960, '120 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 days'],
])('%d ms are written %s', (ms, text) => {
  expect(writeDuration(ms)).toBe(text);
});
