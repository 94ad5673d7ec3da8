// The catalogue is complete: every situation, every code that the source uses, and every field. Its texts keep the rules.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { asked, entryText, explain, listText } from '../../src/cli/commands/explain.ts';
import { DetourError } from '../../src/core/error.ts';
import { CATALOG, explainFailure, type FailureContext, lookup, momentOf } from '../../src/errors/catalog.ts';
import { type ByRoute, LAYERS, type Moment } from '../../src/errors/entry.ts';
import { suggest } from '../../src/errors/find.ts';
import { runCli } from '../harness.ts';

// What TCP and the system do, as a course meets it: the situation, its code, and the moment.
const SITUATIONS: readonly (readonly [string, string, Moment])[] = [
  ['host up, nobody listening', 'ECONNREFUSED', 'connect'],
  ['firewall says host-unreachable', 'EHOSTUNREACH', 'connect'],
  ['no such host on the LAN', 'EHOSTUNREACH', 'connect'],
  ['no route', 'ENETUNREACH', 'connect'],
  ['a prohibited route', 'EACCES', 'connect'],
  ['bad name', 'ENOTFOUND', 'lookup'],
  ['no name service', 'EAI_AGAIN', 'lookup'],
  ['several addresses, all failed', 'AggregateError', 'connect'],
  ['several addresses, each failed in its own way', 'every_address', 'connect'],
  ['a link-local address without its network card', 'EINVAL', 'connect'],
  ['SYN swallowed', 'ETIMEDOUT', 'connect'],
  ['black hole', 'blackhole', 'connect'],
  ['frozen program', 'frozen', 'answer'],
  ['never-accepting listener', 'frozen', 'greeting'],
  ['keepalive at a frozen peer', 'keepalive', 'idle'],
  ['backlog full', 'backlog_full', 'connect'],
  ['published port of a container', 'docker_port', 'greeting'],
  ['killed, everything read', 'fin', 'answer'],
  ['killed, data unread in its kernel', 'ECONNRESET', 'answer'],
  ['killed after Node read, before the program did', 'lost_in_node', 'answer'],
  ['write after the peer is gone', 'EPIPE', 'answer'],
  ['RST after unread data', 'rst_behind_data', 'answer'],
  ['cable cut', 'cable_cut', 'idle'],
  ['cable cut, keepalive or retries gave up', 'ETIMEDOUT', 'answer'],
  ['cable cut while writing', 'EHOSTUNREACH', 'answer'],
  ['setTimeout while writing into a black hole', 'own_writes', 'idle'],
  ['peer rebooted', 'peer_rebooted', 'answer'],
  ['silence', 'silence', 'answer'],
  ['half-close', 'half_close', 'idle'],
  ['TIME_WAIT', 'time_wait', 'idle'],
  ['port taken', 'EADDRINUSE', 'listen'],
  ['foreign address', 'EADDRNOTAVAIL', 'listen'],
  ['reserved port', 'EACCES', 'listen'],
  ['out of sockets', 'EMFILE', 'connect'],
  ['disk full', 'ENOSPC', 'disk'],
  ['disk failed', 'EIO', 'disk'],
  ['not allowed to write', 'EACCES', 'disk'],
  ...[
    'malformed',
    'unknown_verb',
    'wrong_verb',
    'bad_value',
    'no_hello',
    'version',
    'wrong_name',
    'too_large',
    'bad_ack',
  ].map((code) => [`ERROR ${code}`, code, 'error'] as const),
  ...['damaged', 'failed', 'too_slow', 'too_many', 'idle', 'stale'].map(
    (code) => [`ERROR ${code}`, code, 'error'] as const,
  ),
  ...[
    'too_large',
    'wrong_name',
    'unsupported',
    'bad_value',
    'id_reused',
    'busy',
    'too_many',
    'disk_full',
  ].map((code) => [`REFUSED ${code}`, code, 'refused'] as const),
  ['a folder where others write', 'unsafe_folder', 'disk'],
  ['not a journal', 'not_a_journal', 'disk'],
  ['not a log', 'bad_log', 'arguments'],
  ['a failure without a code', 'EUNKNOWN', 'connect'],
  ['too long for READY', 'too_large', 'greeting'],
  ['no connection before the deadline', 'deadline', 'connect'],
  ...['DELIVERED', 'STORED', 'NOT_DELIVERED', 'UNKNOWN'].map(
    (verdict) => [`the verdict ${verdict}`, verdict, 'answer'] as const,
  ),
  ['BYE', 'bye', 'answer'],
  ['BYE replaced', 'replaced', 'bye'],
  ['no READY', 'no_greeting', 'greeting'],
  ['READY without a line end', 'unfinished', 'greeting'],
  ['an answer without a line end', 'unfinished', 'answer'],
  ['an answer to another message', 'wrong_answer', 'answer'],
  ['our bytes were not taken', 'stalled', 'answer'],
  ['no address before the deadline', 'deadline', 'lookup'],
  ['the other role', 'wrong_door', 'greeting'],
  ['another protocol', 'not_detour', 'greeting'],
  ['our own deadline', 'deadline', 'answer'],
  ['heartbeat', 'silent', 'idle'],
  ['what a heartbeat tests', 'heartbeat', 'idle'],
  ['the rungs of a message', 'ladder', 'answer'],
  ['bounce', 'expired', 'answer'],
  ['Ctrl-C', 'interrupted', 'answer'],
  ['usage', 'usage', 'arguments'],
  ['old Node', 'node_too_old', 'arguments'],
  ['two relays on one journal', 'locked', 'disk'],
  ['two computers on one journal', 'other_computer', 'disk'],
  ['journal is a file', 'not_a_directory', 'disk'],
  ['journal damaged', 'damaged', 'disk'],
];

const root = join(import.meta.dirname, '..', '..');

// An errno or a lower-case word, as in the catalogue. `code:` may also name a verb, or be `ok`, which is not an error.
const CODE = /^(?:E[A-Z_]+|[a-z_]+)$/;

function codesInSource(): { files: number; codes: Map<string, string> } {
  const codes = new Map<string, string>();
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      // There it is a field of an event, with the values that it may have.
      file.endsWith('.ts') && file !== join('core', 'event.ts'),
  );
  const patterns = [
    /new DetourError\(\s*(?:\/\/[^\n]*\n\s*)*(['"])([^'"]+)\1/g,
    /new DetourError\([^'";]*\?\s*(['"])([^'"]+)\1/g,
    /\bcode:\s*(['"])([^'"]+)\1/g,
    /(['"`])(?:ERROR|REFUSED|BYE)[^'"`\n]*code=([a-z_]+)/g,
  ];
  for (const file of files) {
    const text = readFileSync(join(root, 'src', file), 'utf8');
    for (const pattern of patterns)
      for (const match of text.matchAll(pattern)) codes.set(match[2] ?? '', file);
    // A union of codes: `code: 'a' | 'b'` or `type …Fault = 'a' | 'b'`.
    for (const union of text.matchAll(
      /(?:\bcode:|type \w*(?:Fault|Code) =)\s*((?:'[a-z_]+'\s*\|\s*)+'[a-z_]+')/g,
    )) {
      for (const word of (union[1] ?? '').matchAll(/'([a-z_]+)'/g)) codes.set(word[1] ?? '', file);
    }
  }
  for (const code of codes.keys()) if (!CODE.test(code) || code === 'ok') codes.delete(code);
  return { files: files.length, codes };
}

const texts = (of: ByRoute | undefined): string[] =>
  of === undefined ? [] : typeof of === 'string' ? [of] : [of.sync, of.async];

const context: FailureContext = {
  route: 'sync',
  peer: 'bob',
  address: '127.0.0.1:4101',
  handedOver: false,
  earlier: 'none',
};

describe('the catalogue', () => {
  it.each(SITUATIONS)('explains: %s (%s, %s)', (_, code, moment) => {
    expect(lookup(code).filter((entry) => entry.moments.includes(moment))).toHaveLength(1);
  });

  it('has an entry for every code that the source uses', () => {
    const { files, codes } = codesInSource();
    expect(files).toBeGreaterThan(10);
    expect(codes.size).toBeGreaterThan(5);
    expect([...codes].filter(([code]) => lookup(code).length === 0)).toEqual([]);
  });

  it('gives each code and moment one entry', () => {
    const keys = CATALOG.flatMap((entry) => entry.moments.map((moment) => `${entry.code} ${moment}`));
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  it.each(CATALOG.map((entry) => [`${entry.code}, ${entry.moments.join()}`, entry] as const))(
    'is complete: %s',
    (_, entry) => {
      // A question is about no moment in particular.
      expect(entry.moments.length > 0).toBe(entry.layer !== 'questions');
      expect(LAYERS).toContain(entry.layer);
      const all = [entry.wire, entry.so, entry.notSo, entry.tryNext].flatMap(texts);
      for (const text of [
        ...all,
        entry.code,
        entry.title,
        entry.meaning,
        entry.certainty,
        entry.reference,
        entry.elsewhere,
      ]) {
        expect(text.trim()).not.toBe('');
        expect(text.replace(/\{(?:peer|address)\}/g, '')).not.toMatch(/[{}]/);
      }
      // An entry that was measured says what was not measured.
      if (entry.basis === 'measured on Linux') expect(entry.elsewhere).toContain('Linux');
    },
  );

  it('cites sections only of RFC 9293, 1122, 2525 and 5321', () => {
    const named = CATALOG.flatMap((entry) =>
      [...entry.reference.matchAll(/RFC (\d+)/g)].map((match) => match[1]),
    );
    expect(new Set(named)).toEqual(new Set(['9293', '1122', '2525', '5321']));
  });

  it('finds a code in any case, and suggests what was meant', () => {
    expect(lookup('econnrefused')).toEqual(lookup('ECONNREFUSED'));
    expect(lookup('etimedout')).toHaveLength(2);
    expect(suggest('ECONREFUSED')[0]).toBe('ECONNREFUSED');
    expect(suggest('reset')).toContain('ECONNRESET');
    expect(suggest('time-wait')[0]).toBe('time_wait');
    expect(suggest('qqqqqqqq')).toEqual([]);
    expect(suggest('')).toEqual([]);
    expect(lookup('__proto__')).toEqual([]);
  });
});

describe('the lines below a verdict', () => {
  it('say what a refused connection means', () => {
    expect(explainFailure('ECONNREFUSED', 'connect', context)).toEqual({
      wire: '127.0.0.1:4101 refused the connection (ECONNREFUSED: RST to our SYN, or ICMP)',
      so: 'no program listens at that address and port, or a firewall says so; not one byte of it left',
      notSo: '"bob gets it later": nobody kept a copy',
      tryNext:
        'start bob, and check the port. If it runs: does it listen on that address? 127.0.0.1 serves only its own computer ' +
        '(--host 0.0.0.0: all). Or take the detour: detour async send',
    });
  });

  it('do not say that nothing left if an earlier attempt was handed over', () => {
    for (const entry of CATALOG) {
      for (const moment of entry.moments) {
        for (const handedOver of [true, false]) {
          const lines = explainFailure(entry.code, moment, {
            ...context,
            route: 'async',
            handedOver,
            earlier: 'unanswered',
          });
          expect(`${lines.so} ${lines.notSo}`).not.toMatch(
            /not one byte of it left|never got it|nobody kept a copy/,
          );
        }
      }
    }
  });

  it('say "not one byte of it left" only where no byte can have left', () => {
    for (const entry of CATALOG) {
      for (const moment of entry.moments.filter(
        (one) => one !== 'lookup' && one !== 'connect' && one !== 'greeting',
      )) {
        expect(explainFailure(entry.code, moment, { ...context, handedOver: true }).so).not.toContain(
          'not one byte of it left',
        );
      }
    }
  });

  it('say that a refusal does not settle it if an earlier attempt was not answered', () => {
    const lines = explainFailure('busy', 'refused', {
      ...context,
      route: 'async',
      handedOver: true,
      earlier: 'unanswered',
    });
    expect(lines.so).toContain('an earlier attempt was handed over and not answered');
  });

  it('invent no earlier attempt if an id was given: this process does not know of one', () => {
    const lines = explainFailure('id_reused', 'refused', {
      ...context,
      route: 'async',
      handedOver: true,
      earlier: 'unknown',
    });
    expect(lines.so).toContain('this process does not know what came before it');
    expect(`${lines.so} ${lines.notSo}`).not.toMatch(/was handed over|not one byte/);
    expect(lines.tryNext).toBe('choose a new --id for a new message');
  });

  it('explain the end of a connection by what was sent on it', () => {
    expect(explainFailure('fin', 'answer', { ...context, handedOver: true }).so).toBe(
      'nothing: a program that died before reading and one that died after showing can look the same',
    );
    const early = explainFailure('fin', 'greeting', context);
    expect(early.so).toBe('it was over before the message was handed to the socket; not one byte of it left');
    expect(early.tryNext).toBe('look at bob, then try again');
  });

  it('distinguish the two ETIMEDOUTs by the moment of the syscall', () => {
    expect(explainFailure('ETIMEDOUT', momentOf('connect', false), context).wire).toContain('SYN');
    expect(
      explainFailure('ETIMEDOUT', momentOf('read', true), { ...context, handedOver: true }).wire,
    ).toContain('gave up');
    expect([momentOf('getaddrinfo', false), momentOf('write', false), momentOf('listen', false)]).toEqual([
      'lookup',
      'greeting',
      'listen',
    ]);
  });

  it('distinguish ERROR, REFUSED with the same code, and what was not sent at all', () => {
    const wire = (code: string, moment: Moment, handedOver: boolean) =>
      explainFailure(code, moment, { ...context, handedOver }).wire;
    expect(wire('too_many', 'greeting', false)).toContain('ERROR');
    expect(wire('too_many', 'refused', true)).toContain('REFUSED');
    expect(wire('too_large', 'error', true)).toContain('ERROR');
    expect(wire('too_large', 'error', false)).toContain('READY');
  });

  it('say something true about a code that the catalogue does not know', () => {
    const lines = explainFailure('EWHATEVER', 'connect', context);
    expect(lines.wire).toBe('127.0.0.1:4101: the system reported EWHATEVER');
    expect(lines.tryNext).toBe('look at bob, then try again');
    const refusal = explainFailure('new_code', 'refused', { ...context, handedOver: true });
    expect(refusal.wire).toBe("bob's program answered REFUSED code=new_code");
    expect(explainFailure('EWHATEVER', 'answer', { ...context, handedOver: true }).tryNext).toContain(
      'may deliver it twice',
    );
  });

  it('treat a name as a name, whatever is in it', () => {
    expect(explainFailure('ECONNREFUSED', 'connect', { ...context, address: '{peer} $& $1' }).wire).toContain(
      '{peer} $& $1 refused',
    );
  });
});

it('does not use the text of one verb for another', () => {
  const { wire } = explainFailure('busy', 'error', { ...context, handedOver: true });
  expect(wire).toBe("bob's program answered ERROR code=busy");
});

it('names commands that work when they are pasted', { tags: ['slow'], timeout: 60_000 }, async () => {
  const all = CATALOG.flatMap((entry) => [
    ...[entry.wire, entry.so, entry.notSo, entry.tryNext].flatMap(texts),
    entry.meaning,
    entry.certainty,
  ]);
  const named = all.flatMap((text) => [
    ...text.matchAll(
      /detour ((?:sync|async) \w+|explain \w+|journal|demo|link|trace|compare)((?: --[a-z-]+)*)/g,
    ),
  ]);
  expect(named.length).toBeGreaterThan(12);
  const helps = new Map<string, Promise<{ stdout: string; code: unknown }>>();
  for (const [, command = ''] of named)
    if (!command.startsWith('explain')) helps.set(command, runCli([...command.split(' '), '--help']));
  for (const [, command = '', flags = ''] of named) {
    const help = await helps.get(command);
    if (help === undefined) expect(lookup(command.split(' ')[1] ?? ''), command).not.toEqual([]);
    else {
      expect(help.code, command).toBe(0);
      for (const flag of flags.split(' ').filter(Boolean)) expect(help.stdout, command).toContain(` ${flag}`);
    }
  }
});

describe('detour explain', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  function run(...args: string[]): string {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    });
    const command = new Command('explain');
    explain.build(command);
    command.parse(args, { from: 'user' });
    return written.join('');
  }

  it('lists every entry by layer within 80 columns', () => {
    const list = run();
    expect(list).toBe(listText());
    for (const layer of LAYERS) expect(list).toContain(`${layer}\n  `);
    for (const entry of CATALOG) expect(list).toMatch(new RegExp(`^ {2}${entry.code} +\\S`, 'm'));
    expect(list.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it('wraps every entry within 80 columns and leaves no placeholder', () => {
    for (const entry of CATALOG) {
      const text = entryText(entry);
      expect(text.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
      expect(text).not.toMatch(/[{}]/);
    }
  });

  it('prints every situation of a code', () => {
    const text = run('etimedout');
    expect(text).toContain('ETIMEDOUT: connecting');
    expect(text).toContain('ETIMEDOUT: connected');
    expect(text).toMatch(
      /^2 situations fit:\n {2}ETIMEDOUT +connecting.*\n {2}ETIMEDOUT +connected.*\n\nETIMEDOUT: /,
    );
  });

  it('knows the verdicts as a sender prints them', () => {
    expect(run('NOT', 'DELIVERED')).toMatch(/^NOT_DELIVERED: the verdict/);
    expect(run('not delivered')).toMatch(/exit code 10/);
    expect(run('stored')).toMatch(/^STORED: the verdict/);
    expect(run('UNKNOWN')).toMatch(/^UNKNOWN: the verdict/);
    expect(run('DELIVERED')).toMatch(/^DELIVERED: the verdict/);
  });

  it('takes a pasted line in several words, whatever is in it', () => {
    expect(run('OSError:', '[Errno', '111]', 'Connection', 'refused')).toMatch(/^ECONNREFUSED: /);
    expect(run('socket.gaierror:', '[Errno', '-2]', 'Name', 'or', 'service', 'not', 'known')).toMatch(
      /^ENOTFOUND: /,
    );
  });

  it('prints the numbers of a code on each system', () => {
    expect(run('ECONNREFUSED')).toContain('number       111 on Linux, 61 on macOS, 10061 on Windows');
  });

  it('prints JSON, one entry per line', () => {
    const lines = run('--json').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { code: string }).code)).toEqual(
      CATALOG.map((entry) => entry.code),
    );
    expect(run('fin', '--json')).not.toMatch(/\{(?:peer|address)\}/);
  });

  it('answers a typo with a suggestion, and shows hostile input in a visible form', () => {
    expect(() => asked('ECONREFUSED')).toThrow(DetourError);
    expect(() => asked('ECONREFUSED')).toThrow('the catalogue has no entry ECONREFUSED');
    try {
      asked('\x1b]0;x\x07');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'usage', message: 'the catalogue has no entry \\x1b]0;x\\x07' });
      expect((error as DetourError).hint).toContain('detour explain');
    }
  });
});
