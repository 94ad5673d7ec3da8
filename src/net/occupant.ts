// Finds the program that has the port a server could not get. One sentence depends on it, so it takes about a second at most and never fails.

import { connect } from 'node:net';
import { basename } from 'node:path';
import { visible } from '../core/visible.ts';
import { FrameDecoder } from '../wire/decoder.ts';
import { readMessage } from '../wire/verbs.ts';
import { holderOf } from './proc-net-tcp.ts';

/** How long to wait for READY, in milliseconds. A detour server sends it immediately. */
const GREETING_MS = 1000;

/** How much of a command is shown, in characters. */
const COMMAND = 60;

/** The program that has a port. */
export interface Occupant {
  /** In words, for a sentence: `a detour receiver named bob answers there (pid 123: node main.js sync receive)`. */
  readonly who: string;
  /** How to end it, for a sentence: `stop that one (kill 123)`. */
  readonly stop: string;
  /** What it is, if it greeted as a detour server. */
  readonly role: 'receiver' | 'relay' | undefined;
}

/** Finds out what listens on an address of this computer. @param host the address or name on which to listen */
export async function occupantOf(host: string, port: number): Promise<Occupant> {
  // For a server on all addresses, `localhost` tries both IPv4 and IPv6.
  const { said, role } = await greetingOf(/^(?:0\.0\.0\.0|[:0]*)$/.test(host) ? 'localhost' : host, port);
  const holder = holderOf(port);
  // Nobody needs to be told how to end this process.
  const foreign = holder?.pid === process.pid ? undefined : holder;
  const { pid, command = [], stopped = false, uid } = foreign ?? {};
  const who = stopped ? 'a stopped program has it' : said;
  const known = pid === undefined ? '' : ` (pid ${pid}: ${shown(command)})`;
  const owner = pid === undefined && uid !== undefined ? ` (a process of the user with uid ${uid})` : '';
  return {
    who: who + known + owner,
    role,
    stop: stopped
      ? 'Type fg in its terminal and end it (a frozen one thaws by itself)'
      : `Stop that one${pid === undefined ? '' : ` (kill ${pid})`}`,
  };
}

// Leaves out the folders, because the end of a command says most about it.
const shown = (command: readonly string[]): string =>
  visible(command.map((word) => (word.startsWith('/') ? basename(word) : word)).join(' '), { max: COMMAND });

// Connects and waits for READY. The result is in words.
function greetingOf(host: string, port: number): Promise<{ said: string; role: Occupant['role'] }> {
  return new Promise((resolve) => {
    // No body is accepted, so nothing is held in memory.
    const decoder = new FrameDecoder(0);
    const socket = connect({ host, port });
    let said = 'another program has it';
    let role: Occupant['role'];
    const timer = setTimeout(() => socket.destroy(), GREETING_MS);
    socket.on('connect', () => {
      said = 'a program that does not greet has it: it is frozen, or it is not detour';
    });
    socket.on('data', (bytes) => {
      said = 'something that is not detour answers there';
      decoder.push(bytes);
      const found = decoder.next();
      if (found === undefined) return;
      const read = found.kind === 'frame' ? readMessage(found.frame) : undefined;
      if (read !== undefined && 'message' in read && read.message.verb === 'READY') {
        role = read.message.role;
        said = `a detour ${role} named ${read.message.as} answers there`;
      }
      socket.destroy();
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ said, role });
    });
  });
}
