// Random histories of a relay: senders with several sessions that repeat messages, recipients with windows, limits and drains that are
// replaced, killed or say BYE, acknowledgements, ttls, clocks that jump, crashes that keep part of what was not durable, restarts with other
// limits. relay-truth.ts checks every frame. relay-model.test.ts plays some dozens; `history` plays any number. No test is in here.

import assert from 'node:assert/strict';
import type { RelayLimits } from '../../src/async/admission.ts';
import { type Line, Truth } from './relay-truth.ts';
import { type Client, World } from './relay-world.ts';

const SENDERS = ['alice', 'ann'];
/** The recipients: lasting names, throwaway names, and names that wait for notices. */
const NAMES = ['bob', 'carol', 'w-x', 'w-y', 'alice'];
const MINUTE = 60_000;
const LIMITS: readonly Partial<RelayLimits>[] = [
  {},
  {},
  {},
  { messages: 10 },
  { names: 8 },
  { ids: 24 },
  { sessions: 6 },
];
/** How far the wall clock and the monotonic clock may drift apart before that is logged, in milliseconds. */
const SLACK = 1000;

/** What was removed in a history. */
export interface Cleared {
  /** The number of MOVE entries. */
  readonly moves: number;
  /** The number of segments that are gone. */
  readonly gone: number;
}

class History {
  readonly #chance: () => number;
  readonly #world: World;
  readonly #truth: Truth;
  #failure: unknown;
  /** The age clock when the relay started. */
  #base = 0;
  /** How long the earlier relays ran, and how long the first message would truly be held by now. */
  #ran = 0;
  #age = 0;
  /** The wall clock was moved, and it is not durable yet that the relay has noticed. */
  #moved = false;
  #ids = 0;
  #tries = 0;
  #moves = 0;
  /** Every SEND that was typed, so that it can be repeated. */
  readonly #sent: { name: string; id: string; to: string; body: string; more: string }[] = [];
  readonly steps: string[] = [];

  constructor(chance: () => number) {
    this.#chance = chance;
    const judge = (what: () => void): void => {
      try {
        if (this.#failure === undefined) what();
      } catch (error) {
        this.#failure = error;
      }
    };
    this.#world = new World({
      appended: (one) => {
        if (one.entry.verb === 'MOVE') this.#moves += 1;
        judge(() => this.#truth.appended(one));
      },
      sent: (conn, verb, fields) => judge(() => this.#truth.sent(conn, verb, fields)),
      closed: (conn) => this.#left(conn),
      freed: (first, end) => judge(() => this.#truth.freed(first, end)),
    });
    this.#truth = new Truth(
      () => this.#base + Math.floor(this.#world.clock.monotonic()),
      () => this.#world.log.durable,
      () => this.#ran + this.#world.clock.monotonic(),
    );
  }

  #below(count: number): number {
    return Math.floor(this.#chance() * count);
  }

  #one<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)];
  }

  #left(conn: number): void {
    const line = this.#truth.lines.get(conn);
    if (line !== undefined) this.#truth.leaves(line);
    this.#truth.lines.delete(conn);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { log } = this.#world;
    if (log.durable === log.end) this.#truth.complete();
  }

  // ---- the start and the end of a relay

  async #start(down: number): Promise<void> {
    const { full } = this.#truth;
    const wall = this.#world.clock.epoch() + down;
    this.#truth.limits = this.#one(LIMITS) ?? {};
    this.#base = full.at === 0 ? 0 : full.t + Math.max(0, Math.round(wall) - full.at);
    this.#age += Math.max(0, down);
    // The ages of messages are the true ones: a moved wall clock counts only if the relay had no time to notice it.
    if (full.at > 0 && !this.#moved && down >= 0)
      assert(Math.abs(this.#base - this.#age) <= SLACK, `held for ${this.#age} ms, not for ${this.#base}`);
    this.#age = this.#base;
    this.#moved ||= down < 0;
    this.#truth.room = true;
    await this.#world.start(this.#truth.limits, wall);
    this.#check();
  }

  async #end(kept: number | 'polite'): Promise<void> {
    const { clock } = this.#world;
    if (kept === 'polite') {
      this.#truth.stopping = true;
      for (const line of this.#truth.lines.values()) this.#truth.leaves(line);
      await this.#world.stop();
    } else await this.#world.crash(kept);
    this.#ran += clock.monotonic();
    this.#age += clock.monotonic();
    this.#check();
    this.#truth.crashed(this.#world.log.entries.length);
  }

  async #restart(): Promise<void> {
    const { log } = this.#world;
    await this.#end(this.#chance() < 0.3 ? 'polite' : this.#below(log.end - log.durable + 1));
    const down = this.#one([0, 10, 5000, 70_000, 20 * MINUTE, -MINUTE]) ?? 0;
    await this.#start(down);
  }

  // ---- clients

  get #open(): { client: Client; line: Line }[] {
    return this.#world.clients.flatMap((client) => {
      const line = this.#truth.lines.get(client.conn);
      return client.over || line === undefined ? [] : [{ client, line }];
    });
  }

  async #connect(name: string): Promise<{ client: Client; line: Line }> {
    const nameless = this.#world.clients.some((one) => one.name === name && one.token === undefined);
    const token = this.#chance() < 0.15 && !nameless ? undefined : `s${this.#below(3)}`;
    this.#tries += 1;
    const before = this.#world.clients.filter((one) => one.name === name && one.token === token);
    if (token !== undefined)
      // The newer connection of a session closes the older one.
      for (const one of before) {
        one.over = true;
        one.cut = true;
        this.#left(one.conn);
      }
    const client = await this.#world.connect(name, token, this.#tries, (conn) =>
      this.#truth.greeted(conn, name, token),
    );
    const line = this.#truth.lines.get(client.conn);
    assert(line);
    return { client, line };
  }

  async #someone(names: readonly string[]): Promise<{ client: Client; line: Line }> {
    const some = this.#open.filter(({ client }) => names.includes(client.name));
    const name = this.#one(names) ?? '';
    return (this.#chance() < 0.75 ? this.#one(some) : undefined) ?? (await this.#connect(name));
  }

  async #send(): Promise<void> {
    const { client, line } = await this.#someone(SENDERS);
    const frames: string[] = [];
    const fresh = new Set<string>();
    const repeated = new Set<string>();
    let last = '';
    // Nobody could tell which of two SENDs with the same id was answered. So a message that was sent before comes only once in a burst. A
    // new one may come again, but if it may be refused, only at once: when something else is decided between, one can be refused and the
    // other taken.
    const mayCome = (id: string): boolean =>
      !repeated.has(id) && (!fresh.has(id) || id === last || this.#truth.takesAll);
    for (let count = 1 + this.#below(4); count > 0; count--) {
      const known = this.#sent.filter(({ name, id }) => name === client.name && mayCome(id));
      const old = this.#chance() < 0.35 ? this.#one(known) : undefined;
      if (old !== undefined && !fresh.has(old.id)) repeated.add(old.id);
      this.#ids += 1;
      const made = {
        name: client.name,
        id: `${client.name}-${this.#ids}`,
        to: this.#one(NAMES) ?? '',
        body: `body ${this.#ids}`,
        more:
          this.#one(['', '', ' ttl=3', ' ttl=60', ' ttl=60 notify=alice', ' notify=alice', ' notify=w-n']) ??
          '',
      };
      const mail = { ...(old ?? made) };
      // Sometimes the id of one message comes with the body of another.
      if (old !== undefined && this.#chance() < 0.1) mail.body = `other ${this.#ids}`;
      else if (old === undefined) this.#sent.push(made);
      const { id, to, body, more } = mail;
      if (old === undefined) fresh.add(id);
      last = id;
      this.#truth.asks(line, id, to, body);
      frames.push(`SEND id=${id} to=${to}${more} size=${body.length}\n${body}\n`);
    }
    client.type(...frames);
  }

  async #receive(name = this.#one([...NAMES, 'w-n']) ?? ''): Promise<void> {
    const { client, line } = await this.#someone([name]);
    const window = 1 + this.#below(4);
    const limit = this.#chance() < 0.3 ? 1 + this.#below(4) : undefined;
    const drain = this.#chance() < 0.4;
    this.#truth.receives(line, window, limit, drain);
    for (const other of this.#open) if (other.line.replaced) other.client.over = true;
    client.type(
      `RECEIVE window=${window}${limit === undefined ? '' : ` limit=${limit}`}${drain ? ' drain=yes' : ''}\n`,
    );
  }

  #acknowledge(): void {
    const collecting = this.#open.filter(({ line }) => line.collects !== undefined && line.lastSent > 0);
    const one = this.#one(collecting);
    if (one === undefined) return;
    const { client, line } = one;
    const held = this.#truth.held(line.name).filter(({ seq }) => seq <= line.lastSent);
    const seq = this.#chance() < 0.1 ? line.lastSent : (this.#one(held)?.seq ?? line.lastSent);
    if (this.#chance() < 0.03) {
      line.failed = true;
      this.#truth.leaves(line);
      client.finish(`ACK seq=${Math.max(line.lastSent, this.#truth.full.acknowledgedOf(line.name)) + 1}\n`);
    } else client.type(`ACK seq=${seq}\n`);
  }

  #hangUp(): void {
    const one = this.#one(this.#open);
    if (one === undefined) return;
    const { client, line } = one;
    const how = this.#chance();
    if (how < 0.5) {
      client.over = true;
      client.cut = true;
      client.socket.resetAndDestroy();
    } else if (how < 0.7) {
      this.#truth.leaves(line);
      client.over = true;
      client.ended = true;
      client.socket.end();
    } else {
      this.#truth.leaves(line);
      line.bye = this.#truth.end;
      client.finish('BYE\n');
    }
  }

  async #ask(): Promise<void> {
    const { client, line } = await this.#someone(SENDERS);
    const { log } = this.#world;
    line.status.push({ lines: this.#truth.status, end: log.end });
    client.type('STATUS\n');
  }

  // ---- time

  async #pass(): Promise<void> {
    const { clock, log } = this.#world;
    const ms = this.#one([50, 900, 4000, 61_000, 6 * MINUTE, 11.5 * MINUTE]) ?? 0;
    clock.advance(ms);
    await this.#world.settle();
    // Expiry is checked every second, after what was read from the disk.
    for (let i = 0; i < 3; i++) {
      clock.advance(1000);
      await this.#world.settle();
    }
    this.#truth.expired();
    if (log.durable === log.end) this.#moved = false;
  }

  #moveClock(): void {
    this.#world.clock.set((this.#one([-60, -5, 5, 60, 24 * 60]) ?? 0) * MINUTE);
    this.#moved = true;
  }

  #changeRoom(): void {
    this.#truth.room = !this.#truth.room;
    this.#world.log.room = this.#truth.room ? 'yes' : 'no';
    this.#world.log.owner.room();
  }

  // ---- everything together

  async step(): Promise<void> {
    const roll = this.#chance();
    const { log } = this.#world;
    const what: [number, string, () => unknown][] = [
      [0.27, 'send', () => this.#send()],
      [0.42, 'receive', () => this.#receive()],
      [0.58, 'acknowledge', () => this.#acknowledge()],
      [0.72, 'sync', () => log.sync(this.#chance() < 0.4 ? 1 + this.#below(3) : undefined)],
      [0.8, 'hang up', () => this.#hangUp()],
      [0.88, 'time passes', () => this.#pass()],
      [0.9, 'the clock is moved', () => this.#moveClock()],
      [0.93, 'status', () => this.#ask()],
      [0.95, 'room', () => this.#changeRoom()],
      [1, 'restart', () => this.#restart()],
    ];
    const [, name, act] = what.find(([below]) => roll < below) as (typeof what)[number];
    this.steps.push(name);
    await act();
    await this.#world.settle();
    this.#truth.read();
    this.#check();
  }

  /** At the end everything that is held comes out, in order, and can be acknowledged. */
  async finish(): Promise<void> {
    if (!this.#truth.room) this.#changeRoom();
    await this.#world.rest();
    this.#check();
    if (this.#chance() < 0.5) await this.#restart();
    const names = [...this.#truth.full.boxes.keys()];
    for (let round = 0; round < 2; round++)
      for (const name of names) {
        // Receipts come in while other mailboxes are emptied.
        const { client, line } = await this.#connect(name);
        this.#truth.receives(line, 4000, undefined, true);
        for (const other of this.#open) if (other.line.replaced) other.client.over = true;
        client.type('RECEIVE window=4000 drain=yes\n');
        // What has expired is removed at the next check, and the next message comes then.
        for (let i = 0; i < 3; i++) {
          await this.#world.rest();
          this.#world.clock.advance(1000);
        }
        await this.#world.rest();
        this.#check();
        if (line.lastSent > 0) client.type(`ACK seq=${line.lastSent}\n`);
        await this.#world.rest();
        this.#check();
      }
    for (const name of names)
      assert.deepEqual(
        this.#truth.held(name).filter(({ ttl }) => ttl === undefined),
        [],
      );
    await this.#end('polite');
  }

  async play(steps: number): Promise<Cleared> {
    await this.#start(0);
    for (let i = 0; i < steps; i++) await this.step();
    await this.finish();
    return { moves: this.#moves, gone: this.#world.gone };
  }

  /** Closes everything. */
  abandon(): void {
    try {
      this.#world.relay.fail();
    } catch {
      // The relay has not started.
    }
    for (const client of this.#world.clients) client.socket.destroy();
  }
}

/** Plays one history. @throws Error for the first thing that is not true, with the last steps before it */
export async function history(chance: () => number, steps: number): Promise<Cleared> {
  const one = new History(chance);
  try {
    return await one.play(steps);
  } catch (error) {
    one.abandon();
    throw new Error(`after ${one.steps.length} steps, the last of them ${one.steps.slice(-6).join(', ')}`, {
      cause: error,
    });
  }
}
