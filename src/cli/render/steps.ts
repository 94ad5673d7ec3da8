// What is said while a message of `sync send` or `async send` is under way: each step as it happens, the rungs of its ladder, and between
// messages that the connection has ended. For people; it decides nothing.

import { systemClock, type Timer } from '../../core/clock.ts';
import type { Event } from '../../core/event.ts';
import { bytes, ms } from '../../core/units.ts';
import { visible } from '../../core/visible.ts';
import { listenerOn } from '../../net/proc-net-tcp.ts';
import { writeDuration } from '../input.ts';
import { Connecting } from './connecting.ts';
import { paint, say, sayWrapped, talk } from './output.ts';
import { LADDER_HEAD, type RungNames, rungText } from './rungs.ts';

/**
 * Whose the listener is, if it is on this computer and belongs to another user: on a server that a class shares, the default port is that of
 * whoever came first. Undefined if it is ours, elsewhere, or if the system does not say (only Linux does).
 * @param remote the address and port of the listener
 * @param own the uid of this process
 */
export function strangerText(
  remote: string,
  own: number | undefined,
  listener: (port: number) => { readonly uid: number } | undefined = listenerOn,
): string | undefined {
  if (own === undefined || !/^(?:127\.|\[::1\]|\[::ffff:127\.)/.test(remote)) return undefined;
  const uid = listener(Number(remote.slice(remote.lastIndexOf(':') + 1)))?.uid;
  if (uid === undefined || uid === own) return undefined;
  return `this listener belongs to another user of this computer (uid ${uid}). Yours has a port of its own: DETOUR_PORT, and DETOUR_TO for alice`;
}

/** Narrates the steps of a message as they happen, on stderr. */
export class Steps {
  readonly #timeout: number;
  readonly #patient: boolean;
  readonly #connecting: Connecting;
  readonly #peer: () => string;
  readonly #recipient: () => string;
  /** The prompt in front of each typed line; undefined if the messages do not come line by line. */
  prompt: string | undefined;
  /** Does the sender wait for news of a message? Then a lost connection matters although no message is under way. */
  waits = false;
  /** Has it been said that the connection ended? Two that end together are mentioned once. */
  #ended = false;
  #began = 0;
  // When the deadline began to count; undefined while it waits for the kernel to decide the connect.
  #counted: number | undefined;
  #body: Buffer | undefined;
  #waiting: Timer | undefined;
  /** The address of the last connection. */
  #address = '?';

  /**
   * @param flags the deadline of a message in milliseconds, and whether the kernel decides the connect
   * @param peer returns who is called, as far as that is known now
   * @param recipient returns whom the messages are for, if that is not the peer
   */
  constructor(
    { timeout, patient }: { readonly timeout: number; readonly patient?: true | undefined },
    peer: () => string,
    recipient = peer,
  ) {
    this.#timeout = timeout;
    this.#peer = peer;
    this.#recipient = recipient;
    this.#patient = patient === true;
    this.#connecting = new Connecting((what, more) => this.#step(what, more), this.#patient);
  }

  /** Begins a message: from now on its steps are said, and their times count from here. */
  begin(body: Buffer): void {
    this.#began = performance.now();
    this.#counted = this.#patient ? undefined : this.#began;
    this.#body = body;
    this.#ended = false;
  }

  /** Ends a message: no more steps are said. */
  end(): void {
    this.#waiting?.cancel();
    this.#connecting.over();
    this.#body = undefined;
  }

  /** Takes an event, and says it if it is a step of the message under way. */
  tell(event: Event): void {
    // A name with several addresses is decided with the last of them.
    const decided = event.event === 'connected' || (event.event === 'broken' && !this.#connecting.more);
    if (decided) this.#counted ??= performance.now();
    if (this.#body !== undefined) this.#connecting.tell(event);
    if (event.event === 'connected') this.#address = event.remote;
    if (event.event === 'rung') this.#rung(event);
    else if (this.#body === undefined) this.#idle(event);
    else if (event.event === 'connected') {
      this.#step('connected', `the kernel of ${event.remote} took the call`);
      const owner = strangerText(event.remote, process.getuid?.());
      if (owner !== undefined) this.#step('stranger', owner);
    } else if (event.event === 'received' && event.verb === 'READY')
      this.#step(
        'READY',
        `${event.fields.role === 'relay' ? 'the relay' : event.fields.as}'s program is there`,
      );
    else if (event.event === 'reconnecting')
      this.#step('calling again', `${event.ms === 0 ? 'now' : `in ${ms(event.ms)}`}: ${event.why}`);
    else if (event.event === 'fin') this.#step('FIN', `${this.#peer()}'s side closed`);
    else if (event.event === 'sent' && event.verb === 'SEND') this.#sent(this.#body, String(event.fields.id));
  }

  // Between two typed messages, or while waiting for news, the connection may end although nothing is being sent.
  #idle(event: Event): void {
    if (event.event === 'connected') this.#ended = false;
    if (this.#ended || (this.prompt === undefined && !this.waits)) return;
    if (event.event !== 'fin' && event.event !== 'broken' && event.event !== 'silent') return;
    this.#ended = true;
    const how =
      event.event === 'silent'
        ? `gave no sign of life for ${writeDuration(event.ms)}`
        : { fin: 'closed (FIN)', broken: 'broke off' }[event.event];
    const next = this.waits ? 'calling again for the news' : 'the next message reconnects';
    const line = `  ${this.#peer()}'s side ${how}; ${next}.\n`;
    // The person has an unfinished line, so the prompt must be shown again. A program has no prompt.
    const typed = process.stdin.isTTY && !this.waits;
    talk(typed ? `\n${line}${this.prompt}` : line);
  }

  // The receipt comes after the steps have ended, so every rung has a time of its own.
  #rung(event: Extract<Event, { event: 'rung' }>): void {
    const [peer, recipient] = [this.#peer(), this.#recipient()];
    const names: RungNames = {
      route: recipient === peer ? 'sync' : 'async',
      peer,
      address: this.#address,
      recipient,
    };
    if (event.rung === 'handed') say(timed('') + LADDER_HEAD);
    say(timed(event.state === 'reached' ? ms(event.ms) : '-') + rungText(event, names));
  }

  #sent(body: Buffer, id: string): void {
    this.#step('sent', `"${visible(body, { max: 40 })}", ${bytes(body.length)}, id ${id}`);
    this.#waiting?.cancel();
    this.#waiting = systemClock.after(1000, () => {
      const left = Math.max(
        0,
        Math.round((this.#timeout - (performance.now() - (this.#counted ?? this.#began))) / 1000),
      );
      this.#step('waiting', `for ${this.#peer()}'s answer, gives up in ${left} s`);
    });
  }

  #step(what: string, more: string): void {
    const head = `${what.padEnd(15)}  `;
    sayWrapped(timed(ms(performance.now() - this.#began)) + head, more, TIME + head.length);
  }
}

/** The width of the column of times. */
const TIME = 12;

// Only the time of a step is dim: what happened must be readable from the last row of a classroom.
const timed = (time: string): string => paint('dim', `  ${time.padStart(TIME - 4)}  `);
