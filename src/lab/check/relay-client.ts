// What the stages of a relay share: storing messages, and collecting them.

import type { Attempt } from './attempt.ts';
import { type Frame, frame, frameText } from './frames.ts';
import { Failed } from './outcome.ts';
import { greeted, started } from './server-stages.ts';
import type { Wire } from './wire.ts';

/** Why a message should have been stored. */
export const STORES = 'The relay keeps a message for any name, and says STORED when it is on the disk.';
/** Why a message should have been held. */
export const KEPT = 'What is stored is held until it is acknowledged.';

/** Stores a message. @param head the SEND without `size=` @returns STORED */
export async function store(wire: Wire, head: string, body: string | Buffer, why: string): Promise<Frame> {
  wire.send(frame(head, body));
  const id = /id=(\S+)/.exec(head)?.[1] ?? '';
  return wire.expect(`STORED id=${id} seq=* present=yes|no|never`, why);
}

/** A number in a frame; NaN if it is not there. */
export const numberOf = (found: Frame | undefined, key: string): number =>
  Number(found?.fields.get(key) ?? Number.NaN);

/** Starts the relay, and stores some messages for bob. @returns their numbers and bodies */
export async function withMail(
  attempt: Attempt,
  count: number,
): Promise<{ seqs: number[]; bodies: string[] }> {
  const wire = await started(attempt, 'relay');
  const bodies = Array.from({ length: count }, () => attempt.word());
  const seqs: number[] = [];
  for (const [index, body] of bodies.entries())
    seqs.push(numberOf(await store(wire, `SEND id=w${index} to=bob`, body, STORES), 'seq'));
  wire.close();
  return { seqs, bodies };
}

/**
 * Collects and acknowledges everything that is held for a name, until EMPTY.
 * @returns the MESSAGEs, in the order in which they came
 * @throws Failed if anything else comes, or EMPTY does not
 */
export async function collect(attempt: Attempt, name: string): Promise<readonly Frame[]> {
  const wire = await greeted(attempt, 'relay', name);
  wire.send('RECEIVE window=64 drain=yes\n');
  const mail: Frame[] = [];
  for (;;) {
    const found = await wire.next();
    if (typeof found === 'object' && found.verb === 'EMPTY') break;
    if (typeof found !== 'object' || found.verb !== 'MESSAGE')
      throw wire.failed(
        'MESSAGE for everything that is held, then EMPTY',
        'RECEIVE drain=yes asks for all mail, and for EMPTY when nothing is left.',
      );
    mail.push(found);
    wire.send(`ACK seq=${found.fields.get('seq')}\n`);
  }
  wire.send('BYE\n');
  await wire.expect('BYE', 'A polite close is answered politely.');
  wire.close();
  return mail;
}

/** These bodies, and no others, must be held for bob, in this order. @throws Failed if others come */
export async function mustHold(
  attempt: Attempt,
  name: string,
  bodies: readonly (string | Buffer)[],
  why: string,
): Promise<readonly Frame[]> {
  const mail = await collect(attempt, name);
  const isRight =
    mail.length === bodies.length &&
    bodies.every((body, index) => mail[index]?.body?.equals(Buffer.from(body)) === true);
  if (!isRight)
    throw new Failed({
      sent: `RECEIVE as ${name}`,
      expected: `${bodies.length} ${bodies.length === 1 ? 'message' : 'messages'}, in the order in which they were stored`,
      came: mail.length === 0 ? 'EMPTY' : mail.slice(0, 8).map(frameText).join(', then '),
      why,
    });
  const numbers = mail.map((one) => numberOf(one, 'seq'));
  if (numbers.some((seq, index) => !(seq > (numbers[index - 1] ?? 0))))
    throw new Failed({
      expected: 'numbers that rise',
      came: `seq=${numbers.join(', ')}`,
      why: 'A mailbox numbers its messages in the order in which they were stored.',
    });
  return mail;
}
