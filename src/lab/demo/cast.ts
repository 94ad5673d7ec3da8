// The processes of the stories, started with the same commands that a person types. Nothing here sleeps: each function that
// waits resolves when the process has said that it is ready.

import { join } from 'node:path';
import type { Actor } from '../stage/actor.ts';
import type { Stage } from '../stage/stage.ts';
import { MESSAGE } from './story.ts';

/** A server that listens. */
export interface Server {
  readonly actor: Actor;
  /** `127.0.0.1:PORT` */
  readonly place: string;
}

/** Starts a bob that listens for direct calls. */
export function listeningBob(stage: Stage, port = '0', ...flags: readonly string[]): Promise<Server> {
  return listening(stage.start('bob', 'sync', 'receive', '--as', 'bob', '--port', port, ...flags));
}

/** Starts the relay; a second one of the same stage finds the journal of the first. */
export function relay(stage: Stage, port = '0'): Promise<Server> {
  return listening(
    stage.start('relay', 'async', 'relay', '--port', port, '--journal', join(stage.dir, 'journal')),
  );
}

async function listening(actor: Actor): Promise<Server> {
  const { host, port } = await actor.until('listening');
  return { actor, place: `${host}:${port}` };
}

/** An address where somebody listened a moment ago and nobody listens now. */
export async function desertedPlace(stage: Stage): Promise<string> {
  const { actor, place } = await listeningBob(stage);
  await actor.kill();
  return place;
}

/** Starts a bob that collects his mail from the relay. */
export function collectingBob(stage: Stage, { place }: Server, ...flags: readonly string[]): Actor {
  return stage.start('bob', 'async', 'receive', '--as', 'bob', '--relay', place, ...flags);
}

/** Starts an alice that sends straight to an address. @param flags include the message, or `-` or `--lines` */
export function directAlice(stage: Stage, place: string, ...flags: readonly string[]): Actor {
  return stage.start('alice', 'sync', 'send', '--as', 'alice', '--to', place, ...flags);
}

/** Starts an alice that hands the message for bob to the relay. @param flags include the message, or `-` */
export function detourAlice(stage: Stage, place: string, ...flags: readonly string[]): Actor {
  return stage.start('alice', 'async', 'send', '--as', 'alice', '--to', 'bob', '--relay', place, ...flags);
}

/** alice sends MESSAGE on the direct route. Resolves when she has given her verdict and has ended. */
export async function sendsDirect(stage: Stage, place: string): Promise<Actor> {
  const alice = directAlice(stage, place, MESSAGE);
  await verdictOf(alice);
  return alice;
}

/** alice sends MESSAGE on the detour. Resolves when she has given her verdict and has ended. */
export async function sendsByRelay(stage: Stage, place: string): Promise<Actor> {
  const alice = detourAlice(stage, place, MESSAGE);
  await verdictOf(alice);
  return alice;
}

/** Waits until alice has given her verdict and has ended. */
export async function verdictOf(alice: Actor): Promise<void> {
  await alice.until('verdict');
  await alice.gone();
}

/** Starts a link to a server: a network that can be broken. Clients connect to the link instead. @param flags its conditions at the start */
export function cableTo(stage: Stage, { place }: Server, ...flags: readonly string[]): Promise<Server> {
  return listening(stage.start('link', 'link', '--listen', '0', '--to', place, ...flags));
}

/** Breaks or mends a network, and waits until it says that it did. */
export async function strikes({ actor }: Server, command: string): Promise<void> {
  const before = actor.events.length;
  actor.type(command);
  await actor.until('fault', (fault) => actor.events.indexOf(fault) >= before);
}

/** Waits until a process has read this share of a large message. @param share from 0 to 1 */
export async function hasRead(actor: Actor, share: number): Promise<void> {
  await actor.until('arriving', ({ have, size }) => have >= share * size);
}

/** Makes a process kill itself, as a person at its keyboard would: by typing `kill`. */
export async function killsItself(actor: Actor): Promise<void> {
  actor.type('kill');
  await actor.gone();
}
