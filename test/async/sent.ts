// A client's message as it is in a SEND entry, made the plain way. No test is in here.

import { keyOf, type SentMessage } from '../../src/async/entry.ts';
import type { Hasher } from '../../src/core/hash.ts';

/** What a relay makes of a SEND with these fields and this body. */
export function sentMessage(
  from: string,
  message: Pick<SentMessage, 'id' | 'to' | 'ttl' | 'notify'>,
  body: Uint8Array,
  hasher: Hasher,
): SentMessage {
  const { id, to, ttl, notify } = message;
  const hashes = { key: keyOf(from, id, hasher), proof: hasher.bytes(to, body) };
  return { id, to, ttl, notify, size: body.length, ...hashes };
}
