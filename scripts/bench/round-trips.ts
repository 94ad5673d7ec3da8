// A lean client with one message in flight. It compares bytes and decodes no frames, so that it costs little beside what it measures.

import { connect } from 'node:net';

/** What is sent and what comes back. */
export interface Talk {
  /** What is sent when the server has greeted with a line. */
  readonly hello: string;
  /** The message with this number, and the whole answer to it. */
  message(number: number): Buffer;
  answer(number: number): Buffer;
}

/** How many messages are sent first and not counted, until the server's code is compiled. */
const WARM_UP = 5000;

/**
 * Sends messages to a port on 127.0.0.1, one after the other, each when the one before it was answered.
 * @returns how long each took after the warm-up, in microseconds, and how many there were in all
 * @throws Error at another answer than was to come, or if the other hangs up
 */
export function roundTrips(
  port: number,
  talk: Talk,
  seconds: number,
): Promise<{ readonly took: number[]; readonly all: number }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    const took: number[] = [];
    let heard: Buffer = Buffer.alloc(0);
    let expected = heard;
    let [number, began, until] = [0, 0, Number.POSITIVE_INFINITY];
    const send = (): void => {
      number += 1;
      heard = Buffer.alloc(0);
      expected = talk.answer(number);
      const message = talk.message(number);
      began = performance.now();
      socket.write(message);
    };
    socket.on('data', (bytes) => {
      heard = heard.length === 0 ? bytes : Buffer.concat([heard, bytes]);
      if (number === 0) {
        if (heard.at(-1) !== 0x0a) return;
        socket.write(talk.hello);
        send();
        return;
      }
      if (heard.length < expected.length) return;
      const at = performance.now();
      if (!heard.equals(expected)) {
        reject(new Error(`${JSON.stringify(`${heard}`)} came, and ${JSON.stringify(`${expected}`)} was to`));
        socket.destroy();
        return;
      }
      if (number === WARM_UP) until = at + seconds * 1000;
      if (number > WARM_UP) took.push((at - began) * 1000);
      if (at < until) send();
      else {
        resolve({ took, all: number });
        socket.destroy();
      }
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`it hung up at message ${number}`)));
  });
}
