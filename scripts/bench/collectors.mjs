// Collects from mailboxes as fast as the mail comes. It looks only at the last header of what it reads, and acknowledges up to there, so that
// it costs little beside the relay. It prints `here` when all mailboxes are being collected, and runs until it is killed.
//
// Arguments: the port on 127.0.0.1, the names of the mailboxes.

import { once } from 'node:events';
import { connect } from 'node:net';

const [, , port, ...names] = process.argv;
const LATEST = '\nMESSAGE seq=';
const WINDOW = 4096;

async function collect(name) {
  const socket = connect(Number(port), '127.0.0.1').setNoDelay(true);
  let rest = Buffer.alloc(0);
  let acknowledged = 0;
  const [ready] = await once(socket, 'data');
  if (!ready.includes('READY ')) throw new Error(`${name} was not greeted: ${ready}`);
  socket.on('data', (bytes) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    // Each frame ends with a line feed. With one added in front, this finds the header even if it is the first.
    const at = Math.max(all.lastIndexOf(LATEST), 0);
    const header = /^\n?(\w+)(?: seq=(\d+))?.*(?: size=(\d+))\n/.exec(all.toString('latin1', at, at + 1024));
    if (header === null) {
      rest = all;
      return;
    }
    const [line, verb, seq, size] = header;
    if (verb !== 'MESSAGE') throw new Error(`${name} got ${all.toString('latin1', at, at + 200)}`);
    const whole = all.length - at >= line.length + Number(size) + 1;
    // Everything before the last header is complete.
    const upTo = whole ? Number(seq) : Number(seq) - 1;
    rest = all.subarray(whole ? at + line.length + Number(size) + 1 : at);
    if (upTo <= acknowledged) return;
    acknowledged = upTo;
    socket.write(`ACK seq=${upTo}\n`);
  });
  socket.once('close', () => process.exit(1));
  socket.write(`HELLO version=1 as=${name} heartbeat=3600\nRECEIVE window=${WINDOW}\n`);
}

await Promise.all(names.map(collect));
console.log('here');
