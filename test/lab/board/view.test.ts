// What the messages of the server do to the page.

import { describe, expect, test } from 'vitest';
import type { Message, Route } from '../../../src/lab/board/messages.ts';
import {
  afterMessage,
  EMPTY_VIEW,
  MOST_EVENTS,
  MOST_NOTICES,
  type View,
} from '../../../src/lab/board/view.ts';
import { directKill } from '../../trace/histories.ts';
import { boardEvents } from './runs.ts';

const hello = (board: string, mode: 'stage' | 'logs' = 'stage'): Message => ({
  kind: 'hello',
  board,
  mode,
  version: '1',
  stories: [],
  verbs: {},
});
const EVENTS = boardEvents(
  directKill().map(({ log }) => log),
  'direct',
);
const events = (run: number, list = EVENTS, dropped = 0): Message => ({
  kind: 'events',
  run,
  dropped,
  events: list,
});
const viewAfter = (...messages: readonly Message[]): View =>
  messages.reduce(afterMessage, { ...EMPTY_VIEW, events: [] });

describe('the view', () => {
  test('collects the events of a run, each once, also when the server repeats them after a lost connection', () => {
    const view = viewAfter(
      hello('a'),
      { kind: 'clear', run: 1 },
      events(1, EVENTS.slice(0, 5)),
      hello('a'),
      events(1),
    );
    expect(view.events).toEqual(EVENTS);
    expect(view).toMatchObject({ connection: 'live', run: 1, dropped: 0 });
  });

  test('forgets everything when another board answers', () => {
    const view = viewAfter(hello('a'), events(1), { kind: 'notice', text: 'x' }, hello('b', 'logs'));
    expect(view).toMatchObject({ board: 'b', mode: 'logs', events: [], notices: [], run: 0, brief: false });
  });

  test('may command only the board that it has the token of', () => {
    const mine = afterMessage({ ...EMPTY_VIEW, may: true }, hello('a'));
    expect(mine.may).toBe(true);
    expect(afterMessage(mine, hello('a'))).toMatchObject({ may: true, notices: [] });
    const other = afterMessage(mine, hello('b'));
    expect(other).toMatchObject({
      board: 'b',
      may: false,
      notices: [expect.stringContaining('the address')],
    });
  });

  test('begins a new run, and ignores what is left of the old one', () => {
    const view = viewAfter(hello('a'), events(1), { kind: 'clear', run: 2 }, events(1));
    expect(view).toMatchObject({ run: 2, events: [] });
    expect(viewAfter(events(1), events(3, EVENTS.slice(0, 1))).events).toHaveLength(1);
  });

  test('keeps the halves of a story, and both in free play', () => {
    const story = (...routes: Route[]): Message => ({
      kind: 'story',
      story: {
        name: 's',
        number: 1,
        title: 't',
        state: 'asks',
        question: 'q',
        answers: [],
        routes: routes.map((route) => ({ route, lanes: [] })),
      },
    });
    expect(viewAfter(story('detour')).routes).toEqual(['detour']);
    const free = viewAfter(story('detour'), { kind: 'story' });
    expect(free.routes).toEqual(['direct', 'detour']);
    expect(free).not.toHaveProperty('story');
  });

  test('keeps a bounded number of events and notices, and says how many it has dropped', () => {
    const [event] = EVENTS;
    if (event === undefined) throw new Error('no event');
    const many = Array.from({ length: MOST_EVENTS + 1 }, (_, index) => ({ ...event, n: index + 1 }));
    const view = viewAfter(events(1, many));
    expect(view.events.length).toBeLessThanOrEqual(MOST_EVENTS);
    expect(view.dropped + view.events.length).toBe(many.length);
    expect(viewAfter(events(1, EVENTS, 7)).dropped).toBe(7);
    const notices = Array.from({ length: 50 }, (_, index): Message => ({ kind: 'notice', text: `${index}` }));
    expect(viewAfter(...notices).notices).toHaveLength(MOST_NOTICES);
    expect(viewAfter(...notices).notices.at(-1)).toBe('49');
  });

  test('knows when the board has gone', () => {
    expect(viewAfter(hello('a'), { kind: 'gone' }).connection).toBe('gone');
    expect(viewAfter(hello('a'), { kind: 'gone' }, hello('a')).connection).toBe('live');
  });
});
