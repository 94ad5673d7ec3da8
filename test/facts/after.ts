// Facts about an established connection: how it ends, and how it fails to end. In the order of the table.

import type { Actor } from '../../src/lab/stage/actor.ts';
import { start, tempDir } from '../harness.ts';
import { both, type Fact, type Seen } from './fact.ts';
import { Computer, joined, type Pair, type Probe, pair, probe, THERE, verdictOf } from './lab.ts';

// The other documented way, on Windows: a killed process resets its connections.
const WINDOWS_RESETS = { node: ['connect, wrote, ECONNRESET read, close hadError=true'] };

/** A raw server and a raw client `a` on an established connection. The server's end is `in1`. */
async function talking(
  on: { client?: Computer; server?: Computer } = {},
  how: { server?: Record<string, unknown>; client?: Record<string, unknown> } = {},
): Promise<{
  server: Probe;
  client: Probe;
  port: number;
  connect(as: string, more?: object): Promise<void>;
}> {
  const host = on.server === undefined ? '127.0.0.1' : THERE;
  const server = await probe(on.server);
  const port = await server.listen({ host, ...how.server });
  const client = await probe(on.client);
  let count = 0;
  const connect = async (as: string, more: object = {}): Promise<void> => {
    client.order('connect', { as, host, port, ...more });
    count += 1;
    await Promise.all([client.until(as, /^connect$/), server.until(`in${count}`, /^accepted$/)]);
  };
  await connect('a', how.client);
  return { server, client, port, connect };
}

/** Writes 5 bytes to `a`. Resolves when our kernel has them. */
async function hello(client: Probe, as = 'a'): Promise<void> {
  client.order('write', { as, text: 'hello' });
  await client.until(as, /^wrote$/);
}

/** What a raw client reports when the server is killed. @param then what to do first with the server, to which something was written */
async function killed(then: (server: Probe) => Promise<void>, how = {}): Promise<string> {
  const { server, client } = await talking({}, { server: how });
  await then(server);
  await hello(client);
  if (Object.hasOwn(how, 'swallows')) await server.until('in1', /^Node has read$/);
  else if (then === nothing) await server.received('in1', 5);
  server.kill();
  await client.until('a', /^close/);
  return client.story('a');
}

const nothing = async (): Promise<void> => {};
const READY = {
  sync: 'READY version=1 role=receiver as=bob max=1048576 window=1\n',
  async: 'READY version=1 role=relay as=relay max=1048576 window=64\n',
} as const;

/**
 * What detour's senders conclude about a server that only plays a receiver or a relay: it greets, and when SEND has come, something happens
 * to it.
 */
async function played(
  happens: (server: Probe, id: string, alice: Actor) => Promise<void>,
  how = {},
): Promise<Seen> {
  const one = async (mode: 'sync' | 'async'): Promise<string> => {
    const server = await probe();
    const place = `127.0.0.1:${await server.listen({ greet: READY[mode], ...how })}`;
    const to = mode === 'sync' ? ['--to', place] : ['--relay', place];
    const alice = start([mode, 'send', ...to, '--timeout', '8s', 'hello']);
    const [, id = ''] = await server.text('in1', /^SEND id=(\S+).*\nhello\n/m);
    await happens(server, id, alice);
    return verdictOf(alice);
  };
  const [sync, async] = await Promise.all([one('sync'), one('async')]);
  return { sync, async };
}

/** An established connection of detour: the first message got through, something happens, a second is sent, and perhaps something more. */
async function second(
  mode: 'sync' | 'async',
  { here, there }: Partial<Pair>,
  happens: (server: Actor) => Promise<void> | void,
  after: (server: Actor) => void = () => {},
): Promise<string> {
  const at = ['--host', there === undefined ? '127.0.0.1' : THERE, '--port', '0'];
  const serving =
    mode === 'sync' ? ['sync', 'receive', ...at] : ['async', 'relay', ...at, '--journal', tempDir()];
  const server = start(serving, { within: there?.within });
  const { host, port } = await server.until('listening');
  const to = [mode === 'sync' ? '--to' : '--relay', `${host}:${port}`];
  const alice = start([mode, 'send', ...to, '--lines', '--ladder', '--timeout', '8s'], {
    within: here?.within,
  });
  alice.child.stdin?.write('one\n');
  const first = await alice.until('outcome');
  await happens(server);
  alice.child.stdin?.end('two\n');
  // Our kernel has it; on loopback both ends have the same kernel.
  await alice.until('rung', ({ rung, id }) => rung === 'handed' && id !== first.id);
  after(server);
  return verdictOf(alice);
}

export const AFTER: readonly Fact[] = [
  {
    id: 'SIGKILL, everything read',
    async make() {
      const polite = await talking();
      await hello(polite.client);
      await polite.server.received('in1', 5);
      polite.server.order('exit');
      await polite.client.until('a', /^close/);
      const kill = async (server: Probe): Promise<void> => server.kill();
      return {
        node: await killed(nothing),
        'node, polite exit': polite.client.story('a'),
        ...(await played(kill)),
      };
    },
    allowed: {
      node: ['connect, wrote, end, close hadError=false'],
      'node, polite exit': ['connect, wrote, end, close hadError=false'],
      ...both('UNKNOWN 20 fin'),
    },
    elsewhere: { win32: { ...WINDOWS_RESETS, ...both('UNKNOWN 20 ECONNRESET') } },
  },
  {
    id: 'SIGKILL, data unread',
    needs: 'signals',
    async make() {
      const node = await killed(async (server) => server.stop());
      const detour = (mode: 'sync' | 'async'): Promise<string> =>
        second(
          mode,
          {},
          ({ child }) => void child.kill('SIGSTOP'),
          ({ child }) => void child.kill('SIGKILL'),
        );
      const [sync, async] = await Promise.all([detour('sync'), detour('async')]);
      return { node, sync, async };
    },
    allowed: {
      node: ['connect, wrote, ECONNRESET read, close hadError=true'],
      ...both('UNKNOWN 20 ECONNRESET'),
    },
  },
  {
    id: 'SIGKILL, read by Node alone',
    make: async () => ({ node: await killed(nothing, { swallows: true }) }),
    allowed: { node: ['connect, wrote, end, close hadError=false'] },
    elsewhere: { win32: WINDOWS_RESETS },
  },
  {
    id: 'write after the peer is gone',
    async make() {
      const { server, client } = await talking({}, { client: { halfOpen: true } });
      server.order('destroy', { as: 'in1' });
      await client.until('a', /^end$/);
      client.order('write', { as: 'a', text: 'first' });
      await client.until('a', /^wrote$/);
      client.order('write', { as: 'a', text: 'second' });
      await client.until('a', /^close/);
      // Node's default: an end that closes with its peer cannot write any more.
      const closing = await talking({}, { client: { answersEnd: true } });
      closing.server.order('destroy', { as: 'in1' });
      await closing.client.until('a', /^close/);
      return { 'node, allowHalfOpen': client.story('a'), 'node, default': closing.client.story('a') };
    },
    allowed: {
      'node, allowHalfOpen': ['connect, end, wrote, EPIPE write, close hadError=true'],
      'node, default': ['connect, end, EPIPE, close hadError=true'],
    },
    elsewhere: {
      win32: {
        'node, allowHalfOpen': [
          'connect, end, wrote, ECONNRESET write, close hadError=true',
          'connect, end, wrote, ECONNABORTED write, close hadError=true',
        ],
      },
    },
  },
  {
    id: 'RST behind unread data',
    needs: 'signals',
    async make() {
      const answer = async (how: 'read first' | 'both here' | 'paused'): Promise<string> => {
        const { server, client } = await talking();
        if (how === 'paused') {
          client.order('pause', { as: 'a' });
          await client.turn('a');
        } else if (how === 'both here') client.stop();
        server.order('write', { as: 'in1', text: 'answer' });
        await server.until('in1', /^wrote$/);
        if (how === 'read first') await client.until('a', /^data$/);
        server.order('reset', { as: 'in1' });
        await server.until('in1', /^close/);
        if (how === 'both here') client.go();
        else if (how === 'paused') {
          // Its program has checked its sockets since.
          await client.turn('a');
          client.order('resume', { as: 'a' });
        }
        await client.until('a', /^close/);
        return client.story('a');
      };
      // The answer and the RST are both in alice's kernel before her program sees either.
      const answered =
        (mode: string) =>
        async (server: Probe, id: string, alice: Actor): Promise<void> => {
          alice.child.kill('SIGSTOP');
          const text = mode === 'sync' ? `RECEIVED id=${id}\n` : `STORED id=${id} seq=1 present=no\n`;
          server.order('write', { as: 'in1', text });
          await server.until('in1', /^wrote$/);
          server.order('reset', { as: 'in1' });
          await server.until('in1', /^close/);
          alice.child.kill('SIGCONT');
        };
      const [first, together, paused, { sync = '' }, { async = '' }] = await Promise.all([
        answer('read first'),
        answer('both here'),
        answer('paused'),
        played(answered('sync')),
        played(answered('async')),
      ]);
      return { 'node, RST later': first, 'node, both here': together, 'node, paused': paused, sync, async };
    },
    allowed: {
      'node, RST later': ['connect, data, ECONNRESET read, close hadError=true'],
      // Node 20 and 22 (libuv 1.46, 1.51), then Node 24 (libuv 1.52), which reports it to a paused socket immediately, so the answer is lost.
      'node, both here': [
        'connect, data, end, close hadError=false',
        'connect, data, ECONNRESET read, close hadError=true',
      ],
      'node, paused': [
        'connect, data, end, close hadError=false',
        'connect, ECONNRESET read, close hadError=true',
      ],
      sync: ['DELIVERED 0 ok'],
      async: ['STORED 0 ok'],
    },
  },
  {
    id: 'cable cut, idle',
    needs: 'namespaces',
    async make() {
      const ends = await pair();
      const { client, connect } = await talking({ client: ends.here, server: ends.there });
      await connect('b', { keepAlive: true });
      ends.there.cut();
      await client.until('b', /^close/);
      return { node: client.story('a'), 'node, keepalive': client.story('b') };
    },
    allowed: {
      node: ['connect'],
      'node, keepalive': ['connect, ETIMEDOUT read, close hadError=true'],
    },
  },
  {
    // The kernel retries for a shorter time: tcp_retries2=3 instead of 15.
    id: 'cable cut while writing',
    needs: 'namespaces',
    async make() {
      const raw = async (): Promise<Seen> => {
        const ends = await pair();
        ends.here.set('tcp_retries2', 3);
        const { client } = await talking(
          { client: ends.here, server: ends.there },
          { client: { keepAlive: true } },
        );
        ends.there.cut();
        await hello(client);
        await client.until('a', /^close/);
        // Unacknowledged data delays the probes.
        return { node: client.story('a'), 'keepalive probes': String(ends.here.counter('TCPKeepAlive')) };
      };
      const detour = async (mode: 'sync' | 'async'): Promise<string> => {
        const ends = await pair();
        ends.here.set('tcp_retries2', 3);
        return second(mode, ends, () => ends.there.cut());
      };
      const [node, sync, async] = await Promise.all([raw(), detour('sync'), detour('async')]);
      return { ...node, sync, async };
    },
    allowed: {
      node: ['connect, wrote, ETIMEDOUT read, close hadError=true'],
      'keepalive probes': ['0'],
      ...both('UNKNOWN 20 ETIMEDOUT'),
    },
  },
  {
    // tcp_retries2=4 instead of 15: about 6 s, which is longer than the unanswered ARP requests take.
    id: 'cable cut while writing, and the neighbour forgotten',
    needs: 'namespaces',
    async make() {
      const ends = await pair();
      ends.here.set('tcp_retries2', 4);
      const { client } = await talking({ client: ends.here, server: ends.there });
      ends.there.cut();
      ends.here.run('ip neigh flush dev e0');
      await hello(client);
      await client.until('a', /^close/);
      return { node: client.story('a') };
    },
    allowed: { node: ['connect, wrote, EHOSTUNREACH read, close hadError=true'] },
  },
  {
    id: 'setTimeout while writing into a black hole',
    needs: 'namespaces',
    async make() {
      const ends = await pair();
      const { client, connect } = await talking({ client: ends.here, server: ends.there });
      await connect('idle');
      ends.there.cut();
      client.order('drum', { as: 'a' });
      client.order('timeout', { as: 'a', ms: 300 });
      client.order('timeout', { as: 'idle', ms: 900 });
      await client.until('idle', /^timeout$/);
      return { node: client.story('a'), 'node, idle': client.story('idle') };
    },
    allowed: { node: ['connect'], 'node, idle': ['connect, timeout'] },
  },
  {
    id: 'peer rebooted, then a write',
    needs: 'namespaces',
    async make() {
      // It loses its power without a word and comes back with the same address.
      const reboot = async (
        { here, there }: Pair,
        running: Parameters<Computer['powerOff']>[0],
      ): Promise<void> => {
        await there.powerOff(running);
        here.run('ip link del e0 2>/dev/null || true');
        joined(here, await Computer.make(here));
      };
      const raw = async (): Promise<string> => {
        const ends = await pair();
        const { server, client } = await talking({ client: ends.here, server: ends.there });
        await reboot(ends, [server.child]);
        await hello(client);
        await client.until('a', /^close/);
        return client.story('a');
      };
      const detour = async (mode: 'sync' | 'async'): Promise<string> => {
        const ends = await pair();
        return second(mode, ends, ({ child }) => reboot(ends, [child]));
      };
      const [node, sync, async] = await Promise.all([raw(), detour('sync'), detour('async')]);
      return { node, sync, async };
    },
    allowed: {
      node: ['connect, wrote, ECONNRESET read, close hadError=true'],
      ...both('UNKNOWN 20 ECONNRESET'),
    },
  },
  {
    id: 'half-close',
    quick: true,
    async make() {
      const reply = async (halfOpen: boolean): Promise<string> => {
        const { server, client } = await talking({}, { server: { halfOpen } });
        client.order('end', { as: 'a' });
        await server.until('in1', /^end$/);
        if (halfOpen) {
          server.order('write', { as: 'in1', text: 'a late reply' });
          await client.received('a', 12);
          server.order('end', { as: 'in1' });
        }
        await client.until('a', /^close/);
        return client.story('a');
      };
      // For detour a FIN is not a BYE: what was asked before is answered.
      const bob = start(['sync', 'receive', '--port', '0', '--work', '500ms']);
      const { port } = await bob.until('listening');
      const raw = await probe();
      raw.order('connect', { as: 'a', port, halfOpen: true });
      await raw.text('a', /READY/);
      raw.order('write', { as: 'a', text: 'HELLO version=1 as=me\nSEND id=1 size=5\nhello\n' });
      raw.order('end', { as: 'a' });
      const [answer] = await raw.text('a', /^RECEIVED.*/m);
      return { 'node, allowHalfOpen': await reply(true), 'node, default': await reply(false), sync: answer };
    },
    allowed: {
      'node, allowHalfOpen': ['connect, data, end, close hadError=false'],
      'node, default': ['connect, end, close hadError=false'],
      sync: ['RECEIVED id=1'],
    },
  },
  {
    id: 'resetAndDestroy()',
    async make() {
      const { server, client } = await talking();
      server.order('reset', { as: 'in1' });
      await client.until('a', /^close/);
      const reset = async (server: Probe): Promise<void> => {
        server.order('reset', { as: 'in1' });
      };
      return { node: client.story('a'), ...(await played(reset)) };
    },
    allowed: {
      node: ['connect, ECONNRESET read, close hadError=true'],
      ...both('UNKNOWN 20 ECONNRESET'),
    },
  },
];
