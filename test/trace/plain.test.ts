// A diagram in lines of text: the same rows, and the same facts, as the picture.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawDiagram } from '../../src/trace/diagram.ts';
import { lanesIn } from '../../src/trace/lanes.ts';
import { merge } from '../../src/trace/merge.ts';
import { plainDiagram } from '../../src/trace/plain.ts';
import { Actor, detourKill, directKill, logsOf, play, pulledCable, skew, steps } from './histories.ts';

/** A width at which every row has room for its longest text. */
const WIDE = 400;

/** What the picture says in words and numbers, without what it draws. */
const factsOf = (text: string): string[] => text.split(/[^\x21-\x7e]+/).filter((word) => /\w/.test(word));

// From the first lane on: the picture leaves out digits of a long time.
const FIRST_LANE = 7;

function compare(actors: readonly Actor[]): void {
  const merged = merge(logsOf(actors));
  const drawn = drawDiagram(merged, { width: WIDE });
  const { heading, rows } = plainDiagram(merged);
  expect(rows).toHaveLength(drawn.rows.length);
  const known = {
    both: /^/,
    sent: / \(sent\)$/,
    received: / \(arrived\)$/,
    socket: / \(seen on the socket only\)$/,
  };
  for (const [index, { row }] of drawn.rows.entries()) {
    // Where it is drawn.
    for (const lane of lanesIn(row)) expect(rows[index]).toContain(lane);
    if (row.kind === 'arrow') expect(rows[index]).toMatch(known[row.known]);
  }
  for (const [index, { text }] of drawn.rows.entries())
    for (const word of factsOf(text.slice(FIRST_LANE))) expect(rows[index], text).toContain(word);
  for (const word of factsOf(drawn.heading.map((line) => line.slice(FIRST_LANE)).join(' ')))
    expect(heading.join(' ')).toContain(word.replace(/^:/, ''));
  for (const line of [...heading, ...rows]) expect(line).toMatch(/^[\x20-\x7e]+$/);
}

test('says in each line what the row of the diagram says', () => {
  for (const actors of [directKill(), detourKill(), detourKill(3_600_000), pulledCable()]) compare(actors);
});

test('the same for random histories', () => {
  fc.assert(
    fc.property(fc.tuple(skew, skew, skew), steps, (skews, history) => {
      compare(play(skews, history));
    }),
    { numRuns: 100 },
  );
});

test('a body that is cut short, a peer that was never there, and what one end alone has logged', () => {
  const bob = new Actor('bob', 7).listen(0, 'receiver', 4101);
  bob.at(1, { event: 'accepted', conn: 1, local: '127.0.0.1:4101', remote: '127.0.0.1:5000' });
  bob.at(2, {
    event: 'sent',
    conn: 1,
    n: 1,
    verb: 'READY',
    fields: { role: 'receiver', as: 'bob' },
  });
  bob.at(3, { event: 'arriving', conn: 1, have: 30, size: 100 });
  bob.at(4, { event: 'stopping', why: 'kill' });
  expect(plainDiagram(merge(logsOf([bob])), { lanes: ['alice'], zero: 'bob' })).toMatchInlineSnapshot(`
    {
      "heading": [
        "alice: not there",
        "?: a peer whose name is not known",
        "bob: pid 7, listens on port 4101",
      ],
      "rows": [
        "1.0 ms, ? -> bob: accepted from :5000 (seen on the socket only)",
        "2.0 ms, bob -> ?: READY role=receiver as=bob (sent)",
        "3.0 ms, bob has read 30 of 100 bytes from ? (30%)",
        "4.0 ms, bob: KILLED",
      ],
    }
  `);
});

test('has the times of the picture', () => {
  const merged = merge(logsOf(detourKill()));
  const times = drawDiagram(merged, { width: WIDE, zero: 'alice' }).rows.map(({ text }) =>
    text.slice(0, 6).trim(),
  );
  const rows = plainDiagram(merged, { zero: 'alice' }).rows;
  expect(rows.map((row) => row.replace(/ ms, .*/, ''))).toEqual(times);
});

test('a line says when a frame was sent, if it arrived later', () => {
  const { rows } = plainDiagram(merge(logsOf(directKill())));
  expect(rows.find((row) => row.includes('SEND'))).toMatch(
    /^\d+\.\d ms, alice -> bob: SEND .* \(sent at \d+\.\d ms\)$/,
  );
});
