// Servers that a person has started, and where they listen.

import { type Talking, talk } from '../harness.ts';

/** A synchronous receiver and its address. */
export async function bobListens(...more: string[]): Promise<Talking & { place: string }> {
  const bob = talk(['sync', 'receive', '--port', '0', ...more]);
  const [, place = ''] = await bob.until(/listens on (\S+), pid/);
  return Object.assign(bob, { place });
}

/** A relay and its address. @param port the port it had before, or 0 */
export async function relayListens(
  journal: string,
  port: string | number = 0,
): Promise<Talking & { place: string; port: string }> {
  const relay = talk(['async', 'relay', '--port', String(port), '--journal', journal]);
  const [, place = '', bound = ''] = await relay.until(/listens on (\S+:(\d+)), pid[^\n]*\n {2}journal: /);
  return Object.assign(relay, { place, port: bound });
}
