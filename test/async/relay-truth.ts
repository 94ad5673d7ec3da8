// The truth about a relay, kept as plain lists. Every frame of the relay is checked at the moment it is sent: is it true, and does it only say
// what is durable? The state comes from the entries, by the naive replay; what was promised and what was written comes from what was seen on
// the wire. relay-histories.ts plays histories with it. No test is in here.

import assert from 'node:assert/strict';
import type { RelayLimits } from '../../src/async/admission.ts';
import type { Entry, Notice } from '../../src/async/entry.ts';
import type { Appended } from './relay-world.ts';
import { NaiveState } from './state/naive.ts';

const MINUTE = 60_000;
/** How long after its last SEND a session may rely on its ids, in milliseconds of the relay's running time. */
const PROMISED = 10 * MINUTE;
/** After this long, in milliseconds, a session holds nothing that another could need. */
const FORGETTABLE = 11 * MINUTE;

/** A message that the relay holds or held. */
interface Info {
  readonly to: string;
  readonly seq: number;
  readonly lsn: number;
  readonly id: string;
  readonly from: string;
  readonly body: string;
  readonly at: number;
  readonly t: number;
  readonly ttl: number | undefined;
  readonly notify: string | undefined;
  readonly kind: string | undefined;
  readonly tried: string | undefined;
  gone: boolean;
}

/** A SEND that was typed. */
export interface Asked {
  readonly conn: number;
  readonly id: string;
  readonly to: string;
  readonly body: string;
  /** When it was typed, in running time. */
  readonly at: number;
  /** There was room in the log: then a repeat by a session that holds the id counts as a SEND of it. */
  readonly room: boolean;
  /** Nothing at all was short: then a repeat is logged. */
  readonly free: boolean;
  /** Has a receiver collected from its mailbox in this epoch, and does one now? */
  readonly here: 'yes' | 'no' | undefined;
  /** The message that the id stands for, if the id was typed before and is promised to be known. Undefined: nothing is promised. */
  promised: Info | undefined;
  /** The message that was made of it. */
  info?: Info;
  /** It was decided. If no message was made of it, it is a repeat, or it is refused. */
  decided: boolean;
  answered: boolean;
}

/** What one connection has said and was told. */
export interface Line {
  readonly name: string;
  /** The name and the session's token. The relay gives a token to a connection without one; its entries show it. */
  session: string;
  readonly conn: number;
  readonly asked: Asked[];
  /** Set by RECEIVE; undefined while it does not collect. */
  collects: { readonly window: number; remaining: number } | undefined;
  /** For each EMPTY that is due, the number up to which everything held must be acknowledged first. */
  drains: number[];
  lastSent: number;
  /** The end of the log when it said BYE. */
  bye: number | undefined;
  /** Another session has taken over its mailbox. */
  replaced: boolean;
  /** It has acknowledged something that it may not. */
  failed: boolean;
  /** The answers to STATUS that are due. */
  readonly status: { readonly lines: string[]; readonly end: number }[];
  told: string[];
}

const key = (to: string, seq: number): string => `${to} ${seq}`;

/** The truth about a relay. */
export class Truth {
  /** The state as of the last entry, and as of the last durable one. */
  full = new NaiveState();
  #durable = new NaiveState();
  #applied = 0;
  #entries: Appended[] = [];
  #infos = new Map<string, Info>();
  /** By name and id, the newest last. */
  #copies = new Map<string, Info[]>();
  /** The ids that each session holds, as `name id`. */
  #rings = new Map<string, Set<string>>();
  /** All ids that each session ever held, whatever became of them. */
  #noted = new Set<string>();
  /** When each session was last in the log, by the clock that stands still while the relay is not running. */
  #heard = new Map<string, number>();
  /** The SENDs of a session: when, in running time, and whether a crash may take them. */
  #sends: { session: string; at: number; lsn: number | undefined; answered: Asked | undefined }[] = [];
  /** The highest number of a mailbox that any client was told. */
  readonly #told = new Map<string, number>();
  /** The connections to which a message was written in this epoch, and the messages that were ever written. */
  #written = new Map<string, Set<number>>();
  readonly #everWritten = new Set<string>();
  readonly lines = new Map<number, Line>();
  readonly collectors = new Map<string, Line>();
  /** Names that said RECEIVE in this epoch. */
  readonly #received = new Set<string>();
  limits: Partial<RelayLimits> = {};
  room = true;
  /** What the relay wrote on each connection: the header lines that must arrive. */
  readonly wrote = new Map<number, string[]>();

  /**
   * @param now the relay's age clock, as it must be
   * @param durable the LSN below which everything is durable
   * @param running how long the relay has run in all epochs together, in milliseconds
   */
  constructor(
    readonly now: () => number,
    readonly durable: () => number,
    readonly running: () => number,
  ) {}

  /** The number of entries. */
  get end(): number {
    return this.#entries.length;
  }

  /** Is nothing short, so that no SEND is refused for lack of room? */
  get takesAll(): boolean {
    return this.room && Object.keys(this.limits).length === 0;
  }

  /** Messages that are held, in order. */
  held(to: string): Info[] {
    return this.full.heldOf(to).map(({ seq }) => this.info(to, seq));
  }

  info(to: string, seq: number): Info {
    const info = this.#infos.get(key(to, seq));
    assert(info, `nobody knows message ${seq} of ${to}`);
    return info;
  }

  /** Every mailbox with mail, as STATUS reports it. */
  get status(): string[] {
    const boxes = [...this.full.boxes.values()].filter(({ held }) => held.length > 0);
    return boxes
      .map(({ name, held }) => {
        const bytes = held.reduce((sum, { size }) => sum + size, 0);
        return `name=${name} held=${held.length} bytes=${bytes} oldest=${held[0]?.at}`;
      })
      .sort();
  }

  // ---- what the relay decides

  /** The relay has appended an entry. */
  appended(one: Appended): void {
    const { entry, lsn } = one;
    assert.equal(lsn, this.#entries.length);
    if (entry.verb !== 'OPEN' && entry.verb !== 'MOVE') assert.equal(entry.t, this.now(), 'the age clock');
    this.#judge(one);
    this.#learn(one);
  }

  #judge({ entry, frames }: Appended): void {
    switch (entry.verb) {
      case 'SEND':
        for (const [index, { id, to }] of entry.messages.entries()) {
          const asked = this.#next(`${entry.from} ${entry.session}`, id);
          assert(asked, `${id} was not sent`);
          assert.equal(frames[index]?.body?.toString(), asked.body);
          assert.equal(asked.promised, undefined, `${id} is promised to be known, but was stored again`);
          const before = entry.messages.slice(0, index).filter((message) => message.to === to).length;
          const seq = (entry.first.get(to) ?? 0) + before;
          assert(seq > (this.#told.get(to) ?? 0), `number ${seq} of ${to} was already given out`);
        }
        break;
      case 'OPEN': {
        const box = this.full.boxes.get(entry.to);
        assert(box !== undefined && box.held.length > 0, `OPEN of ${entry.to}, which has no mail`);
        assert(this.collectors.has(entry.to), `OPEN of ${entry.to}, but nobody collects`);
        assert(!box.open, `OPEN of ${entry.to}, which is already open`);
        break;
      }
      case 'ACK': {
        const line = this.collectors.get(entry.to);
        assert(
          line !== undefined && entry.seq <= line.lastSent,
          `nobody acknowledged ${entry.to} ${entry.seq}`,
        );
        const ended = this.held(entry.to).filter(({ seq }) => seq <= entry.seq);
        this.#notices(entry.messages, ended, () => ({ kind: 'receipt', tried: undefined }));
        break;
      }
      case 'EXPIRE':
        this.#expires(entry);
        break;
      case 'LOST':
        assert.fail('nothing was lost');
        break;
      default:
    }
  }

  #expires({ to, numbers, messages, t }: Entry<'EXPIRE'>): void {
    const ended = numbers.map((seq) => this.info(to, seq));
    for (const { seq, ttl, gone, t: taken } of ended) {
      assert(!gone, `${to} ${seq} is already gone`);
      assert(ttl !== undefined && t >= taken + ttl * 1000, `${to} ${seq} expires too early`);
      assert(seq > (this.collectors.get(to)?.lastSent ?? 0), `${to} ${seq} expires in flight`);
    }
    const mark = this.full.boxes.get(to)?.tried ?? 0;
    this.#notices(messages, ended, ({ seq }) => {
      const tried = seq <= mark || (this.#written.get(key(to, seq))?.size ?? 0) > 0;
      assert(tried || !this.#everWritten.has(key(to, seq)), `${to} ${seq} was written once`);
      return { kind: 'bounce', tried: tried ? 'yes' : 'no' };
    });
  }

  // One notice for each message that asked for one, in order, and no other.
  #notices(
    notices: readonly Notice[],
    ended: readonly Info[],
    words: (info: Info) => { kind: string; tried: string | undefined },
  ): void {
    const due = ended.filter(({ notify }) => notify !== undefined);
    const expected = due.map((info) => ({ id: info.id, to: info.notify, ...words(info) }));
    assert.deepEqual(
      notices.map(({ id, to, kind, tried }) => ({ id, to, kind, tried })),
      expected,
    );
  }

  // The first SEND with this id that is not decided yet.
  #next(session: string, id: string): Asked | undefined {
    const lines = [...this.lines.values()];
    const nameless = ({ name, session: known }: Line): boolean =>
      known === '' && session.startsWith(`${name} `);
    const line = lines.find((one) => one.session === session) ?? lines.find(nameless);
    if (line === undefined) return undefined;
    line.session = session;
    return line.asked.find((one) => !one.decided && one.id === id);
  }

  #learn(one: Appended, live = true): void {
    const { entry, frames, lsn } = one;
    this.#entries.push(one);
    if (entry.verb === 'SEND') {
      const session = `${entry.from} ${entry.session}`;
      const next = new Map(entry.first);
      for (const [index, message] of entry.messages.entries()) {
        const seq = next.get(message.to) as number;
        next.set(message.to, seq + 1);
        const info = this.#add(message, seq, lsn, entry, frames[index]?.body, entry.from);
        const id = `${entry.from} ${message.id}`;
        this.#copies.set(id, [...(this.#copies.get(id) ?? []), info]);
        this.#hold(session, id, entry.t);
        if (!live) continue;
        const asked = this.#next(session, message.id);
        if (asked !== undefined) Object.assign(asked, { info, decided: true });
        this.#sends.push({ session, at: this.running(), lsn, answered: asked });
        this.#promiseTwins(asked, info);
      }
    } else if (entry.verb === 'REPEAT') {
      const session = `${entry.from} ${entry.session}`;
      const asked = live ? this.#next(session, entry.id) : undefined;
      if (live) assert(asked, `${entry.id} was not sent again`);
      if (asked !== undefined) asked.decided = true;
      this.#hold(session, `${entry.from} ${entry.id}`, entry.t);
    } else if (entry.verb === 'ACK' || entry.verb === 'EXPIRE') {
      for (const [index, notice] of entry.messages.entries())
        this.#add(notice, notice.seq, lsn, entry, frames[index]?.body, 'relay');
      const goes = ({ seq }: Info): boolean =>
        entry.verb === 'ACK' ? seq <= entry.seq : entry.numbers.includes(seq);
      for (const info of this.held(entry.to)) if (goes(info)) info.gone = true;
    }
    this.full.apply(entry, lsn);
    if (!live || entry.verb !== 'SEND') return;
    const { messages = Number.POSITIVE_INFINITY } = this.limits;
    assert(this.full.describe().counts.messages <= messages, 'more messages are held than the limit allows');
  }

  // The same id once more, typed before this one was decided, is a repeat.
  #promiseTwins(asked: Asked | undefined, info: Info): void {
    if (asked === undefined) return;
    const line = this.lines.get(asked.conn);
    for (const twin of line?.asked ?? []) if (!twin.decided && twin.id === asked.id) twin.promised = info;
  }

  // A session that was silent for longer than promised may have begun anew.
  #hold(session: string, id: string, t: number): void {
    const uptime = t - this.full.down;
    const silent = uptime - (this.#heard.get(session) ?? uptime);
    const ring = silent > PROMISED ? undefined : this.#rings.get(session);
    this.#rings.set(session, (ring ?? new Set()).add(id));
    this.#noted.add(`${session} ${id}`);
    this.#heard.set(session, uptime);
  }

  #add(
    message: {
      id: string;
      to: string;
      ttl?: number | undefined;
      notify?: string | undefined;
      kind?: string | undefined;
      tried?: string | undefined;
    },
    seq: number,
    lsn: number,
    { at, t }: { at: number; t: number },
    body: Buffer | undefined,
    from: string,
  ): Info {
    const { id, to, ttl, notify, kind, tried } = message;
    const text = body?.toString() ?? '';
    const info = { to, seq, lsn, id, from, body: text, at, t, ttl, notify, kind, tried, gone: false };
    this.#infos.set(key(to, seq), info);
    return info;
  }

  // ---- what clients type

  /** A connection has said HELLO. */
  greeted(conn: number, name: string, token: string | undefined): void {
    this.lines.set(conn, {
      name,
      session: token === undefined ? '' : `${name} ${token}`,
      conn,
      asked: [],
      collects: undefined,
      drains: [],
      lastSent: 0,
      bye: undefined,
      replaced: false,
      failed: false,
      status: [],
      told: [],
    });
  }

  /** A SEND is about to be typed. */
  asks(line: Line, id: string, to: string, body: string): void {
    const here = this.collectors.has(to) ? 'yes' : this.#received.has(to) ? 'no' : undefined;
    const promised = this.#promise(line.name, id);
    const { room, takesAll: free } = this;
    line.asked.push({
      conn: line.conn,
      id,
      to,
      body,
      at: this.running(),
      room,
      free,
      here,
      promised,
      decided: false,
      answered: false,
    });
  }

  // The message that an id stands for, if some session of this name holds it and has sent something lately.
  #promise(name: string, id: string): Info | undefined {
    for (const session of this.#rings.keys())
      if (session.startsWith(`${name} `) && this.#holds(session, `${name} ${id}`, this.running()))
        return this.#copies.get(`${name} ${id}`)?.at(-1);
    return undefined;
  }

  // Does this session certainly hold an id? A session that was silent for long may be forgotten.
  #holds(session: string, id: string, at: number): boolean {
    const last = Math.max(...this.#sends.filter((one) => one.session === session).map((one) => one.at));
    return at - last < PROMISED && (this.#rings.get(session)?.has(id) ?? false);
  }

  /** RECEIVE is about to be typed. */
  receives(line: Line, window: number, limit: number | undefined, drain: boolean): void {
    const before = this.collectors.get(line.name);
    if (before !== undefined && before !== line) {
      this.leaves(before);
      before.replaced = true;
    }
    this.leaves(line);
    this.collectors.set(line.name, line);
    this.#received.add(line.name);
    if (drain) line.drains.push(this.full.nextOf(line.name) - 1);
    line.collects = { window, remaining: limit ?? Number.POSITIVE_INFINITY };
  }

  /** It says nothing more: BYE, an error, or the connection is gone. An EMPTY that was decided still comes. */
  leaves(line: Line): void {
    if (this.collectors.get(line.name) === line) this.collectors.delete(line.name);
    line.collects = undefined;
    line.drains = line.drains.filter((upTo) => !this.#holdsUpTo(this.full, line.name, upTo));
  }

  #holdsUpTo(state: NaiveState, name: string, upTo: number): boolean {
    return state.heldOf(name).some(({ seq }) => seq <= upTo);
  }

  /** Everything that was typed has been read. */
  read(): void {
    for (const { asked } of this.lines.values()) for (const one of asked) one.decided = true;
  }

  // ---- what the relay says

  /** The relay has written a frame. */
  sent(conn: number, verb: string, fields: Readonly<Record<string, unknown>>): void {
    const line = this.lines.get(conn);
    if (line === undefined) {
      assert.equal(verb, 'READY');
      return;
    }
    switch (verb) {
      case 'STORED':
        this.#stored(line, fields);
        break;
      case 'REFUSED':
        this.#refused(line, fields);
        break;
      case 'MESSAGE':
        this.#message(line, fields);
        break;
      case 'EMPTY':
        this.#empty(line);
        break;
      case 'MAILBOX': {
        const { name, held, bytes, oldest, connected } = fields;
        // An empty mailbox is told because it is collected.
        if (held === 0) {
          assert.equal(connected, 'yes');
          return;
        }
        line.told.push(`name=${name} held=${held} bytes=${bytes} oldest=${oldest}`);
        return;
      }
      case 'END':
        this.#end(line);
        break;
      case 'BYE':
        this.#bye(line, fields.code);
        break;
      case 'ERROR':
        assert(line.failed && fields.code === 'bad_ack', `ERROR ${fields.code}`);
        return;
      default:
        assert.fail(`unexpected ${verb}`);
    }
  }

  #answers(line: Line, id: unknown, matches: (asked: Asked) => boolean): Asked {
    const asked = line.asked.find((one) => !one.answered && one.id === id && matches(one));
    assert(asked, `${line.name} sent no ${id} that could get this answer`);
    asked.answered = true;
    return asked;
  }

  #stored(line: Line, { id, seq, present, dup }: Readonly<Record<string, unknown>>): void {
    const copies = (this.#copies.get(`${line.name} ${id}`) ?? []).filter((copy) => copy.seq === seq);
    const copyOf = (asked: Asked): Info | undefined =>
      asked.info ?? copies.find((copy) => isSame(asked, copy));
    const asked = this.#answers(line, id, (one) => {
      const copy = copyOf(one);
      // An id that is promised to be known is known as this message.
      const known = one.promised === undefined || one.promised === copy;
      return copy !== undefined && known && (one.info === undefined) === (dup === 'yes');
    });
    const { to } = asked;
    const stored = copyOf(asked) as Info;
    assert.equal(stored.seq, seq);
    assert(stored.lsn < this.durable(), `${id} is STORED but not durable`);
    // A receiver that collected before the relay started may be forgotten.
    if (asked.here === undefined) assert.notEqual(present, 'yes');
    else assert.equal(present, asked.here);
    this.#told.set(to, Math.max(this.#told.get(to) ?? 0, stored.seq));
    const holds = this.#holds(line.session, `${line.name} ${id}`, asked.at);
    if (dup === 'yes' && holds && asked.room)
      this.#sends.push({ session: line.session, at: asked.at, lsn: undefined, answered: asked });
    // A repeat by a session that did not hold the id is logged, if nothing is short.
    if (dup === 'yes' && asked.free)
      assert(this.#noted.has(`${line.session} ${line.name} ${id}`), `${id} was not logged`);
  }

  #refused(line: Line, { id, code }: Readonly<Record<string, unknown>>): void {
    if (code === 'id_reused') {
      const newest = this.#copies.get(`${line.name} ${id}`)?.at(-1);
      assert(newest, `${id} was never used`);
      this.#answers(line, id, (one) => !one.decided && !isSame(one, newest));
      return;
    }
    // A repeat is never refused. A refusal comes immediately.
    this.#answers(line, id, ({ decided, promised }) => !decided && promised === undefined);
    const { limits, full } = this;
    const { counts, sessions } = full.describe();
    // What was accepted before it and is not logged yet counts, too.
    const taken = line.asked.filter((one) => !one.answered && one.info === undefined).length;
    // An address may take as much as it leaves free.
    const short = (used: number, more: number, limit: number | undefined): boolean =>
      limit !== undefined && 2 * (used + more * (taken + 1)) > limit;
    const now = this.now() - full.down;
    const kept = sessions.filter(({ last }) => now - last <= FORGETTABLE);
    const links = kept.reduce((sum, { ids }) => sum + ids.length, 0);
    const names = new Set(full.boxes.keys());
    for (const { notify, gone } of this.#infos.values()) if (!gone && notify !== undefined) names.add(notify);
    const why: Record<string, boolean> = {
      disk_full: !this.room,
      too_many: short(counts.messages, 1, limits.messages) || short(names.size, 2, limits.names),
      busy: short(links, 1, limits.ids) || short(kept.length, 1, limits.sessions),
    };
    assert(why[String(code)], `${id} was refused without a reason: ${code}`);
  }

  #message(line: Line, fields: Readonly<Record<string, unknown>>): void {
    const { name, collects, conn } = line;
    const seq = Number(fields.seq);
    const at = key(name, seq);
    const info = this.info(name, seq);
    assert(
      this.collectors.get(name) === line && collects !== undefined,
      `${at} goes to a connection that does not collect`,
    );
    assert(seq > line.lastSent, `${at} comes after ${line.lastSent}`);
    assert(!info.gone, `${at} is gone`);
    assert(info.lsn < this.durable(), `${at} is not durable`);
    const durable = this.#durableState();
    assert(durable.boxes.get(name)?.open, `${at} is sent from a mailbox whose OPEN is not durable`);
    // Only what is durably gone may be skipped.
    const before = durable.heldOf(name).filter((held) => held.seq < seq && held.seq > line.lastSent);
    const acknowledged = this.full.acknowledgedOf(name);
    const left = before.filter((held) => held.seq > acknowledged).map((held) => held.seq);
    assert.deepEqual(left, [], `${at} comes before these`);
    const inFlight = this.held(name).filter((held) => held.seq <= line.lastSent).length;
    assert(inFlight < collects.window, `${at} is beyond the window`);
    assert(collects.remaining > 0, `${at} is beyond the limit`);
    const connections = this.#written.get(at) ?? new Set();
    const mark = this.full.boxes.get(name)?.tried ?? 0;
    assert(!connections.has(conn));
    const attempt = 1 + connections.size + (seq <= mark ? 1 : 0);
    if (this.#everWritten.has(at)) assert(attempt > 1, `${at} was written before the relay started`);
    const { id, from, kind, tried, body, t } = info;
    const held = Math.max(0, this.now() - t);
    const size = Buffer.byteLength(body);
    assert.deepEqual(
      { ...fields },
      without({ seq, id, from, at: info.at, held, attempt, kind, tried, size }),
    );
    this.#written.set(at, connections.add(conn));
    this.#everWritten.add(at);
    this.#told.set(name, Math.max(this.#told.get(name) ?? 0, seq));
    line.lastSent = seq;
    collects.remaining -= 1;
  }

  #empty({ name, drains }: Line): void {
    const upTo = drains.shift();
    assert(upTo !== undefined, 'EMPTY was not asked for');
    assert(!this.#holdsUpTo(this.#durableState(), name, upTo), `EMPTY, but ${name} holds something`);
  }

  #end(line: Line): void {
    const due = line.status.shift();
    assert(due, 'unexpected END');
    assert(this.durable() >= due.end, 'STATUS reports what is not durable');
    assert.deepEqual(line.told, due.lines);
    line.told = [];
  }

  #bye(line: Line, code: unknown): void {
    if (code === 'replaced') assert(line.replaced, 'nobody has taken its mailbox');
    else {
      assert(line.bye !== undefined || this.stopping, 'BYE was not asked for');
      assert(this.durable() >= (line.bye ?? 0), 'BYE, but what came before it is not durable');
    }
    assert(
      line.asked.every(({ answered }) => answered),
      'BYE before an answer',
    );
  }

  /** The relay is being stopped. */
  stopping = false;

  // The state of what is durable.
  #durableState(): NaiveState {
    for (; this.#applied < this.durable(); this.#applied++) {
      const { entry, lsn } = this.#entries[this.#applied] as Appended;
      this.#durable.apply(entry, lsn);
    }
    return this.#durable;
  }

  /** The relay has freed a segment. */
  freed(first: number, end: number): void {
    for (const { name, held } of this.full.boxes.values())
      for (const { seq, lsn } of held) assert(lsn < first || lsn >= end, `${key(name, seq)} is freed`);
  }

  // ---- what must have been said

  /** Everything is durable and nothing moves: then everything that is due has been said. */
  complete(): void {
    for (const line of this.lines.values()) {
      const { name, asked, collects, lastSent, replaced, failed, bye, status } = line;
      if (failed || replaced) continue;
      assert.deepEqual(
        asked.filter(({ answered }) => !answered).map(({ id }) => id),
        [],
        'these are not answered',
      );
      assert.deepEqual(status, [], 'STATUS is not answered');
      for (const upTo of line.drains)
        assert(this.#holdsUpTo(this.full, name, upTo), `${name} was not told EMPTY`);
      if (collects === undefined || bye !== undefined) continue;
      const held = this.held(name);
      const next = held.find(({ seq }) => seq > lastSent);
      const inFlight = held.filter(({ seq }) => seq <= lastSent).length;
      if (next !== undefined && inFlight < collects.window && collects.remaining > 0)
        assert(this.#overdue(next, 0), `${key(name, next.seq)} was not sent`);
    }
  }

  /** Whatever is overdue for longer than the interval of the checks has expired, unless it is in flight. */
  expired(): void {
    for (const info of this.#infos.values())
      if (!info.gone && this.#overdue(info, 2000))
        assert(
          info.seq <= (this.collectors.get(info.to)?.lastSent ?? 0),
          `${key(info.to, info.seq)} is still here`,
        );
  }

  #overdue({ ttl, t }: Info, by: number): boolean {
    return ttl !== undefined && this.now() >= t + ttl * 1000 + by;
  }

  // ---- the end of a relay

  /** The relay is gone. The first entries are what it leaves. */
  crashed(kept: number): void {
    const entries = this.#entries.slice(0, kept);
    this.full = new NaiveState();
    this.#durable = new NaiveState();
    this.#applied = 0;
    this.#entries = [];
    this.#infos = new Map();
    this.#copies = new Map();
    this.#rings = new Map();
    this.#heard = new Map();
    this.#noted = new Set();
    this.#written = new Map();
    this.#received.clear();
    this.lines.clear();
    this.collectors.clear();
    this.stopping = false;
    this.#sends = this.#sends.filter(
      ({ lsn, answered }) => (lsn !== undefined && lsn < kept) || answered?.answered === true,
    );
    for (const one of entries) this.#learn(one, false);
  }
}

const isSame = (asked: Asked, { to, body }: Info): boolean => asked.to === to && asked.body === body;

function without(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
