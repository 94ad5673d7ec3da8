// What a client saw beside the end of an attempt, in words: which addresses were tried, what came that was not the answer, and whether the
// cause was on its own side.

import { networkInterfaces } from 'node:os';
import { bytes, ms } from '../core/units.ts';
import { visible } from '../core/visible.ts';
import type { Route } from '../errors/entry.ts';
import type { AttemptEnd, Seen, StrayMessage } from '../exchange/verdict.ts';
import { addressBytes } from '../net/address.ts';
import type { TriedAddress } from '../net/dial.ts';
import type { PartialFrame } from '../wire/decoder.ts';

/** Each address that was tried, with what came of it. */
export function triedText(tried: readonly TriedAddress[]): string {
  return tried.map(({ address, code, ms: took }) => `${address} ${resultText(code, ms(took))}`).join(', ');
}

const resultText = (code: string | undefined, took: string): string =>
  code === undefined ? `gave no answer in ${took}` : `failed after ${took} (${code})`;

/** A frame that began and did not end. @param end what ended the wait for the rest */
export function partialText(
  { bytes: count, start, body }: PartialFrame,
  end: AttemptEnd | undefined,
): string {
  const then = end?.how === 'fin' ? ', then FIN' : end?.how === 'broken' ? `, then ${end.code}` : '';
  if (body === undefined) return `${bytes(count)} came without a line end: \`${cut(start, count)}\`${then}`;
  const line = start.indexOf('\n');
  const header =
    line === -1 ? cut(start, count) : visible(start.subarray(0, line).toString('latin1').trimEnd());
  const came =
    body.have < body.size
      ? `${body.have} of the ${bytes(body.size)} of its body`
      : 'its whole body, but no line end after the body';
  return `\`${header}\` came with ${came}${then}`;
}

/** Why a connection may have ended that has nothing to do with the other side. Empty if there is no sign of that. */
export function ownFaults({ local, stoodStillMs }: Partial<Seen>, end: AttemptEnd | undefined): string[] {
  const silent = end !== undefined && WITHOUT_A_WORD.has(end.how);
  if (silent && local !== undefined && !hasAddress(local))
    return [`this computer no longer has the address ${local}, from which it was connected`];
  if (stoodStillMs === undefined || !(silent || end?.how === 'fin')) return [];
  return [
    `this program stood still for at least ${ms(stoodStillMs)}, and the other side hangs up after three heartbeats of silence`,
  ];
}

/** Ends in which the other side said nothing, and did not close either. */
const WITHOUT_A_WORD: ReadonlySet<AttemptEnd['how']> = new Set([
  'broken',
  'silent',
  'stalled',
  'deadline',
  'unanswered',
]);

// All of 127.0.0.0/8 is this computer's.
function hasAddress(address: string): boolean {
  const wanted = addressBytes(address);
  const own = Object.values(networkInterfaces()).flatMap((of = []) =>
    of.map((one) => addressBytes(one.address)),
  );
  return wanted === undefined || /^7f.{6}$/.test(wanted) || own.includes(wanted);
}

const cut = (start: Buffer, count: number): string => visible(start) + (count > start.length ? '...' : '');

/** A message that came in place of the answer. @param id the id of the message that waits */
export function strayText({ verb, id: named }: StrayMessage, id: string, route: Route): string {
  const answers = [route === 'sync' ? 'RECEIVED' : 'STORED', 'REFUSED'];
  if (answers.includes(verb) && named !== undefined)
    return `${verb} came for the id ${named}, and this message has the id ${id}`;
  return `${verb} came, and a message is answered by ${answers.join(' or ')} here`;
}
