// The sockets of this process, distinguished by their ports, so that a run can kill or freeze one of the programs in it. When a process
// is killed, the kernel closes its sockets: FIN, or RST if something is unread. `destroy` does the same.

import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

const sockets = new Set<Socket>();

function take(message: unknown): void {
  if (typeof message !== 'object' || message === null || !('socket' in message)) return;
  const { socket } = message;
  if (!(socket instanceof Socket)) return;
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

subscribe('net.client.socket', take);
subscribe('net.server.socket', take);

/** The sockets that a server on this port has accepted. */
export const accepted = (port: number): Socket[] =>
  [...sockets].filter((socket) => socket.localPort === port);

/** The sockets that were connected to this port. */
export const connected = (port: number): Socket[] =>
  [...sockets].filter((socket) => socket.remotePort === port);
