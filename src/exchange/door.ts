// The door of a server: every connection comes through here, and is told from its ghosts. How many there may be, and of one session
// which. What is said on a connection is greet.ts; what a SEND or RECEIVE *does* is the mode's own, behind Host.

import type { Connection, ConnectionHandlers, NetContext } from '../net/connection.ts';
import { MAX_CONNECTIONS } from '../net/listener.ts';
import type { Message } from '../wire/verbs.ts';
import { type Guest, Visit } from './greet.ts';

/** Sessions whose highest `try` is kept after their last connection closed; the longest gone are dropped first. PROTOCOL.md, "Repeats". */
export const FENCES = 10_000;

/** What a mode does with its guests. A guest is only passed on once its HELLO has been accepted. */
export interface Host {
  /** May this name come in? If not, ERROR with this code and sentence. */
  admits(name: string): { readonly code: string; readonly reason: string } | undefined;
  /** A guest is here. */
  arrived(guest: Guest): void;
  /** A SEND to be answered with `guest.answer`. */
  send(guest: Guest, message: Message<'SEND'>): void;
  /** Why a SEND whose body is above the limit is refused; its body is being discarded. */
  oversize(guest: Guest, id: string, size: number): { readonly code: string; readonly reason: string };
  /** Any other verb a client may say after HELLO. False: this role does not serve it. */
  other(guest: Guest, message: Message): boolean;
  /** STATUS, which is served before HELLO too. False: this role does not serve it. */
  status(reply: (message: Message) => void, after: string | undefined): boolean;
  /** Calls back when all that this guest has said is as durable as it gets. */
  settled(guest: Guest, done: () => void): void;
  /** The queue towards the guest has shrunk. */
  drained(guest: Guest): void;
  /** The guest says no more: its connection closed, or it said BYE or FIN and will not acknowledge anything. Once. */
  left(guest: Guest): void;
}

interface Fence {
  highest: number;
  guest: Guest | undefined;
}

/** The door of a server: greets every connection, keeps the limits, passes guests to the host. */
export class Door {
  readonly ready: Message<'READY'>;
  readonly host: Host;
  readonly context: NetContext;
  readonly #visits = new Set<Visit>();
  readonly #fences = new Map<string, Fence>();

  /** @param ready what READY says; its `max` and `window` are kept here */
  constructor(ready: Message<'READY'>, host: Host, context: NetContext) {
    this.ready = ready;
    this.host = host;
    this.context = context;
  }

  /** Takes a connection from listener.ts. */
  accept(make: (handlers: ConnectionHandlers) => Connection): void {
    const crowded = this.#crowded() && !this.#makeRoom();
    const visit = new Visit(this, make, (gone) => this.#visits.delete(gone));
    this.#visits.add(visit);
    if (this.#visits.size > 2 * MAX_CONNECTIONS) visit.connection.destroy();
    // In place of READY: whoever has not been greeted sends nothing, so this is certain for him.
    else if (crowded) visit.fail('too_many', `${MAX_CONNECTIONS} connections are open already`);
    else visit.welcome();
  }

  // Those that are only waiting for the other's FIN take no place.
  #crowded(): boolean {
    if (this.#visits.size < MAX_CONNECTIONS) return false;
    let open = 0;
    for (const { connection } of this.#visits) if (connection.open) open += 1;
    return open >= MAX_CONNECTIONS;
  }

  /** Tries again to read from guests that `hold` had stopped. */
  readOn(): void {
    for (const visit of this.#visits) visit.readOn();
  }

  /** May a SEND of this size be taken now? The host sets it to bound what all guests together have on the way. */
  hold: () => boolean = () => false;

  /** Says BYE to everybody; each is answered what was taken first. Resolves when all connections are closed. */
  async close(): Promise<void> {
    await Promise.all([...this.#visits].map((visit) => visit.sayBye()));
  }

  /** Closes every connection at once. */
  slam(): void {
    for (const visit of this.#visits) visit.connection.destroy();
  }

  /**
   * Of one session only the connection with the highest `try` may act. The older is closed and what is unread from it dropped.
   * @returns false if this guest is the older
   */
  enter(guest: Guest): boolean {
    if (guest.session === undefined) return true;
    const key = `${guest.as} ${guest.session}`;
    const fence = this.#fences.get(key);
    if (fence !== undefined && fence.highest >= guest.tryNumber) return false;
    fence?.guest?.replace();
    this.#fences.delete(key);
    this.#fences.set(key, { highest: guest.tryNumber, guest });
    for (const [old, { guest: holder }] of this.#fences) {
      if (this.#fences.size <= FENCES) break;
      if (holder === undefined) this.#fences.delete(old);
    }
    return true;
  }

  /** The guest's connection has closed; its `try` is remembered. */
  leave(guest: Guest): void {
    const key = `${guest.as} ${guest.session}`;
    const fence = this.#fences.get(key);
    if (fence?.guest !== guest) return;
    fence.guest = undefined;
    this.#fences.delete(key);
    this.#fences.set(key, fence);
  }

  // Under pressure who has not said HELLO must go, the oldest first.
  #makeRoom(): boolean {
    for (const visit of this.#visits) {
      if (visit.guest !== undefined || !visit.connection.open) continue;
      visit.fail('no_hello', 'others are waiting, and no HELLO came');
      return true;
    }
    return false;
  }
}
