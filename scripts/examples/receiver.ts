// bob, on the direct route: listens, shows what comes, and answers. Start him, then send with sender.ts from another terminal.
//
//     npx tsx scripts/examples/receiver.ts [PORT]
//
// Left out: keeping what came (it is only printed), and several messages at a time.

import { receive } from 'detour';

const [port = '4101'] = process.argv.slice(2);

// Ctrl-C stops politely: the current message is finished and answered, then the loop ends.
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const receiver = await receive({ as: 'bob', port: Number(port), signal: stop.signal });
console.log(`bob listens on ${receiver.host}:${receiver.port}`);

for await (const message of receiver) {
  console.log(`${message.from}: ${message.body}`);
  message.reply(`thanks for ${message.body.length} bytes`);
  // The answer goes out when the loop asks for the next message. Until then the sender waits.
}
console.log('bob has stopped');
