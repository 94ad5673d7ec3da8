// The board's server over real sockets: who may watch, who may command, what is bounded, and what a page gets that comes back.

import { createServer } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { DetourError } from '../../../src/core/error.ts';
import { BATCH_MS, HEARTBEAT_MS, MOST_UNSENT, MOST_WATCHERS } from '../../../src/lab/board/broadcast.ts';
import { History } from '../../../src/lab/board/history.ts';
import { MOST_COMMAND_BYTES, startBoard } from '../../../src/lab/board/server.ts';
import { parseRecorded } from '../../../src/trace/line.ts';
import { FakeClock } from '../../fake-clock.ts';
import { board, command, event, http, watch } from './http.ts';

const RESET = '{"stage":"reset"}';

describe('who may command', () => {
  test('whoever has the token', async () => {
    const { port, token, puppet } = await board();
    expect(await command(port, token, '{"actor":"direct/bob","do":"kill"}')).toMatchObject({
      status: 204,
      text: '',
    });
    expect(puppet.commands).toEqual([{ actor: 'direct/bob', do: 'kill' }]);
  });

  test('nobody without it, nor with another one, nor with a part of it', async () => {
    const { port, token, puppet } = await board();
    expect(Buffer.from(token, 'base64url').length).toBeGreaterThanOrEqual(16);
    const other = (await board()).token;
    expect(other).not.toBe(token);
    for (const wrong of [
      '',
      other,
      token.slice(0, -1),
      `${token}x`,
      `${token},${token}`,
      token.toUpperCase(),
    ]) {
      const { status, text } = await command(port, wrong, RESET);
      expect(status, wrong).toBe(403);
      expect(JSON.parse(text)).toEqual({ error: expect.stringContaining('token') });
    }
    const inAddress = await http(port, `/commands?token=${token}`, { method: 'POST', body: RESET });
    expect(inAddress.status).toBe(404);
    expect(puppet.commands).toEqual([]);
  });

  test('no page of another site, even with the token', async () => {
    const { port, token, puppet } = await board();
    const origins = [
      'http://example.org',
      'null',
      `https://127.0.0.1:${port}`,
      `http://127.0.0.1:${port + 1}`,
      `http://localhost:${port}`,
      `http://127.0.0.1:${port}.example.org`,
    ];
    for (const origin of origins)
      expect((await command(port, token, RESET, { origin })).status, origin).toBe(403);
    for (const site of ['cross-site', 'same-site'])
      expect((await command(port, token, RESET, { 'sec-fetch-site': site })).status, site).toBe(403);
    expect(puppet.commands).toEqual([]);
    const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' };
    expect((await command(port, token, RESET, own)).status).toBe(204);
  });

  test('only as application/json of at most 4 kB, to one address, by POST', async () => {
    const { port, token, puppet } = await board();
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', ''];
    for (const type of types)
      expect((await command(port, token, RESET, { 'content-type': type })).status, type).toBe(415);
    const long = JSON.stringify({ say: 'x'.repeat(MOST_COMMAND_BYTES), by: 'direct' });
    expect((await command(port, token, long)).status).toBe(413);
    const chunked = { 'transfer-encoding': 'chunked' };
    expect((await command(port, token, long, chunked)).status).toBe(413);
    expect((await http(port, '/', { method: 'POST', body: RESET })).status).toBe(404);
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH'])
      expect(await http(port, '/commands', { method })).toMatchObject({
        status: 405,
        headers: { allow: 'GET, HEAD, POST' },
      });
    expect(puppet.commands).toEqual([]);
    const fits = JSON.stringify({ say: 'x'.repeat(MOST_COMMAND_BYTES - 30), by: 'direct' });
    const utf8 = { 'content-type': 'application/json; charset=utf-8' };
    expect((await command(port, token, fits, utf8)).status).toBe(204);
  });

  test('what cannot be done is answered with the sentence and the hint of the error; what is no command, with 400', async () => {
    const { port, token, puppet } = await board();
    puppet.failure = new DetourError('usage', 'bob runs already.', 'Kill him first.');
    const refused = await command(port, token, RESET);
    expect(refused.status).toBe(409);
    expect(JSON.parse(refused.text)).toEqual({ error: 'bob runs already.', hint: 'Kill him first.' });
    expect((await command(port, token, '{"actor":"direct/eve","do":"kill"}')).status).toBe(400);
    puppet.failure = new TypeError('a bug');
    expect((await command(port, token, RESET)).status).toBe(500);
    puppet.failure = undefined;
    expect((await command(port, token, RESET)).status).toBe(204);
  });
});

describe('by which name', () => {
  const seen = async (port: number, host: string): Promise<number> =>
    (await http(port, '/', { headers: { host } })).status;

  test('on loopback: its names, with the port', async () => {
    const { port } = await board();
    for (const name of ['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST'])
      expect(await seen(port, `${name}:${port}`), name).toBe(200);
    const strangers = [
      `example.org:${port}`,
      `localhost.example.org:${port}`,
      `127.0.0.1.nip.io:${port}`,
      `0.0.0.0:${port}`,
      `${hostname()}.:${port}`,
      '127.0.0.1',
      `127.0.0.1:${port + 1}`,
      `user@127.0.0.1:${port}`,
    ];
    for (const host of strangers) expect(await seen(port, host), host).toBe(403);
    // A page of another site that a name has led here may not watch either.
    const rebound = { host: `example.org:${port}`, origin: `http://example.org:${port}` };
    for (const path of ['/events', '/export', '/logs/bob-7.log', '/page.js'])
      expect((await http(port, path, { headers: rebound })).status, path).toBe(403);
  });

  test('on all addresses: those of this computer, and its own name', async () => {
    const { port } = await board({ host: '0.0.0.0' });
    const own = Object.values(networkInterfaces()).flatMap((list = []) =>
      list.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
    );
    for (const name of ['localhost', hostname(), ...own])
      expect(await seen(port, `${name}:${port}`), name).toBe(200);
    for (const name of ['example.org', '192.0.2.1'])
      expect(await seen(port, `${name}:${port}`), name).toBe(403);
  });

  test('another site may link to the page, but not load anything of it', async () => {
    const { port } = await board();
    const from = (mode: string): Record<string, string> => ({
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': mode,
    });
    expect((await http(port, '/', { headers: from('navigate') })).status).toBe(200);
    for (const path of ['/events', '/page.js', '/export'])
      expect((await http(port, path, { headers: from('no-cors') })).status, path).toBe(403);
  });
});

test('every answer forbids to load from outside, to frame, to guess the type, to keep and to tell where it was', async () => {
  const { port } = await board();
  for (const path of ['/', '/page.js', '/style.css', '/export', '/nothing', '/logs/../../etc/passwd', '//x/'])
    expect((await http(port, path)).headers, path).toMatchObject({
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; .*frame-ancestors 'none'$/,
      ),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
  const page = await http(port, '/');
  expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
  expect(page.text).not.toMatch(/https?:|<script>|style=|\son\w+=/);
  expect((await http(port, '/page.js')).text.length).toBeGreaterThan(1000);
  expect(await http(port, '/', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  for (const path of ['/nothing', '/logs/../../etc/passwd', '/logs/bob-7.log', '/constructor'])
    expect((await http(port, path)).status, path).toBe(404);
});

test('a request with too many headers is refused', async () => {
  const { port } = await board();
  expect((await http(port, '/', { headers: { cookie: 'x'.repeat(9000) } })).status).toBe(431);
});

describe('watching', () => {
  test('a page gets the state and all events, then what changes; many events at once in one message', async () => {
    const { port, puppet, clock } = await board();
    puppet.shown = [{ kind: 'tally', tally: { stories: [] } }];
    for (let n = 1; n <= 3; n += 1) puppet.audience.event(event(n), 'direct');
    const page = await watch(port);
    await page.until(() => page.events.length === 3);
    expect(page.messages.map(({ kind }) => kind)).toEqual(['hello', 'clear', 'tally', 'events']);
    expect(page.text).toMatch(/^retry: \d+\n/);
    expect(page.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(await page.first('hello')).toMatchObject({ mode: 'stage', version: '0.0.0', stories: [] });
    expect((await page.first('hello')).verbs.SEND?.text).toContain('the message');
    for (let n = 4; n <= 9; n += 1) puppet.audience.event(event(n), 'detour');
    clock.advance(BATCH_MS);
    await page.until(() => page.events.length === 9);
    expect(page.messages.at(-1)).toMatchObject({ kind: 'events', run: 1, dropped: 0 });
    expect(page.messages.filter(({ kind }) => kind === 'events')).toHaveLength(2);
    puppet.audience.event(event(10));
    puppet.audience.send({ kind: 'notice', text: 'over' });
    await page.first('notice');
    // What led to a change comes before it.
    expect(page.events).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    puppet.audience.clear();
    puppet.audience.event(event(1));
    clock.advance(BATCH_MS);
    await page.until(() => page.events.length === 11);
    expect(page.messages.slice(-2)).toMatchObject([
      { kind: 'clear', run: 2 },
      { kind: 'events', run: 2, events: [{ n: 1 }] },
    ]);
  });

  test('a verdict or a code is explained once, with the words of detour explain, also to those who come later', async () => {
    const { port, puppet } = await board();
    const early = await watch(port);
    const verdict = {
      ...event(1),
      event: 'verdict',
      verdict: 'UNKNOWN',
      code: 'timeout',
      id: 'a',
      ms: 1,
      exit: 20,
    } as const;
    const broken = { ...event(2), event: 'broken', conn: 1, code: 'no_such_code', syscall: 'read' } as const;
    for (const one of [verdict, verdict, broken]) puppet.audience.event(one);
    puppet.audience.send({ kind: 'notice', text: 'end' });
    await early.first('notice');
    const late = await watch(port);
    await late.until(() => late.events.length === 3);
    for (const page of [early, late]) {
      const explained = page.messages.flatMap((one) => (one.kind === 'explanation' ? [one] : []));
      expect(explained.map(({ code }) => code)).toEqual(['UNKNOWN', 'timeout']);
      expect(explained[0]?.explanation.title).toMatch(/^UNKNOWN: /);
      expect(explained[0]?.explanation.lines.join('\n')).toMatch(
        /^layer: .*\nmeans: The message was handed over/,
      );
    }
  });

  test('a page that comes back gets only what is new; from another board or another run, everything', async () => {
    const { port, puppet, clock } = await board();
    for (let n = 1; n <= 3; n += 1) puppet.audience.event(event(n));
    const first = await watch(port);
    await first.until(() => first.events.length === 3);
    first.response.destroy();
    puppet.audience.event(event(4));
    clock.advance(BATCH_MS);
    const back = await watch(port, { 'last-event-id': first.id });
    await back.until(() => back.events.length > 0);
    expect(back.events).toEqual([4]);
    expect(back.messages.map(({ kind }) => kind)).toEqual(['hello', 'events']);
    const strange = ['other.1.3', first.id.replace('.1.', '.2.'), first.id.replace(/3$/, '99'), 'x', '1.3'];
    for (const id of strange) {
      const page = await watch(port, { 'last-event-id': id });
      await page.until(() => page.events.length > 0);
      expect(page.events, id).toEqual([1, 2, 3, 4]);
      expect(page.messages[1], id).toEqual({ kind: 'clear', run: 1 });
    }
    puppet.audience.clear();
    const later = await watch(port, { 'last-event-id': first.id });
    expect(await later.first('clear')).toEqual({ kind: 'clear', run: 2 });
  });

  test('the oldest events are dropped, and it is said how many', async () => {
    const { port, puppet } = await board({ history: new History(3) });
    for (let n = 1; n <= 5; n += 1) puppet.audience.event(event(n));
    const page = await watch(port);
    expect(await page.first('events')).toMatchObject({ dropped: 2, events: [{ n: 3 }, { n: 4 }, { n: 5 }] });
  });

  test('50 may watch; the next one gets a sentence, until one goes', async () => {
    const { port, puppet } = await board();
    const pages = await Promise.all(Array.from({ length: MOST_WATCHERS }, () => watch(port)));
    await Promise.all(pages.map((page) => page.first('hello')));
    const refused = await http(port, '/events');
    expect(refused.status).toBe(503);
    expect(refused.text).toContain('50 pages watch this board already');
    // HEAD takes no place, and the page itself can still be had.
    expect((await http(port, '/')).status).toBe(200);
    pages[0]?.response.destroy();
    await pages[0]?.until(() => pages[0]?.closed === true);
    for (;;) {
      const page = await watch(port);
      if (page.response.statusCode === 200) break;
    }
    puppet.audience.send({ kind: 'notice', text: 'x' });
    await pages[1]?.first('notice');
  });

  test('for a slow page no events wait; one that lets too much else wait is dropped; the others notice nothing', async () => {
    const { port, puppet, clock } = await board();
    const slow = await watch(port, {}, false);
    const quick = await watch(port);
    const large = 'x'.repeat(100_000);
    for (let n = 1; n <= 300; n += 1) {
      puppet.audience.event(event(n, large));
      clock.advance(BATCH_MS);
    }
    await quick.until(() => quick.events.length === 300);
    // More than twice the limit was not sent, and it is still there, because nothing of it waits.
    expect(300 * large.length).toBeGreaterThan(2 * MOST_UNSENT);
    expect(slow.closed).toBe(false);
    const noticed = (): number => quick.messages.filter(({ kind }) => kind === 'notice').length;
    for (let n = 1; n <= 12; n += 1) {
      puppet.audience.send({ kind: 'notice', text: 'y'.repeat(1024 * 1024) });
      await quick.until(() => noticed() === n);
    }
    slow.response.resume();
    await slow.until(() => slow.closed);
    puppet.audience.send({ kind: 'tally', tally: { stories: [] } });
    await quick.first('tally');
    expect(quick.closed).toBe(false);
  });

  test('a page that takes nothing any more times out, and one to which nothing happens gets a heartbeat', async () => {
    const { port, puppet, clock } = await board({ stuckMs: 500 });
    const stuck = await watch(port, {}, false);
    for (let n = 1; n <= 100; n += 1) puppet.audience.event(event(n, 'x'.repeat(100_000)));
    clock.advance(BATCH_MS);
    // What its kernel has is read only now; then comes the end.
    stuck.response.resume();
    await stuck.until(() => stuck.closed);
    const page = await watch(port);
    await page.until(() => page.events.length === 100);
    clock.advance(HEARTBEAT_MS);
    await page.until(() => page.text.includes(': here\n\n'));
  });

  test('when the board ends, every page is told, and the source is closed', async () => {
    const { board: running, port, puppet } = await board();
    const page = await watch(port);
    await page.first('hello');
    puppet.audience.event(event(1));
    await running.close();
    await page.until(() => page.closed);
    expect(page.messages.at(-1)).toEqual({ kind: 'gone' });
    expect(page.events).toEqual([1]);
    expect(puppet.closed).toBe(true);
    await expect(http(port, '/')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('files', () => {
  test('one log for each process, as --log would have written it', async () => {
    const { port, puppet } = await board();
    const events = [event(1, '\u202e</script>'), event(2, 'x', 'alice'), event(3)];
    for (const one of events) puppet.audience.event(one, 'direct');
    const { text, headers } = await http(port, '/logs/bob-7.log');
    expect(headers['content-disposition']).toBe('attachment; filename="bob-7.log"');
    const lines = text.trimEnd().split('\n');
    expect(lines.map((line) => parseRecorded(line))).toEqual([events[0], events[2]]);
    expect((await http(port, '/logs/alice-7.log')).text.split('\n')).toHaveLength(2);
    expect((await http(port, '/logs/alice-8.log')).status).toBe(404);
  });

  test('the export holds the page and the run, and nothing in the run can end its element', async () => {
    const { port, puppet, token } = await board();
    const hostile = '</script><script>alert(1)</script><!-- <script \u2028 $& `';
    puppet.shown = [{ kind: 'notice', text: hostile }];
    for (let n = 1; n <= 1000; n += 1) puppet.audience.event(event(n, hostile), 'direct');
    const { text, headers } = await http(port, '/export');
    expect(headers['content-disposition']).toBe('attachment; filename="detour-board.html"');
    expect(text).not.toContain(token);
    expect(text.match(/<script/g)).toHaveLength(2);
    expect(text.match(/<\/script>/g)).toHaveLength(2);
    const [, json = ''] = /<script type="application\/json" id="run">(.*?)<\/script>/s.exec(text) ?? [];
    const { messages } = JSON.parse(json) as { messages: { kind: string; events?: { n: number }[] }[] };
    expect(messages.slice(0, 3).map(({ kind }) => kind)).toEqual(['hello', 'clear', 'notice']);
    expect(messages[2]).toEqual({ kind: 'notice', text: hostile });
    expect(messages.flatMap(({ events = [] }) => events.map(({ n }) => n))).toHaveLength(1000);
    // What the policy allows is exactly what is there.
    const { createHash } = await import('node:crypto');
    const hashOf = (content: string): string => createHash('sha256').update(content).digest('base64');
    const [, script = ''] = /<script type="module">(.*)<\/script>/s.exec(text) ?? [];
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
    expect(text).toContain(
      `default-src 'none'; script-src 'sha256-${hashOf(script)}'; style-src 'sha256-${hashOf(style)}'`,
    );
  });
});

describe('the port', () => {
  test('one that is taken: the next free one', async () => {
    const { port } = await board();
    const next = await board({ port });
    expect(next.port).toBeGreaterThan(port);
    expect((await http(next.port, '/')).status).toBe(200);
  });

  test('an address that this computer does not have is an error, and so is a source that fails: then nothing listens', async () => {
    await expect(board({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const failing = startBoard({
      host: '127.0.0.1',
      port,
      version: '',
      clock: new FakeClock(),
      source: () => {
        throw new DetourError('bad_log', 'no log');
      },
    });
    await expect(failing).rejects.toThrow('no log');
    await expect(http(port, '/')).rejects.toThrow('ECONNREFUSED');
  });
});
