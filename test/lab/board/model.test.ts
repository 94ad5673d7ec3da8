// The diagrams of the board are those of `detour trace`: the same rows, words, columns, times and lifelines.

import { describe, expect, test } from 'vitest';
import type { Recorded } from '../../../src/core/event.ts';
import { type Half, type HalfPlan, MOST_DRAWN, SETTLED_AT } from '../../../src/lab/board/half.ts';
import type { Route } from '../../../src/lab/board/messages.ts';
import { BoardModel } from '../../../src/lab/board/model.ts';
import { playScene } from '../../../src/lab/demo/play.ts';
import { STORIES } from '../../../src/lab/demo/stories.ts';
import { drawDiagram, labelOf } from '../../../src/trace/diagram.ts';
import { essential } from '../../../src/trace/filter.ts';
import { merge } from '../../../src/trace/merge.ts';
import type { Row } from '../../../src/trace/rows.ts';
import { Actor, Connection, detourKill, directKill, LATER, pulledCable } from '../../trace/histories.ts';
import { boardEvents } from './runs.ts';

const LIFE = { before: '·', alive: '│', frozen: '░', ended: ' ' } as const;

function half(logs: readonly (readonly Recorded[])[], plan: HalfPlan, brief: boolean): Half {
  const drawing = new BoardModel().draw(boardEvents(logs, plan.route), { halves: [plan], brief });
  return drawing.halves.get(plan.route) as Half;
}

// What a row shows, without the objects that two merges cannot share.
function plain(row: Row): object {
  const { placed, at: _, ...shown } = row;
  return { ...shown, events: placed.map(({ recorded }) => recorded) };
}

/** Compares a half with the terminal's diagram of the same logs, in several widths. */
function expectSame(
  logs: readonly (readonly Recorded[])[],
  {
    lanes,
    places,
    zero,
  }: { lanes?: readonly string[]; places?: ReadonlyMap<string, string> | undefined; zero?: string },
): void {
  for (const width of [40, 54, 80])
    for (const brief of [true, false]) {
      const drawn = half(
        logs,
        { route: 'direct', lanes: lanes ?? [], width, places: places && Object.fromEntries(places), zero },
        brief,
      );
      const merged = merge([boardEvents(logs).map(({ recorded }) => recorded)]);
      const diagram = drawDiagram(merged, {
        width,
        lanes,
        places,
        zero,
        keep: brief ? essential : undefined,
      });
      expect(drawn.rows.map(({ row }) => plain(row))).toEqual(diagram.rows.map(({ row }) => plain(row)));
      expect(drawn.omitted).toEqual(diagram.omitted);
      expect(drawn.legend).toEqual(diagram.legend.filter((text) => !text.startsWith('ms < 0')));
      expect(new Set(drawn.rows.map(({ key }) => key)).size).toBe(drawn.rows.length);
      for (const [index, { time, lives, row }] of drawn.rows.entries()) {
        const label = labelOf(row, drawn.layout);
        const text = diagram.rows[index]?.text ?? '';
        expect(text.slice(0, 6).trim()).toBe(time);
        expect(text).toContain(label.text);
        if (label.note !== undefined) expect(text).toContain(label.note);
        // An arrow hides the lanes that it goes past, and a text those below it.
        if (row.kind !== 'mark') continue;
        for (const { name, column } of drawn.lanes) {
          const sign = text[column] ?? ' ';
          if (Object.values(LIFE).includes(sign as '·') && name !== row.lane)
            expect(sign, text).toBe(LIFE[lives.get(name) ?? 'before']);
        }
      }
    }
}

describe('a half', () => {
  test.each([
    ['direct, bob killed', directKill()],
    ['detour, bob killed', detourKill()],
    ['clocks that differ', detourKill(3000)],
    ['a pulled cable', pulledCable(2)],
  ])('is what detour trace draws: %s', (_, actors) => {
    const logs = actors.map(({ log }) => log);
    expectSame(logs, {});
    expectSame(logs, { lanes: ['alice', 'bob'], zero: 'alice' });
  });

  test.each(STORIES.map((story) => [story.name, story] as const))(
    'is what detour trace draws of the story %s',
    { tags: ['slow'] },
    async (_, story) => {
      await Promise.all(
        [story.direct, story.detour].map(async (scene) => {
          if (scene === undefined) return;
          const { verification, places } = await playScene(scene, undefined, [], {});
          const logs = [verification.merged.events.map(({ recorded }) => recorded)];
          expectSame(logs, { lanes: scene.lanes, places, zero: scene.lanes[0] as string });
        }),
      );
    },
  );

  test('keeps the keys of its rows while it grows', () => {
    const events = boardEvents(
      detourKill().map(({ log }) => log),
      'detour',
    );
    const model = new BoardModel();
    const plan = { halves: [{ route: 'detour', lanes: [], width: 80 }], brief: false } as const;
    const keys = new Map<string, string>();
    for (let count = 1; count <= events.length; count += 1) {
      for (const { key, row } of model.draw(events.slice(0, count), plan).halves.get('detour')?.rows ?? []) {
        const [first] = row.placed;
        // A row that waits for its first half changes once.
        if (row.placed.length === 1 && first?.recorded.event === 'received') continue;
        const shows = JSON.stringify(first?.recorded);
        expect(key, shows).toBe(keys.get(shows) ?? key);
        keys.set(shows, key);
      }
    }
    expect(keys.size).toBeGreaterThan(15);
  });
});

describe('the axis', () => {
  const planOf = (route: Route, zero?: string): HalfPlan => ({ route, lanes: [], width: 80, zero });
  const late = directKill().map(({ log }) => log);
  // The same clock, 100 ms later.
  const shifted = detourKill().map(({ actor, pid, log }) => {
    const moved = new Actor(actor, pid);
    for (const { time, actor: _a, pid: _p, ...event } of log)
      moved.at(
        100 +
          Number(BigInt(Date.parse(`${time.slice(0, 23)}Z`)) - 1769868131000n) +
          Number(time.slice(23, 29)) / 1e6,
        event as never,
      );
    return moved.log;
  });
  const events = [...boardEvents(late, 'direct'), ...boardEvents(shifted, 'detour', 1000)];

  test('has its zero at the first row of both halves', () => {
    const { halves, moments } = new BoardModel().draw(events, {
      halves: [planOf('direct'), planOf('detour')],
      brief: false,
    });
    expect(halves.get('direct')?.rows[0]?.from).toBeCloseTo(0, 3);
    expect(halves.get('detour')?.rows[0]?.from).toBeCloseTo(100, 3);
    expect(halves.get('detour')?.rows[0]?.time).toBe('100.0');
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(moments.at(-1)).toBe(halves.get('detour')?.rows.at(-1)?.to);
  });

  test('of a story has its zero at the first event of alice, in each half', () => {
    const { halves } = new BoardModel().draw(events, {
      halves: [planOf('direct', 'alice'), planOf('detour', 'alice')],
      brief: false,
    });
    expect(halves.get('detour')?.rows[0]?.time).toBe(halves.get('direct')?.rows[0]?.time);
  });

  test('knows when the last message began, said by one route or by both', () => {
    const one = new BoardModel().draw(boardEvents(late, 'direct'), {
      halves: [planOf('direct')],
      brief: true,
    });
    expect(one.start).toBeCloseTo(-0.3, 3);
    const both = new BoardModel().draw(events, { halves: [planOf('direct'), planOf('detour')], brief: true });
    // 100 ms apart: one message, said by both routes.
    expect(both.start).toBeCloseTo(-0.3, 3);
  });
});

/** Many messages, each by a process of its own or all by one, to a bob who shows them; some are never received. */
function manyMessages(count: number): Recorded[][] {
  const bob = new Actor('bob', 1).listen(-80, 'receiver', 4101);
  const logs = [bob.log];
  let alice: Actor | undefined;
  let call: Connection | undefined;
  for (let message = 0; message < count; message += 1) {
    const ms = 1 + 2 * message;
    if (message % 20 === 0 || alice === undefined || call === undefined) {
      alice?.at(ms - 0.9, { event: 'stopping', why: 'kill' });
      alice = new Actor('alice', 2 + message);
      logs.push(alice.log);
      call = new Connection(alice, bob, ms - 0.5, 4101, 20_000 + message);
    }
    const id = `m-${message}`;
    const arrives = message % 20 === 19 ? LATER : ms + 0.1;
    call.frame(alice, ms, 'SEND', { id, size: 1 }, arrives);
    if (arrives !== LATER) bob.at(ms + 0.2, { event: 'shown', id, from: 'alice', size: 1, text: 'x' });
  }
  return logs;
}

const DIRECT = { halves: [{ route: 'direct', lanes: [], width: 44 }], brief: false } as const;

test('of a long run the rows are the same, although only the newest part is merged each time', () => {
  const logs = manyMessages(1500);
  const events = boardEvents(logs, 'direct');
  expect(events.length).toBeGreaterThan(2 * SETTLED_AT);
  const model = new BoardModel();
  let drawn: Half | undefined;
  // At last the rest in several drawings, because one takes only so many.
  for (let count = 900, more = false; count < events.length || more; ) {
    count = Math.min(count + 1300, events.length);
    const drawing = model.draw(events.slice(0, count), DIRECT);
    drawn = drawing.halves.get('direct');
    more = drawing.more;
  }
  const merged = merge([events.map(({ recorded }) => recorded)]);
  const diagram = drawDiagram(merged, { width: 44 });
  const short = (row: Row, time: string): string =>
    `${time} ${row.kind === 'mark' ? row.lane : `${row.from} ${row.to}`} ${row.short[0]}`;
  expect(drawn?.rows.map(({ row, time }) => short(row, time))).toEqual(
    diagram.rows.map(({ row, text }) => short(row, text.slice(0, 6).trim())),
  );
  expect(drawn?.older).toBe(0);
  // What is merged stays small.
  expect(drawn?.merged.events.length).toBeLessThan(2 * SETTLED_AT);
});

test('of a very long run that a page sees for the first time, only the newest part is drawn', {
  tags: ['slow'],
}, () => {
  const events = boardEvents(manyMessages(MOST_DRAWN / 2), 'direct');
  const model = new BoardModel();
  let drawings = 0;
  let drawing = model.draw(events, DIRECT);
  for (; drawing.more && drawings < 100; drawings += 1) drawing = model.draw(events, DIRECT);
  const half = drawing.halves.get('direct');
  expect(half?.older).toBe(events.length - MOST_DRAWN);
  expect(half?.lanes.map(({ name }) => name)).toEqual(['alice', 'bob']);
  expect(half?.rows.at(-1)?.row.placed[0]?.recorded).toBe(events.at(-1)?.recorded);
  expect(new Set(half?.rows.map(({ key }) => key)).size).toBe(half?.rows.length);
});

test('finds the halves of log files', () => {
  const model = new BoardModel();
  const events = boardEvents([...directKill(), ...detourKill()].map(({ log }) => log));
  expect(model.routesIn(events)).toEqual(['direct', 'detour']);
  const { halves } = model.draw(events, {
    halves: [
      { route: 'direct', lanes: [], width: 80 },
      { route: 'detour', lanes: [], width: 80 },
    ],
    brief: true,
  });
  expect(halves.get('direct')?.lanes.map(({ name }) => name)).toEqual(['alice', 'bob']);
  expect(halves.get('detour')?.lanes.map(({ name }) => name)).toEqual(['alice', 'relay', 'bob']);
  expect(new BoardModel().routesIn(boardEvents(directKill().map(({ log }) => log)))).toEqual(['direct']);
});
