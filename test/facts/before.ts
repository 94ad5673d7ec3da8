// Facts about connecting, in the order of the table: from a port on which nobody listens to a full backlog.

import { start, tempDir } from '../harness.ts';
import { both, type Fact, type Seen } from './fact.ts';
import {
  ALONE,
  type Computer,
  concludes,
  deadPort,
  HERE,
  NOBODY,
  type Pair,
  pair,
  probe,
  THERE,
  verdictOf,
} from './lab.ts';

/** What a raw socket reports about a connect, until its end. */
async function connecting(host: string, port: number, on?: Computer): Promise<string> {
  const one = await probe(on);
  one.order('connect', { as: 'a', host, port });
  await one.until('a', /^close/);
  return one.story('a');
}

/** What a raw socket reports and what detour concludes on both routes, for a connect that fails. */
async function failing(host: string, port: number, on?: Computer): Promise<Seen> {
  const [node, sync, async] = await Promise.all([
    connecting(host, port, on),
    concludes(['sync', 'send', '--to', `${host}:${port}`, '--timeout', '30s'], on),
    concludes(['async', 'send', '--relay', `${host}:${port}`, '--timeout', '30s'], on),
  ]);
  return { node, sync, async };
}

const failed = (...codes: readonly string[]) => ({
  node: codes.map((code) => `${code}, close hadError=true`),
  ...both(`NOT_DELIVERED 10 ${codes[0]?.split(' ')[0]}`),
});

/** A firewall there that rejects every TCP connection in one of several ways. */
async function rejecting(how: string): Promise<Seen> {
  const { here, there } = await pair();
  there.run(
    `nft add table ip wall && nft 'add chain ip wall door { type filter hook input priority 0; }' && nft add rule ip wall door tcp dport 4101 reject ${how}`,
  );
  return failing(THERE, 4101, here);
}

/** No computer has NOBODY's address, and a permanent neighbour entry replaces ARP, so packets to it vanish. Connects are given up soon. */
async function blackhole(): Promise<Pair> {
  const joined = await pair();
  joined.here.set('tcp_syn_retries', 1);
  joined.here.run(`ip neigh add ${NOBODY} lladdr 02:00:00:00:00:09 nud permanent dev e0`);
  return joined;
}

/** What the senders conclude whose connect ends only when the kernel gives up (`--patient`). */
async function patiently(place: string, on: Computer): Promise<Seen> {
  const [sync, async] = await Promise.all([
    concludes(['sync', 'send', '--to', place, '--patient', '--timeout', '100ms'], on),
    concludes(['async', 'send', '--relay', place, '--patient', '--timeout', '100ms'], on),
  ]);
  return { 'sync --patient': sync, 'async --patient': async };
}

/** A name server that knows no names, on the given computer. */
function nameServer(on: Computer): Promise<void> {
  const program = `
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (query, { port, address }) => {
      // A response, recursion available, NXDOMAIN; the question as it came.
      query.writeUInt16BE(0x8183, 2);
      socket.send(query, port, address);
    });
    socket.bind(53, '127.0.0.1', () => console.log('ready'));`;
  return on.serve([process.execPath, '-e', program]);
}

const resolver = (seconds: number): string => `nameserver 127.0.0.1\noptions timeout:${seconds} attempts:1\n`;

export const BEFORE: readonly Fact[] = [
  {
    id: 'nobody listens',
    quick: true,
    make: async () => failing(ALONE, await deadPort()),
    allowed: failed('ECONNREFUSED connect'),
  },
  {
    id: 'firewall rejects: port unreachable',
    needs: 'firewall',
    make: () => rejecting('with icmp type port-unreachable'),
    allowed: failed('ECONNREFUSED connect'),
  },
  {
    id: 'firewall rejects: prohibited',
    needs: 'firewall',
    make: () => rejecting('with icmp type admin-prohibited'),
    allowed: failed('EHOSTUNREACH connect'),
  },
  {
    id: 'firewall rejects: host unreachable',
    needs: 'firewall',
    make: () => rejecting('with icmp type host-unreachable'),
    allowed: failed('EHOSTUNREACH connect'),
  },
  {
    id: 'no such host on the LAN',
    needs: 'namespaces',
    make: async () => failing(NOBODY, 4101, (await pair()).here),
    allowed: failed('EHOSTUNREACH connect'),
  },
  {
    id: 'no route',
    needs: 'namespaces',
    make: async () => failing('192.0.2.1', 4101, (await pair()).here),
    allowed: failed('ENETUNREACH connect'),
  },
  {
    id: 'prohibited route',
    needs: 'namespaces',
    async make() {
      const { here } = await pair();
      here.run('ip route add prohibit 192.0.2.0/24');
      return failing('192.0.2.1', 4101, here);
    },
    allowed: failed('EACCES connect'),
  },
  {
    id: 'bad name',
    needs: 'namespaces',
    async make() {
      const { here } = await pair();
      await nameServer(here);
      return failing('nobody.example', 4101, here.with('/etc/resolv.conf', resolver(10)));
    },
    allowed: failed('ENOTFOUND getaddrinfo'),
  },
  {
    id: 'no name service',
    needs: 'namespaces',
    async make() {
      const { here } = await pair();
      return failing('nobody.example', 4101, here.with('/etc/resolv.conf', resolver(1)));
    },
    allowed: failed('EAI_AGAIN getaddrinfo'),
  },
  {
    id: 'a name with two addresses, both refused',
    needs: 'namespaces',
    async make() {
      const { here } = await pair();
      const hosts = `127.0.0.1 localhost\n127.0.0.1 twofold.example\n${HERE} twofold.example\n`;
      return failing('twofold.example', 4101, here.with('/etc/hosts', hosts));
    },
    allowed: {
      ...failed('ECONNREFUSED'),
      node: ['AggregateError "" of ECONNREFUSED and ECONNREFUSED, code ECONNREFUSED, close hadError=true'],
    },
  },
  {
    id: 'a name with two addresses, each fails in its own way',
    needs: 'namespaces',
    async make() {
      const { here } = await pair();
      here.run('ip route add prohibit 192.0.2.0/24');
      const hosts = '127.0.0.1 localhost\n127.0.0.1 twofold.example\n192.0.2.1 twofold.example\n';
      return failing('twofold.example', 4101, here.with('/etc/hosts', hosts));
    },
    allowed: {
      ...both('NOT_DELIVERED 10 every_address'),
      // In the order of the lookup, which puts the address first to which there is a way.
      node: ['AggregateError "" of ECONNREFUSED and EACCES, code ECONNREFUSED, close hadError=true'],
    },
  },
  {
    id: 'link-local address without a zone',
    needs: 'namespaces',
    async make() {
      const { here } = await pair();
      const [node, sync, async] = await Promise.all([
        connecting('fe80::1', 4101, here),
        concludes(['sync', 'send', '--to', '[fe80::1]:4101'], here),
        concludes(['async', 'send', '--relay', '[fe80::1]:4101'], here),
      ]);
      return { node, sync, async };
    },
    allowed: failed('EINVAL connect'),
  },
  {
    // The kernel retries for only about 3 s: tcp_syn_retries=1 instead of 6.
    id: 'SYN swallowed',
    needs: 'namespaces',
    async make() {
      const { here } = await blackhole();
      const place = `${NOBODY}:4101`;
      const [node, patient] = await Promise.all([connecting(NOBODY, 4101, here), patiently(place, here)]);
      // Our own deadline comes long before an unchanged kernel gives up.
      here.set('tcp_syn_retries', 6);
      const [sync, async] = await Promise.all([
        concludes(['sync', 'send', '--to', place, '--timeout', '1s'], here),
        concludes(['async', 'send', '--relay', place, '--timeout', '1s'], here),
      ]);
      return { node, ...patient, sync, async };
    },
    allowed: {
      node: ['ETIMEDOUT connect, close hadError=true'],
      'sync --patient': ['NOT_DELIVERED 10 ETIMEDOUT'],
      'async --patient': ['NOT_DELIVERED 10 ETIMEDOUT'],
      ...both('NOT_DELIVERED 10 deadline'),
    },
  },
  {
    id: 'frozen',
    needs: 'signals',
    async make() {
      const server = await probe();
      const port = await server.listen();
      const client = await probe();
      client.order('connect', { as: 'a', port });
      await server.until('in1', /^accepted$/);
      server.stop();
      // The connection is made while it stands still.
      client.order('connect', { as: 'b', port });
      for (const as of ['a', 'b']) {
        await client.until(as, /^connect$/);
        client.order('write', { as, text: 'hello' });
        await client.until(as, /^wrote$/);
      }
      // More than any kernel takes for a program that does not read.
      client.order('write', { as: 'a', size: MUCH });
      const absorbed = await client.turn('a');
      const node = [client.story('a'), client.story('b')].join(' | ');
      server.go();
      // There was silence and no error: what was written before is read now.
      await server.received('in1', MUCH + 'hello'.length);
      const [sync, async] = await Promise.all([frozenBob(), frozenRelay()]);
      return { node, absorbed: absorbed < MUCH ? 'some' : 'all', sync, async };
    },
    allowed: {
      node: ['connect, wrote | connect, wrote'],
      absorbed: ['some'],
      sync: ['before the call: NOT_DELIVERED 10 no_greeting; after SEND: UNKNOWN 20 deadline'],
      async: ['before the call: NOT_DELIVERED 10 no_greeting'],
    },
  },
  {
    id: 'frozen, with keepalive',
    needs: 'namespaces',
    async make() {
      const { here, there } = await pair();
      const server = await probe(there);
      const port = await server.listen({ host: THERE });
      const client = await probe(here);
      client.order('connect', { as: 'a', host: THERE, port, keepAlive: true });
      await server.until('in1', /^accepted$/);
      server.stop();
      // Ten unanswered probes would have ended it (see `cable cut, idle`), but the kernel answers these.
      while (here.counter('TCPKeepAlive') < 11) await new Promise((resolve) => setTimeout(resolve, 100));
      const node = client.story('a');
      server.go();
      client.order('write', { as: 'a', text: 'hello' });
      await server.received('in1', 'hello'.length);
      return { node };
    },
    allowed: { node: ['connect'] },
  },
  {
    id: 'backlog full',
    needs: 'signals',
    async make() {
      const { client, server, place } = await fullBacklog();
      const sync = await concludes(['sync', 'send', '--to', place, '--timeout', '1s']);
      const node = ['a', 'b', 'c'].map((as) => client.story(as) || 'nothing').join(' | ');
      server.go();
      await client.until('c', /^connect$/);
      return { node, sync };
    },
    allowed: { node: ['connect | connect | nothing'], sync: ['NOT_DELIVERED 10 deadline'] },
  },
  {
    id: 'backlog full, until the kernel gives up',
    needs: 'namespaces',
    async make() {
      const here = (await pair()).here;
      here.set('tcp_syn_retries', 1);
      const { client, place } = await fullBacklog(here);
      const [patient] = await Promise.all([patiently(place, here), client.until('c', /^close/)]);
      return { node: client.story('c'), ...patient };
    },
    allowed: {
      node: ['ETIMEDOUT connect, close hadError=true'],
      'sync --patient': ['NOT_DELIVERED 10 ETIMEDOUT'],
      'async --patient': ['NOT_DELIVERED 10 ETIMEDOUT'],
    },
  },
];

const MUCH = 64 * 1024 * 1024;

/** A listener with a backlog of 1 that stands still, two clients that fill it, and `c`, which is one too many. */
async function fullBacklog(on?: Computer) {
  const server = await probe(on);
  const port = await server.listen({ backlog: 1 });
  server.stop();
  const client = await probe(on);
  for (const as of ['a', 'b']) {
    client.order('connect', { as, port });
    await client.until(as, /^connect$/);
  }
  client.order('connect', { as: 'c', port });
  return { server, client, place: `127.0.0.1:${port}` };
}

async function frozenBob(): Promise<string> {
  const bob = start(['sync', 'receive', '--port', '0', '--work', '1h']);
  const place = `127.0.0.1:${(await bob.until('listening')).port}`;
  const after = start(['sync', 'send', '--to', place, '--timeout', '8s', 'hello']);
  await bob.until('shown');
  bob.child.kill('SIGSTOP');
  const before = await concludes(['sync', 'send', '--to', place, '--timeout', '1s']);
  return `before the call: ${before}; after SEND: ${await verdictOf(after)}`;
}

async function frozenRelay(): Promise<string> {
  const relay = start(['async', 'relay', '--port', '0', '--journal', tempDir()]);
  const place = `127.0.0.1:${(await relay.until('listening')).port}`;
  relay.child.kill('SIGSTOP');
  return `before the call: ${await concludes(['async', 'send', '--relay', place, '--timeout', '1s'])}`;
}
