// Runs as its own process: recipients that come back at the same moment and collect everything that waits for them.
//
// Arguments: port, number of recipients, number of messages for each.

import { Talk } from '../lib/relay-process.ts';

const [port = 0, recipients = 0, messages = 0] = process.argv.slice(2).map(Number);
console.log('here');
const began = performance.now();
await Promise.all(
  Array.from({ length: recipients }, async (_, n) => {
    const talk = await Talk.call(port, `n${n}`);
    talk.heard = (message) => {
      if (message.verb === 'MESSAGE') talk.say({ verb: 'ACK', seq: message.seq });
    };
    talk.say({ verb: 'RECEIVE', window: 64, drain: 'yes' });
    await talk.count('EMPTY', 1);
    await talk.count('MESSAGE', messages);
    talk.drop();
  }),
);
console.log(`collected in ${((performance.now() - began) / 1000).toFixed(1)} s`);
