// Starts what is measured, each time in an empty folder, and ends it by its pid.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { asUser, find, giveFolder, type Peer } from './peers.ts';

/** So long a peer may take until it listens, in milliseconds. */
const PATIENCE_MS = 90_000;
const LOOK_MS = 20;

/**
 * Starts a peer, does something with it, and ends it.
 * @param scratch a folder for its files. @param under a command that starts it, and becomes it
 * @throws Error with what it said last if it does not listen
 */
export async function withServer<T>(
  peer: Pick<Peer, 'name' | 'program' | 'user' | 'args' | 'within' | 'prepare'>,
  scratch: string,
  use: (port: number) => Promise<T>,
  under: readonly string[] = [],
): Promise<T> {
  const dir = mkdtempSync(path.join(scratch, 'peer-'));
  const port = await freePort();
  giveFolder(peer, dir);
  const [program = peer.program, ...words] = [
    ...under,
    ...asUser(peer, [...(peer.within?.(dir, port) ?? []), find(peer.program) ?? peer.program]),
    ...peer.args(dir, port),
  ];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  // Also when the bench is interrupted.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString('latin1')).slice(-2000);
    });
  try {
    for (let waited = 0; !(await listens(port)); waited += LOOK_MS) {
      if (waited > PATIENCE_MS || child.exitCode !== null)
        throw new Error(`${peer.name} does not listen: ${said}`);
      await pause(LOOK_MS);
    }
    await peer.prepare?.(port);
    return await use(port);
  } finally {
    kill();
    process.off('exit', kill);
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A port of 127.0.0.1 on which nobody listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
