// bob, on the detour: collects what a relay has kept for him, and waits for more.
//
//     npx detour async relay                               in another terminal
//     npx tsx scripts/examples/collector.ts [RELAY]
//
// Left out: remembering on disk which numbers were handled. So a message may be shown again if bob is killed.

import { collect, DetourError } from 'detour';

const [relay = '127.0.0.1:4100'] = process.argv.slice(2);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

try {
  for await (const message of collect(relay, { as: 'bob', follow: true, signal: stop.signal })) {
    const again = message.attempt > 1 ? ' (perhaps a second time)' : '';
    console.log(`${message.number} ${message.from}: ${message.body}${again}`);
    // It is acknowledged when the loop asks for the next one. If bob is killed here, it comes again.
  }
  console.log('bob has left');
} catch (error) {
  if (!(error instanceof DetourError)) throw error;
  console.log(`${error.code}: ${error.message}. ${error.hint}`);
  process.exitCode = 1;
}
