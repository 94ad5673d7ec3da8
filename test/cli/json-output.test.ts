// The event stream of --json when its reader takes nothing for a while: it is bounded, and every gap is reported.

import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { JSON_WAITING, jsonOutput } from '../../src/cli/json-output.ts';
import type { Event } from '../../src/core/event.ts';
import { parseRecorded } from '../../src/trace/line.ts';

const stamp = { time: '2026-01-31T14:02:11.123456789Z', actor: 'bob', pid: 7 };
const NOTICE: Event = { event: 'notice', text: 'x'.repeat(10_000) };
const VERDICT: Event = { event: 'verdict', verdict: 'UNKNOWN', code: 'silence', id: 'a', ms: 1, exit: 20 };
const LARGEST = 11_000;

/** A reader that takes nothing until `read` is called, and then everything. */
function reader() {
  const lines: string[] = [];
  const kept: (() => void)[] = [];
  let reading = false;
  const out = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      lines.push(line);
      if (reading) done();
      else kept.push(done);
    },
  });
  const read = async (): Promise<void> => {
    reading = true;
    for (const done of kept.splice(0)) done();
    while (out.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { out, read, events: () => lines.map((line) => parseRecorded(line)) };
}

test('what is not read does not grow, and then it says how many events are missing', async () => {
  const { out, read, events } = reader();
  const write = jsonOutput(out);
  for (let i = 0; i < 2000; i += 1) write({ ...NOTICE, ...stamp });
  expect(out.writableLength).toBeLessThan(JSON_WAITING + LARGEST);
  await read();
  const written = events();
  const last = written.at(-1);
  expect(last).toMatchObject({ event: 'dropped', ...stamp });
  expect(last?.event === 'dropped' && last.count + written.length - 1).toBe(2000);
  write({ ...NOTICE, ...stamp });
  expect(events().at(-1)).toMatchObject({ event: 'notice' });
});

test('a verdict is never dropped, and stands after the events that were', async () => {
  const { out, read, events } = reader();
  const write = jsonOutput(out);
  for (let i = 0; i < 2000; i += 1) write({ ...NOTICE, ...stamp });
  write({ ...VERDICT, ...stamp });
  await read();
  expect(
    events()
      .slice(-2)
      .map(({ event }) => event),
  ).toEqual(['dropped', 'verdict']);
});

test('a reader that keeps up gets all', async () => {
  const { out, read, events } = reader();
  await read();
  const write = jsonOutput(out);
  for (let i = 0; i < 2000; i += 1) {
    write({ ...NOTICE, ...stamp });
    if (i % 100 === 0) await read();
  }
  await read();
  expect(events()).toHaveLength(2000);
});
