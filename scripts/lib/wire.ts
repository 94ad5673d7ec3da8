// A client that speaks detour/1 and keeps no rule of its own: what it says and what it makes of the answers is the script's.

import { createConnection, type Socket } from 'node:net';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { MAX_BODY } from '../../src/wire/frame.ts';
import { encode, type Message, messageOf } from '../../src/wire/verbs.ts';

/** What the owner of a wire is told. Nothing comes after `closed`. */
export interface WireHandlers {
  message(message: Message): void;
  closed(): void;
}

/** One connection to 127.0.0.1. */
export class Wire {
  readonly #socket: Socket;
  #open = true;

  /** @param port on 127.0.0.1. @param localAddress the address to connect from, in 127.0.0.0/8 */
  constructor(port: number, on: WireHandlers, localAddress = '127.0.0.1') {
    const decoder = new FrameDecoder(MAX_BODY);
    this.#socket = createConnection({ host: '127.0.0.1', port, localAddress });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes) => {
      decoder.push(bytes);
      for (let found = decoder.next(); found !== undefined && this.#open; found = decoder.next()) {
        if (found.kind !== 'frame') throw new Error(`no frame: ${JSON.stringify(found)}`);
        on.message(messageOf(found.frame));
      }
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      if (!this.#open) return;
      this.#open = false;
      on.closed();
    });
  }

  /** Says something. */
  say(message: Message): void {
    if (this.#open) this.#socket.write(encode(message));
  }

  /** Says several things with one write. */
  sayAll(messages: readonly Message[]): void {
    if (this.#open && messages.length > 0) this.#socket.write(Buffer.concat(messages.map(encode)));
  }

  /** Ends it at once; nothing is told any more. */
  drop(): void {
    this.#open = false;
    this.#socket.destroy();
  }
}
