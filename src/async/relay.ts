// The relay: stores a message for a recipient who may be away, and forwards it when he comes. Here a SEND becomes durable and is
// answered, an ACK frees, a ttl ends. The rules it follows are pure and stand in mailbox.ts, session.ts and expiry.ts; what it
// remembers is mailroom.ts; what goes out is delivery.ts; the disk is store/; READY, HELLO and the limits are exchange/server-connection.ts.

import { crc32 } from 'node:zlib';
import { Server } from '../exchange/server.ts';
import type { Handler, Refusal, Session } from '../exchange/session.ts';
import type { NetContext } from '../net/connection.ts';
import { type Listener, listen } from '../net/listener.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { type Message, VERSION } from '../wire/verbs.ts';
import { Ageing } from './ageing.ts';
import { Commits } from './commits.ts';
import { Delivery } from './delivery.ts';
import type { Held, Mailbox } from './mailbox.ts';
import { MAX_MAILBOXES, Mailroom, MOST_HELD, type Waiting } from './mailroom.ts';
import { entryOf, Notices } from './notices.ts';
import type { Remembered } from './session.ts';
import type { Ref, Store } from './store/store.ts';

/** SENDs that one connection may have unanswered: enough to keep a disk of 1 ms and a LAN busy. PROTOCOL.md, "Limits". */
export const WINDOW = 256;

/** Bodies taken and not durable yet, over all connections, in bytes; above it no SEND is read. */
export const IN_HAND_LIMIT = 64 * 1024 * 1024;

/** MAILBOX lines in one answer to STATUS. */
export const STATUS_PAGE = 500;

/** How a relay is set up. */
export interface RelayOptions {
  readonly host: string;
  /** 0 to let the system choose. */
  readonly port: number;
  readonly context: NetContext;
  readonly store: Store;
  /** The relay's own name: that of its notices, refused in HELLO. */
  readonly as?: string;
  /** Messages it holds at the most. */
  readonly mostHeld?: number;
  /** The store failed: nothing more is acknowledged, and the process must end. */
  readonly onFailure: (error: Error) => void;
}

/** A relay that listens. Made by `startRelay`. */
export class Relay {
  readonly #context: NetContext;
  readonly #store: Store;
  readonly #name: string;
  readonly #server: Server;
  readonly #room: Mailroom;
  readonly #commits: Commits;
  readonly #delivery: Delivery;
  readonly #notices: Notices;
  readonly #ageing: Ageing;
  #inHand = 0;
  // Is somebody kept from sending until less is in hand?
  #holding = false;
  #listener: Listener | undefined;
  #failed = false;

  /** @param room what the open store brought back */
  constructor(options: RelayOptions, room: Mailroom) {
    this.#context = options.context;
    this.#store = options.store;
    this.#name = options.as ?? 'relay';
    this.#room = room;
    this.#commits = new Commits(options.store, () => this.#readOn());
    this.#delivery = new Delivery(options.context, options.store, this.#commits);
    this.#store.onFailure = (error) => this.#fail(error, options.onFailure);
    const { context } = options;
    this.#notices = new Notices(this.#name, room, context.clock, (box, held, ref) => {
      this.#stored(box, held, ref);
      this.#delivery.pump(box);
    });
    const expired = (box: Mailbox): void => {
      this.#delivery.pump(box);
      this.#tidy(box);
    };
    this.#ageing = new Ageing(context, this.#commits, this.#notices, expired, (now) =>
      room.memory.forget(now),
    );
    const { token } = options.store;
    const ready: Message<'READY'> = {
      verb: 'READY',
      version: VERSION,
      role: 'relay',
      as: this.#name,
      max: MAX_BODY,
      window: WINDOW,
      store: token,
    };
    this.#server = new Server(ready, this.#handler(), options.context);
    for (const box of [...room.all()]) {
      for (const held of box.messages()) this.#ageing.watch(box, held);
      // A throwaway one that was emptied just before the end of the life before.
      this.#tidy(box);
    }
  }

  /** Address and port it listens on. */
  get address(): { host: string; port: number } {
    return { host: this.#listener?.host ?? '', port: this.#listener?.port ?? 0 };
  }

  /** Begins to listen. @throws DetourError if it cannot */
  async listen(host: string, port: number): Promise<void> {
    this.#listener = await listen(host, port, this.#context, (make) => this.#server.accept(make));
    this.#context.emit({
      event: 'listening',
      role: 'relay',
      host: this.#listener.host,
      port: this.#listener.port,
      store: this.#store.token,
    });
    this.#ageing.start();
  }

  /** Every mailbox with mail, by name. */
  waiting(): Waiting[] {
    return this.#room.waiting(undefined, Number.POSITIVE_INFINITY);
  }

  /** Stops listening, answers what was taken, says BYE, closes the store. */
  async close(): Promise<void> {
    this.#listener?.close();
    this.#ageing.stop();
    await this.#server.close();
    if (!this.#failed) await this.#store.close();
  }

  // ---- what clients say

  #handler(): Handler {
    return {
      refuseName: (name) =>
        name === this.#name ? { code: 'wrong_name', reason: `${name} is the relay's own name` } : undefined,
      saturated: () => {
        this.#holding ||= this.#inHand > IN_HAND_LIMIT;
        return this.#holding;
      },
      send: (session, message) => this.#send(session, message),
      oversize: (session, id, size) => this.#oversize(session, id, size),
      other: (session, message) => this.#other(session, message),
      status: (reply, after) => {
        for (const { connected, ...mailbox } of this.#room.waiting(after, STATUS_PAGE)) {
          reply({ verb: 'MAILBOX', ...mailbox, connected: connected ? 'yes' : 'no' });
        }
        reply({ verb: 'END' });
        return true;
      },
      settled: (_session, done) => this.#commits.whenDurable(done),
      drained: (session) => {
        const box = this.#room.find(session.as);
        if (box !== undefined && this.#delivery.collects(session, box)) this.#delivery.pump(box);
      },
      ended: (session) => this.#ended(session),
    };
  }

  #other(session: Session, message: Message): boolean {
    if (message.verb === 'RECEIVE') this.#delivery.receive(session, this.#room.box(session.as), message);
    else if (message.verb === 'ACK') this.#ack(session, message.seq);
    else return false;
    return true;
  }

  // A SEND: the memory is asked before anything can refuse it, for a repeat must be recognised whatever has changed since.
  #send(session: Session, message: Message<'SEND'>): void {
    const { id, to, ttl, notify, body } = message;
    const size = body.length;
    const crc = crc32(body);
    const known = this.#room.memory.find(session.as, id);
    if (known !== undefined) {
      this.#repeat(session, message, known, crc);
      return;
    }
    if (to === undefined) {
      session.refuse(
        id,
        { code: 'bad_value', reason: 'A relay needs to=NAME: it keeps mail for many.' },
        size,
      );
      return;
    }
    const now = this.#context.clock.monotonic();
    const refusal = this.#refusal(to, notify, size, now);
    if (refusal !== undefined) {
      session.refuse(id, refusal, size);
      return;
    }

    const box = this.#room.box(to);
    const at = this.#context.clock.epoch();
    const held = box.add({ id, from: session.as, at, born: now, size, session: session.id, ttl, notify });
    this.#room.memory.remember(session.id, { from: session.as, id, to, seq: held.seq, size, crc }, now);
    if (notify !== undefined) this.#room.box(notify).promised += 1;
    this.#inHand += size;
    this.#commits.append([entryOf(held, crc, body)], (refs) => {
      this.#inHand -= size;
      this.#stored(box, held, refs[0]);
      session.answer({ verb: 'STORED', id, seq: held.seq, present: presence(box) }, size);
      this.#delivery.pump(box);
    });
  }

  #repeat(session: Session, { id, to, body }: Message<'SEND'>, known: Remembered, crc: number): void {
    const size = body.length;
    if (known.to !== to || known.size !== size || known.crc !== crc) {
      session.refuse(id, { code: 'id_reused', reason: `The id ${id} was used for another message.` }, size);
      return;
    }
    const answer = (): void => {
      const box = this.#room.find(known.to);
      session.answer(
        { verb: 'STORED', id, seq: known.seq, present: box === undefined ? 'no' : presence(box), dup: 'yes' },
        size,
      );
    };
    const { from, seq } = known;
    this.#room.memory.remember(session.id, known, this.#context.clock.monotonic());
    // Written down behind the first copy, so the answer waits for that, too. A full disk keeps its last room for acknowledgements:
    // there the first record must do.
    if (!this.#store.hasRoom(0)) this.#commits.whenDurable(answer);
    else {
      const at = this.#context.clock.epoch();
      this.#commits.append(
        [{ kind: 'remember', session: session.id, from, id, to: known.to, seq, size, crc, at }],
        answer,
      );
    }
  }

  #oversize(session: Session, id: string, size: number): Refusal {
    if (this.#room.memory.find(session.as, id) !== undefined)
      return { code: 'id_reused', reason: `The id ${id} was used for another message.` };
    return {
      code: 'too_large',
      reason: `The message has ${size} bytes; this relay takes at most ${MAX_BODY}.`,
    };
  }

  #refusal(to: string, notify: string | undefined, size: number, now: number): Refusal | undefined {
    if (to === this.#name)
      return { code: 'wrong_name', reason: `${to} is the relay itself; it collects no mail.` };
    if (notify === this.#name)
      return { code: 'wrong_name', reason: `notify=${notify} is the relay itself; it collects no mail.` };
    if (!this.#room.hasRoom([to, notify])) {
      return {
        code: 'too_many',
        reason: `There are ${MAX_MAILBOXES} mailboxes already; a new name finds no room.`,
      };
    }
    if (this.#room.full)
      return {
        code: 'too_many',
        reason: 'Too many messages wait here; there is room when some are collected.',
      };
    if (!this.#room.memory.hasRoom(now))
      return { code: 'busy', reason: 'Too many ids are to be remembered; try again in some minutes.' };
    if (!this.#store.hasRoom(size))
      return { code: 'disk_full', reason: 'The disk is full: nothing more is taken until there is room.' };
    return undefined;
  }

  #ack(session: Session, seq: number): void {
    const box = this.#room.find(session.as);
    if (box === undefined || (!this.#delivery.collects(session, box) && seq > box.watermark)) {
      session.fail({ code: 'bad_ack', reason: `nothing was sent to you up to ${seq}` });
      return;
    }
    const freed = box.ack(seq);
    if (freed === 'bad') {
      session.fail({ code: 'bad_ack', reason: `${seq} was not sent on this connection` });
      return;
    }
    if (freed === 'old') return;
    const receipts = freed.flatMap((held) => this.#notices.receipt(held));
    this.#commits.append(
      [{ kind: 'ack', to: box.name, seq }, ...receipts.map(({ entry }) => entry)],
      (refs) => {
        box.acknowledged(seq);
        this.#context.emit({ event: 'acknowledged', to: box.name, seq, held: box.count });
        this.#notices.durable(receipts, refs);
        this.#delivery.pump(box);
        this.#tidy(box);
      },
    );
    this.#delivery.pump(box);
  }

  #ended(session: Session): void {
    const box = this.#room.find(session.as);
    if (box !== undefined && this.#delivery.leave(session, box)) this.#tidy(box);
  }

  #stored(box: Mailbox, held: Held, ref: Ref | undefined): void {
    if (ref === undefined) throw new TypeError('the store gave no place for a message');
    box.stored(held.seq, ref);
    this.#ageing.watch(box, held);
    const { id, from, to, seq, size, notice } = held;
    this.#context.emit({
      event: 'stored',
      id,
      from,
      to,
      seq,
      size,
      held: box.count,
      present: presence(box),
      ...(notice && { kind: notice }),
    });
  }

  // Half of the limit is free again before anybody is let in, so that it is not done for every commit.
  #readOn(): void {
    if (!this.#holding || this.#inHand > IN_HAND_LIMIT / 2) return;
    this.#holding = false;
    this.#server.resume();
  }

  #fail(error: Error, report: (error: Error) => void): void {
    this.#failed = true;
    this.#commits.stop();
    this.#listener?.close();
    this.#ageing.stop();
    this.#server.destroyAll();
    report(error);
  }

  #tidy(box: Mailbox): void {
    if (this.#room.tidy(box)) this.#commits.append([{ kind: 'forget', to: box.name }]);
  }
}

function presence(box: Mailbox): 'yes' | 'no' | 'never' {
  if (box.attached) return 'yes';
  return box.known ? 'no' : 'never';
}

/**
 * Opens the store and starts a relay on it.
 * @throws DetourError if the journal cannot be opened or the address not be listened on
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { clock } = options.context;
  const room = new Mailroom(2 * WINDOW, options.mostHeld ?? MOST_HELD);
  room.recover(await options.store.open(room), clock.monotonic(), clock.epoch());
  const relay = new Relay(options, room);
  try {
    await relay.listen(options.host, options.port);
  } catch (error) {
    await options.store.close();
    throw error;
  }
  return relay;
}
