// A port that is taken: the error says which program has it. Real sockets and a real process; /proc as Linux writes it.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { DetourError } from '../../src/core/error.ts';
import { netContext } from '../../src/net/context.ts';
import { listen } from '../../src/net/listener.ts';
import { occupantOf } from '../../src/net/occupant.ts';
import { holderOf } from '../../src/net/proc-net-tcp.ts';
import { tempDir } from '../harness.ts';

/** A server that does this with each connection. @returns its port */
async function serving(host: string, greet: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    greet(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The error of a server that wants the same port. */
async function refusal(host: string, port: number): Promise<DetourError> {
  const context = netContext(undefined, systemClock, false);
  const error = await listen(host, port, context, () => {}).catch((caught: unknown) => caught);
  if (!(error instanceof DetourError)) throw new Error(`no DetourError: ${String(error)}`);
  expect(error.code).toBe('EADDRINUSE');
  return error;
}

test('a detour receiver or relay is named, also if all addresses are asked for', async () => {
  const port = await serving('127.0.0.1', (socket) =>
    socket.write('READY version=1 role=receiver as=bob max=1048576 window=64\n'),
  );
  expect((await refusal('127.0.0.1', port)).message).toContain(
    `Cannot listen on 127.0.0.1:${port} (EADDRINUSE): a detour receiver named bob answers there`,
  );
  const { message, hint } = await refusal('0.0.0.0', port);
  expect(message).toContain('a detour receiver named bob answers there');
  expect(hint).toContain('--port');
});

test('another protocol is told apart, and so is a program that does not greet: neither holds the error up', {
  tags: ['slow'],
}, async () => {
  const web = await serving('127.0.0.1', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const half = await serving('127.0.0.1', (socket) => socket.write('READY version=1'));
  const silent = await serving('127.0.0.1', () => {});
  const leaving = await serving('127.0.0.1', (socket) => socket.destroy());
  // On a busy computer the search for the process ends early, and the user is named in brackets instead.
  const who = async (port: number): Promise<string> =>
    (await occupantOf('127.0.0.1', port)).who.replace(/ \(.*/, '');
  expect(await Promise.all([web, half, silent, leaving].map(who))).toEqual([
    'something that is not detour answers there',
    'something that is not detour answers there',
    'a program that does not greet has it: it is frozen, or it is not detour',
    'a program that does not greet has it: it is frozen, or it is not detour',
  ]);
});

// A folder like /proc, in which process 4711 listens on port 4101 and process 4712 does not.
function procFolder(state: string): string {
  const proc = tempDir();
  for (const dir of ['self/net', '4711/fd', '4712/fd']) mkdirSync(join(proc, dir), { recursive: true });
  const row = (local: string, st: string, inode: number): string =>
    `   0: ${local} 00000000:0000 ${st} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000 100 0 0 10 0\n`;
  writeFileSync(
    join(proc, 'self/net/tcp'),
    row('0100007F:1005', '01', 7) + row('0100007F:1004', '0A', 8) + row('0100007F:1005', '0A', 9),
  );
  symlinkSync('socket:[8]', join(proc, '4712/fd/3'));
  symlinkSync('socket:[9]', join(proc, '4711/fd/3'));
  writeFileSync(join(proc, '4711/cmdline'), 'node\0/home/bob/detour/dist/cli/main.js\0sync\0receive\0');
  writeFileSync(join(proc, '4711/stat'), `4711 (a) b) ${state} 1 4711 4711 34816 4711 4194304\n`);
  return proc;
}

test.runIf(process.platform !== 'win32')(
  'Linux names the process, its user, and says that it is stopped',
  () => {
    const command = ['node', '/home/bob/detour/dist/cli/main.js', 'sync', 'receive'];
    expect(holderOf(4101, procFolder('S'))).toEqual({ uid: 1000, pid: 4711, command, stopped: false });
    expect(holderOf(4101, procFolder('T'))).toEqual({ uid: 1000, pid: 4711, command, stopped: true });
    expect(holderOf(4102, procFolder('S'))).toBeUndefined();
    expect(holderOf(4101, join(tempDir(), 'no', 'proc'))).toBeUndefined();
  },
);

test.runIf(process.platform !== 'win32')('a process that cannot be seen leaves its user', () => {
  const proc = procFolder('S');
  writeFileSync(join(proc, 'self/net/tcp'), '');
  writeFileSync(
    join(proc, 'self/net/tcp6'),
    '   0: 00000000000000000000000000000000:1005 00000000000000000000000000000000:0000 0A 0:0 0:0 0 33 0 99 1\n',
  );
  expect(holderOf(4101, proc)).toEqual({ uid: 33 });
});
