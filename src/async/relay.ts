// The relay: stores a message for a recipient who may be away, and forwards it when he comes. Here a SEND becomes durable and is
// answered, a RECEIVE is served, an ACK frees, a ttl ends. The rules it follows are pure and stand in mailbox.ts, session.ts and
// expiry.ts; what it remembers is mailroom.ts; the disk is store/; greeting and limits are exchange/greet.ts.

import { crc32 } from 'node:zlib';
import { Door, type Guest, type Host } from '../exchange/greet.ts';
import { type NetContext, QUEUE_LIMIT } from '../net/connection.ts';
import { type Listener, listen } from '../net/listener.ts';
import type { Timer } from '../trace/clock.ts';
import { MAX_BODY } from '../wire/frame.ts';
import { type Message, VERSION } from '../wire/verbs.ts';
import { Expiry } from './expiry.ts';
import type { Held, Mailbox } from './mailbox.ts';
import { MAX_MAILBOXES, Mailroom, type Waiting } from './mailroom.ts';
import type { Remembered } from './session.ts';
import type { Entry, Ref, SendEntry, Store } from './store/store.ts';

/** SENDs that one connection may have unanswered: enough to keep a disk of 1 ms and a LAN busy. PROTOCOL.md, "Limits". */
export const WINDOW = 256;

/** Bodies taken and not durable yet, over all connections, in bytes; above it no SEND is read. */
export const IN_HAND_LIMIT = 64 * 1024 * 1024;

/** A receipt or bounce that nobody collects vanishes after so many seconds: 7 days. */
export const NOTICE_TTL_S = 7 * 24 * 3600;

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
  /** The store failed: nothing more is acknowledged, and the process must end. */
  readonly onFailure: (error: Error) => void;
}

/** A relay that listens. Made by `startRelay`. */
export class Relay {
  readonly #context: NetContext;
  readonly #store: Store;
  readonly #name: string;
  readonly #door: Door;
  readonly #room: Mailroom;
  // Who collects from which mailbox.
  readonly #collectors = new Map<Mailbox, Guest>();
  // Mailboxes of which a body is being read back.
  readonly #reading = new Set<Mailbox>();
  readonly #expiry = new Expiry<{ box: Mailbox; seq: number }>(({ box, seq }) => box.holds(seq));
  // What waits for a first copy that is not durable yet, by `from id`.
  readonly #repeats = new Map<string, (() => void)[]>();
  // `appended` counts the calls to the store, `settled` those that came back; a barrier waits for a number.
  #appended = 0;
  #settled = 0;
  #barriers: { readonly at: number; readonly done: () => void }[] = [];
  #inHand = 0;
  #tick: Timer | undefined;
  #listener: Listener | undefined;
  #failed = false;

  /** @param room what the open store brought back */
  constructor(options: RelayOptions, room: Mailroom) {
    this.#context = options.context;
    this.#store = options.store;
    this.#name = options.as ?? 'relay';
    this.#room = room;
    this.#store.onFailure = (error) => this.#fail(error, options.onFailure);
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
    this.#door = new Door(ready, this.#host(), options.context);
    this.#door.hold = () => this.#inHand > IN_HAND_LIMIT;
    for (const box of [...room.all()]) {
      for (const held of box.messages()) this.#watch(box, held);
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
    this.#listener = await listen(host, port, this.#context, (make) => this.#door.accept(make));
    this.#context.emit({
      event: 'listening',
      role: 'relay',
      host: this.#listener.host,
      port: this.#listener.port,
      store: this.#store.token,
    });
    this.#turn();
  }

  /** Every mailbox with mail, by name. */
  waiting(): Waiting[] {
    return this.#room.waiting(undefined, Number.POSITIVE_INFINITY);
  }

  /** Stops listening, answers what was taken, says BYE, closes the store. */
  async close(): Promise<void> {
    this.#listener?.close();
    this.#tick?.cancel();
    await this.#door.close();
    if (!this.#failed) await this.#store.close();
  }

  // ---- what clients say

  #host(): Host {
    return {
      admits: (name) =>
        name === this.#name ? { code: 'wrong_name', reason: `${name} is the relay's own name` } : undefined,
      arrived: () => {},
      send: (guest, message) => this.#send(guest, message),
      oversize: (guest, id, size) => this.#oversize(guest, id, size),
      other: (guest, message) => this.#other(guest, message),
      status: (reply, after) => {
        for (const { connected, ...mailbox } of this.#room.waiting(after, STATUS_PAGE)) {
          reply({ verb: 'MAILBOX', ...mailbox, connected: connected ? 'yes' : 'no' });
        }
        reply({ verb: 'END' });
        return true;
      },
      settled: (_guest, done) => this.#whenDurable(done),
      drained: (guest) => {
        const box = this.#room.find(guest.as);
        if (box !== undefined && this.#collectors.get(box) === guest) this.#pump(box);
      },
      left: (guest) => this.#left(guest),
    };
  }

  #other(guest: Guest, message: Message): boolean {
    if (message.verb === 'RECEIVE') this.#receive(guest, message);
    else if (message.verb === 'ACK') this.#ack(guest, message.seq);
    else return false;
    return true;
  }

  // A SEND: the memory is asked before anything can refuse it, for a repeat must be recognised whatever has changed since.
  #send(guest: Guest, message: Message<'SEND'>): void {
    const { id, to, ttl, notify, body } = message;
    const size = body.length;
    const crc = crc32(body);
    const known = this.#room.memory.find(guest.as, id);
    if (known !== undefined) {
      this.#repeat(guest, message, known, crc);
      return;
    }
    if (to === undefined) {
      guest.refuse(id, 'bad_value', 'A relay needs to=NAME: it keeps mail for many.', size);
      return;
    }
    const now = this.#context.clock.monotonic();
    const objection = this.#objection(to, notify, size, now);
    if (objection !== undefined) {
      guest.refuse(id, objection.code, objection.reason, size);
      return;
    }

    const box = this.#room.box(to);
    const at = this.#context.clock.epoch();
    const session = guest.sessionToken;
    const held = box.add({ id, from: guest.as, at, born: now, size, session, ttl, notify });
    this.#room.memory.remember(session, { from: guest.as, id, to, seq: held.seq, size, crc }, now);
    if (notify !== undefined) this.#room.box(notify).promised += 1;
    this.#inHand += size;
    const key = `${guest.as} ${id}`;
    this.#repeats.set(key, []);
    this.#append([entryOf(held, crc, body)], (refs) => {
      this.#inHand -= size;
      this.#stored(box, held, refs[0]);
      guest.answer({ verb: 'STORED', id, seq: held.seq, present: presence(box) }, size);
      for (const repeat of this.#repeats.get(key) ?? []) repeat();
      this.#repeats.delete(key);
      this.#pump(box);
    });
  }

  #repeat(guest: Guest, { id, to, body }: Message<'SEND'>, known: Remembered, crc: number): void {
    const size = body.length;
    if (known.to !== to || known.size !== size || known.crc !== crc) {
      guest.refuse(id, 'id_reused', `The id ${id} was used for another message.`, size);
      return;
    }
    const answer = (): void => {
      const box = this.#room.find(known.to);
      guest.answer(
        { verb: 'STORED', id, seq: known.seq, present: box === undefined ? 'no' : presence(box), dup: 'yes' },
        size,
      );
    };
    const session = guest.sessionToken;
    if (this.#room.memory.repeat(session, known, this.#context.clock.monotonic())) {
      const { from, seq } = known;
      this.#append(
        [
          {
            kind: 'remember',
            session,
            from,
            id,
            to: known.to,
            seq,
            size,
            crc,
            at: this.#context.clock.epoch(),
          },
        ],
        answer,
      );
      return;
    }
    const waiting = this.#repeats.get(`${guest.as} ${id}`);
    if (waiting !== undefined) waiting.push(answer);
    else answer();
  }

  #oversize(guest: Guest, id: string, size: number): { code: string; reason: string } {
    if (this.#room.memory.find(guest.as, id) !== undefined)
      return { code: 'id_reused', reason: `The id ${id} was used for another message.` };
    return {
      code: 'too_large',
      reason: `The message has ${size} bytes; this relay takes at most ${MAX_BODY}.`,
    };
  }

  #objection(
    to: string,
    notify: string | undefined,
    size: number,
    now: number,
  ): { code: string; reason: string } | undefined {
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
    if (!this.#room.memory.hasRoom(now))
      return { code: 'busy', reason: 'Too many ids are to be remembered; try again in some minutes.' };
    if (!this.#store.hasRoom(size))
      return { code: 'disk_full', reason: 'The disk is full: nothing more is taken until there is room.' };
    return undefined;
  }

  #receive(guest: Guest, { window, limit, drain }: Message<'RECEIVE'>): void {
    const box = this.#room.box(guest.as);
    const before = this.#collectors.get(box);
    if (before !== undefined && before !== guest) {
      // First of all it collects no more: its leaving must not tidy the mailbox away under the one who takes over.
      this.#collectors.delete(box);
      box.detach();
      if (before.session !== undefined && before.session === guest.session) before.replace();
      else before.dismiss();
      this.#context.emit({ event: 'mailbox', name: box.name, state: 'replaced' });
    }
    if (box.damage !== undefined) {
      guest.fail('damaged', box.damage);
      return;
    }
    box.attach({ window, limit, drain: drain === 'yes' }, before === guest);
    this.#collectors.set(box, guest);
    if (before !== guest) this.#context.emit({ event: 'mailbox', name: box.name, state: 'collecting' });
    this.#pump(box);
  }

  #ack(guest: Guest, seq: number): void {
    const box = this.#room.find(guest.as);
    if (box === undefined || (this.#collectors.get(box) !== guest && seq > box.watermark)) {
      guest.fail('bad_ack', `nothing was sent to you up to ${seq}`);
      return;
    }
    const freed = box.ack(seq);
    if (freed === 'bad') {
      guest.fail('bad_ack', `${seq} was not sent on this connection`);
      return;
    }
    if (freed === 'old') return;
    const notices = freed.flatMap((held) => this.#notice(held, 'receipt'));
    this.#append([{ kind: 'ack', to: box.name, seq }, ...notices.map(({ entry }) => entry)], (refs) => {
      box.acknowledged(seq);
      this.#context.emit({ event: 'acknowledged', to: box.name, seq, held: box.count });
      this.#noticesStored(notices, refs);
      this.#pump(box);
      this.#tidy(box);
    });
    this.#pump(box);
  }

  #left(guest: Guest): void {
    const box = this.#room.find(guest.as);
    if (box === undefined || this.#collectors.get(box) !== guest) return;
    this.#collectors.delete(box);
    box.detach();
    this.#context.emit({ event: 'mailbox', name: box.name, state: 'left' });
    this.#tidy(box);
  }

  // ---- what goes out

  // Sends what may be sent. Bodies on their way through come from memory, others are read back one at a time.
  #pump(box: Mailbox): void {
    const guest = this.#collectors.get(box);
    if (guest === undefined || this.#reading.has(box) || this.#failed) return;
    if (box.waiting) {
      this.#open(box);
      return;
    }
    const now = this.#context.clock.monotonic();
    while (guest.queuedBytes <= QUEUE_LIMIT) {
      const held = box.nextToSend(now);
      if (held?.ref === undefined) break;
      const body = this.#store.recent(held.ref);
      if (body === undefined) return void this.#readAndSend(box, guest, held, held.ref);
      this.#message(box, guest, held, body, now);
    }
    if (box.drained()) guest.say({ verb: 'EMPTY' });
  }

  async #readAndSend(box: Mailbox, guest: Guest, held: Held, ref: Ref): Promise<void> {
    this.#reading.add(box);
    try {
      const body = await this.#store.read(ref);
      const now = this.#context.clock.monotonic();
      // The receiver may have changed meanwhile, or the message expired: then the body is dropped.
      if (this.#collectors.get(box) === guest && box.nextToSend(now) === held)
        this.#message(box, guest, held, body, now);
    } catch (error) {
      // Moved while it was being read: the new place is asked. Anything else stops the mailbox; nothing is skipped.
      if (held.ref === ref && box.holds(held.seq)) {
        box.damage = error instanceof Error ? error.message : String(error);
        this.#collectors.get(box)?.fail('damaged', box.damage);
      }
    } finally {
      this.#reading.delete(box);
    }
    this.#pump(box);
  }

  #message(box: Mailbox, guest: Guest, held: Held, body: Buffer, now: number): void {
    box.sent(held.seq);
    const { seq, id, from, at, notice, tried, attempts } = held;
    guest.say({
      verb: 'MESSAGE',
      seq,
      id,
      from,
      at,
      held: Math.max(0, Math.round(now - held.born)),
      attempt: attempts,
      kind: notice,
      tried,
      body,
    });
  }

  // Before a mailbox's first MESSAGE in this life: from now on `tried=no` can no longer be promised, also after a crash.
  #open(box: Mailbox): void {
    box.open = 'pending';
    this.#append([{ kind: 'open', to: box.name }], () => {
      box.open = 'yes';
      this.#pump(box);
    });
  }

  // ---- time

  #turn(): void {
    const { clock } = this.#context;
    const now = clock.monotonic();
    const entries: Entry[] = [];
    const gone: { box: Mailbox; held: Held }[] = [];
    const notices: Notice[] = [];
    for (const { box, seq } of this.#expiry.due(now)) {
      const held = box.get(seq);
      if (held === undefined) continue;
      if (!box.expirable(seq, now)) {
        // In flight on a live connection, or not durable yet: looked at again in a second.
        this.#expiry.put(now + 1000, { box, seq });
        continue;
      }
      const tried = box.triedOf(held);
      box.expire(seq);
      gone.push({ box, held });
      const bounce = this.#notice(held, 'bounce', tried);
      entries.push({ kind: 'expire', to: box.name, seq }, ...bounce.map(({ entry }) => entry));
      notices.push(...bounce);
      this.#context.emit({ event: 'expired', to: box.name, seq, id: held.id, from: held.from, tried });
    }
    if (entries.length > 0) {
      this.#append(entries, (refs) => {
        this.#noticesStored(notices, refs);
        for (const { box, held } of gone) {
          box.expired(held.seq);
          this.#pump(box);
          this.#tidy(box);
        }
      });
    }
    this.#room.memory.forget(now);
    this.#tick = clock.after(1000, () => this.#turn());
  }

  #watch(box: Mailbox, { seq, ttl, born }: Held): void {
    if (ttl !== undefined) this.#expiry.put(born + ttl * 1000, { box, seq });
  }

  // A receipt or bounce, in the same commit as what it reports. Notices cause none themselves.
  #notice(held: Held, notice: 'receipt' | 'bounce', tried?: 'yes' | 'no'): Notice[] {
    if (held.notify === undefined) return [];
    const box = this.#room.box(held.notify);
    box.promised -= 1;
    const { clock } = this.#context;
    const text =
      notice === 'receipt'
        ? `${held.to} acknowledged ${held.id}`
        : `${held.id} expired before ${held.to} acknowledged it`;
    const body = Buffer.from(text);
    const message = box.add({
      id: held.id,
      from: this.#name,
      at: clock.epoch(),
      born: clock.monotonic(),
      size: body.length,
      ttl: NOTICE_TTL_S,
      notice,
      tried,
    });
    return [{ box, held: message, entry: entryOf(message, crc32(body), body) }];
  }

  #noticesStored(notices: readonly Notice[], refs: readonly Ref[]): void {
    notices.forEach(({ box, held }, index) => {
      this.#stored(box, held, refs[index]);
      this.#pump(box);
    });
  }

  #stored(box: Mailbox, held: Held, ref: Ref | undefined): void {
    if (ref === undefined) throw new TypeError('the store gave no place for a message');
    box.stored(held.seq, ref);
    this.#watch(box, held);
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

  // ---- the store

  #append(entries: readonly Entry[], durable: (refs: readonly Ref[]) => void): void {
    this.#appended += 1;
    this.#store.append(entries, (refs) => {
      if (this.#failed) return;
      this.#settled += 1;
      durable(refs);
      if (this.#inHand <= IN_HAND_LIMIT) this.#door.readOn();
      while (this.#barriers[0] !== undefined && this.#barriers[0].at <= this.#settled)
        this.#barriers.shift()?.done();
    });
  }

  #whenDurable(done: () => void): void {
    if (this.#settled === this.#appended) done();
    else this.#barriers.push({ at: this.#appended, done });
  }

  #fail(error: Error, report: (error: Error) => void): void {
    this.#failed = true;
    this.#listener?.close();
    this.#tick?.cancel();
    this.#door.slam();
    report(error);
  }

  #tidy(box: Mailbox): void {
    if (this.#room.tidy(box)) this.#append([{ kind: 'forget', to: box.name }], () => {});
  }
}

interface Notice {
  readonly box: Mailbox;
  readonly held: Held;
  readonly entry: SendEntry;
}

function presence(box: Mailbox): 'yes' | 'no' | 'never' {
  if (box.attached) return 'yes';
  return box.known ? 'no' : 'never';
}

function entryOf(held: Held, crc: number, body: Buffer): SendEntry {
  const { to, seq, id, from, at, session, ttl, notify, notice, tried } = held;
  return { kind: 'send', to, seq, id, from, at, session, ttl, notify, notice, tried, crc, body };
}

/**
 * Opens the store and starts a relay on it.
 * @throws DetourError if the journal cannot be opened or the address not be listened on
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { clock } = options.context;
  const room = new Mailroom(2 * WINDOW);
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
