// What the tests of the relay's protocol share: greeted clients, and short forms of what was said.

import { expect } from 'vitest';
import type { RawClient } from '../harness.ts';
import { send } from './house.ts';

/** The HELLO of alice, and of bob. */
export const ALICE = 'HELLO version=1 as=alice session=a try=1';
export const BOB = 'HELLO version=1 as=bob session=b try=1';

/** One field of a header line. */
export const field = (line: string, key: string): string | undefined =>
  new RegExp(` ${key}=(\\S+)`).exec(line)?.[1];

/** Sends messages to bob, with ids made from their bodies, and takes the answers. */
export async function stored(client: RawClient, ...bodies: string[]): Promise<void> {
  for (const body of bodies) client.type(send(`id-${body}`, 'bob', body));
  for (const _ of bodies) expect(await client.next()).toEqual([expect.stringMatching(/^STORED /), undefined]);
}

/** The next MESSAGE as `seq attempt body`. */
export async function message(client: RawClient): Promise<string> {
  const [line, body] = await client.next();
  if (!line.startsWith('MESSAGE ')) throw new Error(line);
  return `${field(line, 'seq')} ${field(line, 'attempt')} ${body}`;
}
