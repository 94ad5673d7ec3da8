// PROTOCOL.md says what the code does: its table of verbs, its limits, its codes and its examples are compared with the code, and its two
// sessions are played, line by line, with the real programs.

import { readdirSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MOST_IDS, MOST_MESSAGES, MOST_NAMES, MOST_SESSIONS } from '../../src/async/admission.ts';
import { MOST_IN_FLIGHT } from '../../src/async/delivery.ts';
import { NOTICE_TTL_S } from '../../src/async/endings.ts';
import { REMEMBER_MS } from '../../src/async/ids.ts';
import { WINDOW } from '../../src/async/relay.ts';
import { IN_HAND_LIMIT } from '../../src/async/sends.ts';
import { MOST_EMPTY } from '../../src/async/state.ts';
import { LIST_BYTES, LIST_PAGE, STATUS_PAGE } from '../../src/async/status.ts';
import { CATALOG } from '../../src/errors/catalog.ts';
import { SILENT_BEATS } from '../../src/exchange/heartbeat.ts';
import {
  FENCES,
  HELLO_MS,
  IDLE_MS,
  MAX_CONNECTIONS,
  QUESTIONS,
  QUESTIONS_PER_S,
  TRY_STEP,
  UNANSWERED_BYTES,
} from '../../src/exchange/limits.ts';
import { LINGER_MS } from '../../src/net/connection.ts';
import { QUEUE_LIMIT, STALL_MS } from '../../src/net/frame-writer.ts';
import { KEEPALIVE_MS, KEPT_HANDLES } from '../../src/net/listener.ts';
import { SLOW_BYTES_PER_S, SLOW_GRACE_MS, TYPED_BYTES, TYPED_MS } from '../../src/net/slow-frame.ts';
import { DISCARD_FACTOR, FrameDecoder } from '../../src/wire/decoder.ts';
import { MAX_BODY, MAX_LINE } from '../../src/wire/frame.ts';
import { isVerb, MAX_TTL, messageOf, VERBS } from '../../src/wire/verbs.ts';
import { start, tempDir } from '../harness.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENT = readFileSync(join(ROOT, 'src/wire/PROTOCOL.md'), 'utf8');
// As long as the document, but without anything between fences that looks like a heading.
const PROSE = DOCUMENT.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/^#/gm, ' '));
const HEADINGS = new Set([...PROSE.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading));

/** The text under a heading, down to the next heading of the same or a higher level. */
function chapter(heading: string): string {
  const found = new RegExp(`^(#+) ${heading}$`, 'm').exec(PROSE);
  if (found === null) throw new Error(`no heading ${heading}`);
  const from = found.index + found[0].length;
  const end = new RegExp(`^#{1,${found[1]?.length}} `, 'm').exec(PROSE.slice(from));
  return DOCUMENT.slice(from, end === null ? undefined : from + end.index);
}

/** The rows of the tables in a text, as cells, without heads and rules. `\|` in a cell is a bar. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line, at, all) => line.startsWith('| ') && !(all[at + 1] ?? '').startsWith('|---'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}

test('the table of verbs is that of verbs.ts: verbs, speakers, keys, forms, order, bodies', () => {
  const table = rows(chapter('The verbs').split('**What any frame')[0] ?? '');
  const expected = Object.entries(VERBS).map(([verb, { from, fields, body }]) => {
    const keys = Object.entries(fields).map(([key, { form, required }]) =>
      required ? `${key}=${form}` : `[${key}=${form}]`,
    );
    return [`\`${verb}\``, from, keys.length === 0 ? '' : `\`${keys.join(' ')}\``, body];
  });
  expect(table).toEqual(expected);
});

test('every verb has a chapter with a valid example, which says what may answer it', () => {
  for (const verb of Object.keys(VERBS)) {
    const text = chapter(verb);
    const example = [...text.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line).join('\n');
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from(`${example}\n`));
    const verbs = new Set<string>();
    for (let found = decoder.next(); found !== undefined; found = decoder.next()) {
      if (found.kind !== 'frame') throw new Error(`${verb}: ${JSON.stringify(found)}`);
      expect(messageOf(found.frame).verb).toBe(verb);
      verbs.add(found.frame.verb);
    }
    expect([...verbs], verb).toEqual([verb]);
    expect(decoder.started, `${verb}: the example is not complete`).toBe(0);
    expect(text, verb).toMatch(/Replies: |\| reply \||The end of the answer/);
  }
});

test('every reply in a chapter is a verb, and every code in it is listed under All codes', () => {
  const listed = new Set([...chapter('All codes').matchAll(/`([a-z_]+)`/g)].map(([, code]) => code));
  const used = [...chapter('The verbs').matchAll(/(REFUSED|ERROR|BYE)(?: id=\S+)? code=([a-z_]+)/g)];
  expect(used.length).toBeGreaterThan(25);
  expect(used.filter(([, , code]) => !listed.has(code ?? '')).map(([all]) => all)).toEqual([]);
  for (const [, verb = ''] of chapter('The verbs').matchAll(/^\| `([A-Z]+)[ `]/gm))
    expect(isVerb(verb), verb).toBe(true);
});

test('the codes are those of the catalogue of errors and those that the servers use', () => {
  const text = chapter('All codes');
  const [refusals = '', errors = ''] = text.split('`ERROR`: the connection');
  const codes = (part: string): string[] =>
    rows(part)
      .map(([code = '']) => code.replaceAll('`', ''))
      .sort();
  const known = (moment: 'refused' | 'error', wire: string): string[] =>
    [
      ...new Set(
        CATALOG.filter(
          (entry) => entry.moments.includes(moment) && JSON.stringify(entry.wire).includes(wire),
        ).map(({ code }) => code),
      ),
    ].sort();
  expect(codes(refusals)).toEqual(known('refused', 'REFUSED'));
  expect(codes(errors)).toEqual(known('error', 'ERROR'));
  const said = [
    'exchange/server.ts',
    'exchange/server-connection.ts',
    'async/sends.ts',
    'async/admission.ts',
    'async/relay.ts',
    'async/delivery.ts',
    'sync/receiver.ts',
  ].flatMap((file) => [...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/code: '([a-z_]+)'/g)]);
  expect(said.length).toBeGreaterThan(20);
  for (const [, code] of said) expect(text).toContain(`\`${code}\``);
});

test('the limits are those of the code', () => {
  const limits: Record<string, number> = {
    MAX_LINE,
    MAX_BODY,
    DISCARD_FACTOR,
    WINDOW,
    UNANSWERED_BYTES,
    IN_HAND_LIMIT,
    MOST_IN_FLIGHT,
    QUEUE_LIMIT,
    STALL_MS,
    LINGER_MS,
    TYPED_BYTES,
    TYPED_MS,
    SLOW_GRACE_MS,
    SLOW_BYTES_PER_S,
    HELLO_MS,
    FENCES,
    TRY_STEP,
    QUESTIONS,
    QUESTIONS_PER_S,
    MAX_CONNECTIONS,
    IDLE_MS,
    KEEPALIVE_MS,
    KEPT_HANDLES,
    SILENT_BEATS,
    MAX_TTL,
    NOTICE_TTL_S,
    REMEMBER_MS,
    MOST_MESSAGES,
    MOST_NAMES,
    MOST_IDS,
    MOST_SESSIONS,
    MOST_EMPTY,
    STATUS_PAGE,
    LIST_PAGE,
    LIST_BYTES,
  };
  const written = rows(chapter('Limits')).map(([name = '', value = '', file = '']) => {
    const constant = name.replaceAll('`', '');
    expect(readFileSync(join(ROOT, 'src', file), 'utf8'), name).toContain(`export const ${constant} =`);
    return [constant, Number(/^[\d,]+/.exec(value)?.[0].replaceAll(',', ''))];
  });
  expect(Object.fromEntries(written)).toEqual(limits);
});

test('every chapter that the source or the document itself refers to exists', () => {
  const files = ['src', 'test', 'scripts'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs|md)$/.test(name))
      .map((name) => join(ROOT, folder, name)),
  );
  expect(files.length).toBeGreaterThan(80);
  const cited = files.flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/PROTOCOL\.md, "([A-Z][^"\n]+)"/g),
  ]);
  expect(cited.length).toBeGreaterThan(10);
  const own = [...DOCUMENT.matchAll(/(?:\(|see )"([A-Z][\w ]+)"/g)];
  expect(own.length).toBeGreaterThan(8);
  const missing = [...cited, ...own].map(([, heading]) => heading).filter((one) => !HEADINGS.has(one ?? ''));
  expect(missing).toEqual([]);
  for (const [, anchor] of DOCUMENT.matchAll(/\]\(#([a-z-]+)\)/g))
    expect([...HEADINGS].map((heading) => heading?.toLowerCase().replaceAll(' ', '-'))).toContain(anchor);
});

/** A connection that is read line by line, as a person reads `nc`. */
class Nc {
  readonly #socket: Socket;
  #text = '';
  #ended = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#socket = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true });
    onTestFinished(() => void this.#socket.destroy());
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    this.#socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    this.#socket.on('error', () => {});
  }

  type(line: string): void {
    this.#socket.write(`${line}\n`, 'latin1');
  }

  /** The next line, or `(FIN)`. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#ended) return this.#text === '' ? '(FIN)' : this.#text;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  kill(): void {
    this.#socket.destroy();
  }
}

/** Replaces a value of this run by the form that the document has in its place, key by key, and only where the document has one. */
function masked(line: string, written: string): string {
  return line
    .split(' ')
    .map((word) => {
      const [key, value = ''] = word.split('=');
      for (const [form, pattern] of [
        ['EPOCH_MS', /^\d{13}$/],
        ['MS', /^\d{1,6}$/],
        ['TOKEN', /^[A-Za-z0-9._:-]{1,64}$/],
        ['BYTES/BYTES', /^\d+\/\d+$/],
      ] as const) {
        if (pattern.test(value) && written.split(' ').includes(`${key}=${form}`)) return `${key}=${form}`;
      }
      return word;
    })
    .join(' ');
}

describe('a session of the document, played with the real program', () => {
  const sessions = [...DOCUMENT.matchAll(/```session\n([\s\S]*?)```/g)].map(([, text = '']) =>
    text.trimEnd().split('\n'),
  );

  test('there are two of them', () => {
    expect(sessions.map(([first]) => first)).toEqual([
      '$ npx detour sync receive',
      '$ npx detour async relay',
    ]);
  });

  test.each(sessions.map((lines) => [lines[0] ?? '', lines] as const))('%s', async (command, lines) => {
    const args = command.replace('$ npx detour ', '').split(' ');
    const journal = args[1] === 'relay' ? ['--journal', join(tempDir(), 'journal')] : [];
    const server = start([...args, '--port', '0', ...journal]);
    const { port } = await server.until('listening');
    let nc: Nc | undefined;
    let heard = 0;
    for (const line of lines.slice(1)) {
      const text = line.slice(2);
      if (line.startsWith('# ')) continue;
      if (line.startsWith('$ nc 127.0.0.1 ')) {
        nc?.kill();
        nc = new Nc(port);
      } else if (nc === undefined) throw new Error(`nobody is connected yet: ${line}`);
      else if (line.startsWith('> ')) nc.type(text);
      else if (line.startsWith('< ')) {
        expect(masked(await nc.line(), text)).toBe(text);
        heard += 1;
      } else throw new Error(`not a line of a session: ${line}`);
    }
    expect(heard).toBeGreaterThan(10);
    nc?.kill();
    server.child.kill('SIGTERM');
    await server.ended;
  });
});

test('the first minute at the top is the beginning of the session', () => {
  const [, minute = ''] = /```\n(\$ nc[\s\S]*?)```/.exec(DOCUMENT) ?? [];
  const played = chapter('A receiver');
  for (const line of minute.trimEnd().split('\n')) expect(played).toContain(line);
});
