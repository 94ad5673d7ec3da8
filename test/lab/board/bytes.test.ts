// A frame as it was on the wire, as far as the logs have it.

import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/core/event.ts';
import { bytesOf } from '../../../src/lab/board/bytes.ts';
import { merge } from '../../../src/trace/merge.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { Actor, Connection, directKill } from '../../trace/histories.ts';

/** The bytes of the last frame with this verb. */
function bytes(actors: readonly Actor[], verb: string) {
  const merged = merge(actors.map(({ log }) => log));
  const placed = merged.events.findLast(({ recorded }) => 'verb' in recorded && recorded.verb === verb);
  return placed === undefined ? undefined : bytesOf(placed, merged);
}

function call(): { alice: Actor; bob: Actor; line: Connection } {
  const bob = new Actor('bob', 1).listen(-1, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  return { alice, bob, line: new Connection(alice, bob, 0, 4101) };
}

describe('the bytes of a frame', () => {
  test('are those that the encoder makes', () => {
    const found = bytes(directKill(), 'SEND');
    const wire = encodeFrame(
      'SEND',
      [
        ['id', 'k3f9-1'],
        ['to', 'bob'],
      ],
      Buffer.from('hello bob'),
    );
    expect(`${found?.header}\n${found?.body?.text}\n`).toBe(wire.toString());
    expect(found?.length).toBe(wire.length);
  });

  test('of a frame without a body are its line', () => {
    const { alice, bob, line } = call();
    line.frame(bob, 1, 'BYE');
    expect(bytes([alice, bob], 'BYE')).toEqual({ header: 'BYE', shortened: [], length: 4 });
  });

  test('lack a body that nobody recorded, and the rest of a session', () => {
    const { alice, bob, line } = call();
    line.frame(alice, 1, 'HELLO', { version: 1, as: 'alice', session: 'aec0b8da', try: 1 });
    line.frame(alice, 2, 'SEND', { id: 'x', size: 5 });
    expect(bytes([alice, bob], 'SEND')).toEqual({
      header: 'SEND id=x size=5',
      shortened: [],
      body: { size: 5 },
      length: 23,
    });
    const hello = bytes([alice, bob], 'HELLO');
    expect(hello).toEqual({
      header: 'HELLO version=1 as=alice session=aec0b8da… try=1',
      shortened: ['session'],
    });
  });

  test.each<[string, Event]>([
    ['another id', { event: 'shown', id: 'y', from: 'alice', size: 5, text: 'wrong' }],
    ['another size', { event: 'shown', id: 'x', from: 'alice', size: 4, text: 'wron' }],
    ['a receipt', { event: 'shown', id: 'x', from: 'relay', size: 5, text: 'wrong', kind: 'receipt' }],
  ])('do not take the body of something else: %s', (_, shown) => {
    const { alice, bob, line } = call();
    line.frame(alice, 2, 'SEND', { id: 'x', size: 5 });
    bob.at(3, shown);
    expect(bytes([alice, bob], 'SEND')?.body).toEqual({ size: 5 });
  });

  test('have the body as base64 where it is not text, and the sentence of a refusal', () => {
    const { alice, bob, line } = call();
    line.frame(alice, 2, 'SEND', { id: 'x', size: 2 });
    bob.at(3, { event: 'shown', id: 'x', from: 'alice', size: 2, base64: '//4=' });
    expect(bytes([alice, bob], 'SEND')?.body).toEqual({ size: 2, base64: '//4=' });
    bob.at(4, { event: 'refused', conn: 1, code: 'wrong_name', reason: 'This is bob, not carol.', id: 'z' });
    line.frame(bob, 5, 'REFUSED', { id: 'z', code: 'wrong_name', size: 23 });
    expect(bytes([alice, bob], 'REFUSED')?.body).toEqual({ size: 23, text: 'This is bob, not carol.' });
  });
});
