// Facts about this computer: a port that is still remembered, in use, foreign or reserved. In the order of the table.

import { readFileSync } from 'node:fs';
import { parseRow, TIME_WAIT } from '../../src/net/proc-net-tcp.ts';
import { runCli, start } from '../harness.ts';
import type { Fact, Seen } from './fact.ts';
import { ALONE, concludes, probe } from './lab.ts';

/** What a raw server and a detour receiver report about an address on which they cannot listen. */
async function listening(host: string, port: number): Promise<Seen> {
  const server = await probe();
  server.order('listen', { host, port });
  await server.until('server', / listen$/);
  const { code, stderr } = await runCli(['sync', 'receive', '--host', host, '--port', String(port)]);
  return { node: server.story('server'), detour: `exit ${code}, ${/\((E[A-Z]+)\)/.exec(stderr)?.[1]}` };
}

const fails = (code: string) => ({ node: [`${code} listen`], detour: [`exit 1, ${code}`] });

/** Does this computer remember a connection on this port (Linux: state 06, TIME_WAIT, in /proc/net/tcp)? */
function remembered(port: number): string {
  if (process.platform !== 'linux') return 'TIME_WAIT';
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/self/net/tcp', 'utf8').split('\n').map(parseRow);
  const found = rows.some((row) => row.local.endsWith(local) && row.state === TIME_WAIT);
  return found ? 'TIME_WAIT' : 'nothing';
}

export const HERE_FACTS: readonly Fact[] = [
  {
    id: 'TIME_WAIT',
    async make() {
      const server = await probe();
      const port = await server.listen({ host: ALONE });
      const client = await probe();
      client.order('connect', { as: 'a', host: ALONE, port });
      await server.until('in1', /^accepted$/);
      // The end that closes first remembers: the server.
      server.order('end', { as: 'in1' });
      await Promise.all([client.until('a', /^close/), server.until('in1', /^close/)]);
      server.kill();
      const kernel = remembered(port);
      const again = await probe();
      again.order('listen', { host: ALONE, port });
      await again.until('server', /./);
      again.kill();
      const bob = start(['sync', 'receive', '--host', ALONE, '--port', String(port)]);
      await bob.until('listening');
      return {
        kernel,
        node: again.story('server'),
        sync: await concludes(['sync', 'send', '--to', `${ALONE}:${port}`]),
      };
    },
    allowed: { kernel: ['TIME_WAIT'], node: ['listening'], sync: ['DELIVERED 0 ok'] },
  },
  {
    id: 'port taken',
    quick: true,
    make: async () => listening('127.0.0.1', await (await probe()).listen()),
    allowed: fails('EADDRINUSE'),
  },
  {
    // TEST-NET-1 (RFC 5737): no computer has it.
    id: 'foreign address',
    quick: true,
    make: () => listening('192.0.2.1', 0),
    allowed: fails('EADDRNOTAVAIL'),
  },
  {
    id: 'reserved port',
    needs: 'a reserved port',
    async make() {
      const server = await probe();
      if (process.getuid?.() === 0) server.order('nobody');
      server.order('listen', { port: RESERVED });
      await server.until('server', /./);
      return { node: server.story('server') };
    },
    allowed: { node: ['EACCES listen'] },
  },
];

const RESERVED = 809;

/** Why no port is reserved on this computer; undefined if one is. */
export function withoutReserved(): string | undefined {
  if (process.platform !== 'linux')
    return `which ports are reserved on ${process.platform} is not known here`;
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  return first > RESERVED ? undefined : `this system lets everybody have ports from ${first} on`;
}
