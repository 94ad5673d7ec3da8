// Does a peer sync a message before it acknowledges it? strace shows it: one sender has one message in flight, so each answer needs a sync of
// its own.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Load, runLoad } from './load.ts';
import { find, type Peer } from './peers.ts';
import { withServer } from './server.ts';

const ONE = { senders: 1, outstanding: 1, size: 128 };
const SECONDS = 1;

/** How many syncs there were for each answer; undefined if strace is missing (Debian: apt-get install strace). */
export async function syncsPerAnswer(load: string, peer: Peer, scratch: string): Promise<number | undefined> {
  const strace = find('strace');
  if (strace === undefined) return undefined;
  const file = path.join(scratch, 'strace');
  const calls = 'trace=openat,close,write,pwrite64,writev,pwritev,fsync,fdatasync,msync,sync_file_range';
  // With -D the process that was started is the peer, so it can be killed: strace watches it and ends with it.
  const words = [strace, '-D', '-f', '-qq', '-s', '0', '-e', calls, '-o', file];
  const before = (): number => syncsIn(readFileSync(file, 'latin1'));
  let [begun, ended] = [0, 0];
  const { all }: Load = await withServer(
    peer,
    scratch,
    async (port) => {
      begun = before();
      const got = await runLoad(load, peer.protocol, port, ONE, SECONDS);
      ended = before();
      return got;
    },
    words,
  );
  return (ended - begun) / all;
}

// Syncs, and writes into files that were opened with O_DSYNC or O_SYNC.
function syncsIn(trace: string): number {
  const durable = new Set<string>();
  let count = 0;
  for (const line of trace.split('\n')) {
    const [, call = '', fd = ''] = /\b([a-z0-9_]+)\((\d+|AT_FDCWD)/.exec(line) ?? [];
    const [, opened] = / = (\d+)/.exec(line) ?? [];
    if (call === 'openat' && opened !== undefined) {
      if (/O_D?SYNC/.test(line)) durable.add(opened);
      else durable.delete(opened);
    } else if (call === 'close') durable.delete(fd);
    else if (/^(fsync|fdatasync|msync|sync_file_range)$/.test(call)) count += 1;
    else if (/write/.test(call) && durable.has(fd)) count += 1;
  }
  return count;
}
