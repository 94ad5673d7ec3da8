// The board's stage for real: processes, sockets, links, signals. What the page is told is what the processes have in their logs, and
// nothing is left over.

import { mkdirSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Recorded } from '../../../src/core/event.ts';
import { CLASS_PLAN } from '../../../src/lab/board/class-plan.ts';
import type { ActorId, Command, Guess, Route } from '../../../src/lab/board/messages.ts';
import { STORIES } from '../../../src/lab/demo/stories.ts';
import { type Memory, type Staged, startPlay } from './audience.ts';

let staged: Staged;
let seen: Memory;
const start = (): void => {
  staged = startPlay();
  ({ seen } = staged);
};
const end = async (): Promise<void> => {
  expect(await staged.end()).toEqual({ files: [], pids: [] });
};

const command = (one: Command): Promise<void> => staged.play.command(one);

/** Waits until a process is in this state on the page. */
const becomes = (id: ActorId, state: string): Promise<unknown> =>
  seen.until(`${id} ${state}`, () => seen.actor(id)?.state === state);

type Verdict = Extract<Recorded, { event: 'verdict' }>;

/** The verdict that the page is told, which must be the one in the log of the process. */
async function verdictOn(route: Route, nth = 1): Promise<Verdict> {
  const said = await seen.recorded(route, 'alice', 'verdict', nth);
  expect(staged.logged('alice')).toContainEqual(said);
  return said;
}

describe('free play', () => {
  beforeEach(start);
  afterEach(end);

  it('goes on when the logs of its processes have gone, and says what is missing', async () => {
    // A command waits until everything is set up.
    await command({ actor: 'direct/bob', do: 'freeze' });
    rmSync(staged.folder, { recursive: true });
    mkdirSync(staged.folder);
    await command({ actor: 'direct/bob', do: 'kill' });
    await becomes('direct/bob', 'killed');
    expect(seen.notices.join()).toContain('not in the log of bob');
  });

  it('says a text on both routes, shows it and what the terminals say, and counts the guesses', async () => {
    const text = '-n \u001b[31m<b>&\u202e';
    await command({ say: text, by: 'both', guesses: { direct: 'd', detour: 'n' } });
    expect((await verdictOn('direct')).verdict).toBe('DELIVERED');
    expect((await verdictOn('detour')).verdict).toBe('STORED');
    expect((await seen.recorded('direct', 'bob', 'shown')).text).toBe(text);
    expect((await seen.recorded('detour', 'bob', 'shown')).text).toBe(text);
    await seen.until('the tally', () => seen.tally.stories.length === 2);
    expect(seen.tally.stories).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: 'free',
          route: 'direct',
          guess: 'd',
          verdict: 'DELIVERED',
          right: true,
        }),
        expect.objectContaining({
          name: 'free',
          route: 'detour',
          guess: 'n',
          verdict: 'STORED',
          right: false,
        }),
      ]),
    );
    await becomes('direct/alice', 'ended');
    const alice = seen.actor('direct/alice');
    expect(alice).toMatchObject({ exit: 0, can: [] });
    expect(alice?.talk.at(-1)).toMatch(/^DELIVERED in .*: bob's program says it has shown it\. +exit 0$/);
    const harmless = 'alice: -n \\x1b[31m<b>&\\u{202e}';
    await seen.until('shown', () => seen.actor('direct/bob')?.talk.includes(harmless));
    const bob = seen.actor('direct/bob');
    expect(bob?.talk[0]).toBe(`bob listens on ${bob?.address}, pid ${bob?.pid}`);
    await seen.until('acknowledged', () => seen.actor('detour/relay')?.talk.includes('bob 1 acknowledged.'));
    // Killed by somebody else, at another terminal: that is seen, too.
    process.kill(bob?.pid ?? 0, 'SIGKILL');
    await becomes('direct/bob', 'killed');
    expect(await seen.recorded('direct', 'bob', 'stopping')).toMatchObject({ why: 'kill', pid: bob?.pid });
    const lines = seen.stage.actors.reduce((sum, { talk }) => sum + talk.length, 0);
    // A terminal says several lines at once, and so the page is told of them.
    expect(seen.counts.stage).toBeLessThan(lines);
  });

  it('kills bob and the relay, and brings them back where they were, with what they remember', {
    tags: ['slow'],
  }, async () => {
    await command({ actor: 'direct/bob', do: 'kill' });
    await command({ actor: 'detour/bob', do: 'kill' });
    await becomes('detour/bob', 'killed');
    expect(seen.actor('direct/bob')).toMatchObject({ state: 'killed', exit: 'SIGKILL', can: ['start'] });
    // The diagram needs to know, and so does whoever gets the log.
    expect(await seen.recorded('direct', 'bob', 'stopping')).toMatchObject({ why: 'kill' });
    expect(staged.logged('bob').filter((one) => one.event === 'stopping')).toHaveLength(2);
    await command({ say: 'one', by: 'both' });
    expect((await verdictOn('direct')).verdict).toBe('NOT_DELIVERED');
    expect((await verdictOn('detour')).verdict).toBe('STORED');
    await command({ actor: 'detour/relay', do: 'kill' });
    await command({ say: 'two', by: 'detour' });
    expect((await verdictOn('detour', 2)).verdict).toBe('NOT_DELIVERED');
    const { address } = seen.actor('detour/relay') ?? {};
    await command({ actor: 'detour/relay', do: 'start' });
    await command({ actor: 'detour/bob', do: 'start' });
    expect(await seen.recorded('detour', 'bob', 'shown')).toMatchObject({ text: 'one' });
    expect(seen.actor('detour/relay')).toMatchObject({ state: 'running', address });
    await command({ actor: 'direct/bob', do: 'start' });
    await seen.recorded('direct', 'bob', 'listening', 2);
    await command({ say: 'three', by: 'direct' });
    expect((await verdictOn('direct', 2)).verdict).toBe('DELIVERED');
  });

  it.skipIf(process.platform === 'win32')(
    'freezes and thaws, and stops politely',
    {
      tags: ['slow'],
    },
    async () => {
      await command({ actor: 'direct/bob', do: 'freeze' });
      await becomes('direct/bob', 'frozen');
      await command({ say: 'are you there', by: 'direct' });
      await seen.recorded('direct', 'alice', 'connected');
      await command({ actor: 'direct/alice', do: 'stop' });
      expect(await verdictOn('direct')).toMatchObject({ verdict: 'NOT_DELIVERED', exit: 130 });
      await command({ say: 'and now', by: 'direct' });
      await seen.recorded('direct', 'alice', 'connected', 2);
      await command({ actor: 'direct/bob', do: 'thaw' });
      expect((await verdictOn('direct', 2)).verdict).toBe('DELIVERED');
      const [freezing, thawed] = [
        await seen.recorded('direct', 'bob', 'freezing'),
        await seen.recorded('direct', 'bob', 'thawed'),
      ];
      expect(freezing.ms).toBe(0);
      expect(thawed.ms).toBeGreaterThan(0);
      expect(thawed.time > freezing.time).toBe(true);
      await command({ actor: 'direct/bob', do: 'stop' });
      await becomes('direct/bob', 'ended');
      expect(seen.actor('direct/bob')).toMatchObject({ exit: 0, can: ['start'] });
      // A frozen process can be killed, too.
      await command({ actor: 'detour/relay', do: 'freeze' });
      await command({ actor: 'detour/relay', do: 'kill' });
      await becomes('detour/relay', 'killed');
    },
  );

  it('breaks and mends a line by the commands of its link', { tags: ['slow'] }, async () => {
    await command({ line: 'direct/line', do: 'slow' });
    await command({ line: 'direct/line', do: 'slice' });
    await seen.recorded('direct', 'link', 'fault', 2);
    await seen.until('slow', () => seen.line('direct/line')?.text === 'slow 500 ms, segments of 3 bytes');
    expect(seen.line('direct/line')).toMatchObject({
      whole: false,
      can: ['cut', 'heal', 'reset', 'full'],
    });
    await command({ say: 'slowly', by: 'direct' });
    await seen.recorded('direct', 'bob', 'shown');
    await command({ line: 'direct/line', do: 'cut' });
    // bob has shown it, and his answer stays on the line.
    const unknown = await verdictOn('direct');
    expect(unknown).toMatchObject({ verdict: 'UNKNOWN', exit: 20 });
    await command({ line: 'direct/line', do: 'heal' });
    await seen.until('whole', () => seen.line('direct/line')?.whole);
    expect(seen.line('direct/line')?.text).toBe('up');
    await command({ say: 'again', by: 'direct' });
    expect((await verdictOn('direct', 2)).verdict).toBe('DELIVERED');
    await command({ line: 'detour/up', do: 'full' });
    await seen.until(
      'full',
      () => seen.line('detour/up')?.text === 'full backlog' || seen.notices.length > 0,
    );
    await command({ line: 'detour/down', do: 'reset' });
    await seen.recorded('detour', 'bob', 'broken');
    expect(await seen.recorded('detour', 'bob', 'connected', 2)).toBeDefined();
  });

  it('refuses what makes no sense now, and says why', { tags: ['slow'] }, async () => {
    await expect(command({ actor: 'direct/bob', do: 'start' })).rejects.toThrow(
      'You cannot start bob now: bob is running.',
    );
    await expect(command({ actor: 'direct/alice', do: 'kill' })).rejects.toThrow('alice is not there');
    await expect(command({ line: 'detour/up', do: 'heal' })).rejects.toThrow('it is up');
    await expect(command({ say: '', by: 'direct' })).rejects.toThrow('nothing to say');
    await expect(command({ say: 'ä'.repeat(33_000), by: 'direct' })).rejects.toThrow('too long');
    await expect(command({ story: 'nothing', do: 'choose' })).rejects.toThrow('no story "nothing"');
    await expect(command({ story: 'there', do: 'answer', guesses: {} })).rejects.toMatchObject({
      code: 'usage',
      hint: 'Choose it first.',
    });
    await command({ line: 'direct/line', do: 'cut' });
    await seen.recorded('direct', 'link', 'fault');
    for (let each = 0; each < 20; each += 1) await command({ say: 'hang', by: 'direct' });
    await expect(command({ say: 'one too many', by: 'direct' })).rejects.toThrow('20 alices');
    await command({ story: 'there', do: 'choose' });
    await expect(command({ say: 'hello', by: 'direct' })).rejects.toThrow('A story is on the stage');
  });

  it('starts afresh, with nothing of the stage before', { tags: ['slow'] }, async () => {
    await command({ actor: 'detour/bob', do: 'kill' });
    await command({ say: 'old', by: 'detour' });
    await verdictOn('detour');
    await Promise.all([command({ stage: 'reset' }), command({ stage: 'reset' })]);
    expect(seen.counts.clear).toBe(2);
    await becomes('detour/bob', 'running');
    await command({ say: 'new', by: 'detour' });
    expect(await seen.recorded('detour', 'bob', 'shown')).toMatchObject({ text: 'new', seq: 1 });
  });
});

/** Chooses a story or a question, answers it, and waits until it is over. */
async function tell(story: string, guesses: Partial<Record<Route, Guess>>, choice?: string) {
  await command({ story, do: 'choose' });
  await command({ story, do: 'answer', guesses, ...(choice !== undefined && { choice }) });
  return seen.until('over', () => seen.story?.state === 'over' && seen.story);
}

describe('a story', () => {
  beforeEach(start);
  afterEach(end);

  it('asks first, and nothing runs before it was answered', async () => {
    await command({ story: 'absent', do: 'choose' });
    expect(seen.story).toMatchObject({
      name: 'absent',
      number: 2,
      state: 'asks',
      question: "What will alice's program say?",
      answers: [{ key: 'd' }, { key: 'n' }, { key: 'u' }],
      routes: [
        { route: 'direct', lanes: ['alice', 'bob'] },
        { route: 'detour', lanes: ['alice', 'relay', 'bob'] },
      ],
    });
    expect(seen.stage).toEqual({ actors: [], lines: [] });
    expect(seen.events).toEqual([]);
    await command({ story: 'absent', do: 'answer', guesses: { direct: 'u', detour: 'd' } });
    await expect(command({ story: 'absent', do: 'answer', guesses: {} })).rejects.toThrow('answered before');
    const { routes } = await seen.until('over', () => seen.story?.state === 'over' && seen.story);
    expect(routes.map(({ outcome }) => outcome)).toMatchObject([
      { verdict: 'NOT_DELIVERED', exit: 10, guess: 'u', right: false, faults: [] },
      { verdict: 'STORED', exit: 0, guess: 'd', right: true, faults: [] },
    ]);
    expect(Object.values(routes[0]?.places ?? {})).toEqual(['bob']);
    expect(seen.tally.stories.map(({ name, right }) => [name, right]).sort()).toEqual([
      ['absent', false],
      ['absent', true],
    ]);
    expect(staged.play.present()).toContainEqual({ kind: 'story', story: seen.story });
  });

  it('ends its processes if another is chosen, if the stage is reset, or if the board is closed', {
    tags: ['slow'],
  }, async () => {
    const begin = async (): Promise<readonly number[]> => {
      await command({ story: 'cable', do: 'choose' });
      await command({ story: 'cable', do: 'answer', guesses: {} });
      await seen.recorded('direct', 'alice', 'connected');
      return seen.events.map(({ recorded }) => recorded.pid);
    };
    const isThere = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    const first = await begin();
    await command({ story: 'there', do: 'choose' });
    expect(seen.story).toMatchObject({ name: 'there', state: 'asks' });
    expect(first.filter(isThere)).toEqual([]);
    const second = await begin();
    await command({ stage: 'reset' });
    expect(seen.story).toBeUndefined();
    expect(second.filter(isThere)).toEqual([]);
    await becomes('direct/bob', 'running');
    await begin();
    await staged.play.close();
    // Nobody has waited until it was over. afterEach looks for what is left.
    expect(seen.told.filter(({ state }) => state === 'over')).toEqual([]);
  });
});

it('says why the stage could not be set up, and why a story could not be played', async () => {
  staged = startPlay({ program: [process.execPath, '-e', 'console.error("no luck"); process.exit(3)'] });
  ({ seen } = staged);
  await expect(command({ actor: 'direct/bob', do: 'kill' })).rejects.toMatchObject({
    code: 'usage',
    message: 'The stage could not be set up.',
    hint: expect.stringMatching(/no event listening, it has ended: no luck$/),
  });
  expect(seen.notices).toEqual([expect.stringContaining('The stage could not be set up: ')]);
  const { failure, routes } = await tell('there', { direct: 'd' });
  expect(failure?.split('\n')).toHaveLength(2);
  expect(routes.map(({ outcome }) => outcome)).toEqual([undefined, undefined]);
  expect(seen.tally.stories).toEqual([]);
  await end();
});

const RIGHT = {
  bobs: 'c',
  copy: 'b',
  'saw-it': 'c',
  again: 'c',
  told: 'd',
  bar: 'a',
  connected: 'b',
  ack: 'b',
};

describe('on one stage, one after the other', () => {
  beforeAll(start);
  afterAll(end);

  it.each(STORIES)('the story $name ends as it must', { tags: ['slow'] }, async (story) => {
    const { routes, failure } = await tell(story.name, { detour: 'd' });
    expect(failure).toBeUndefined();
    expect(routes.map(({ route }) => route)).toEqual(story.direct ? ['direct', 'detour'] : ['detour']);
    for (const { route, outcome } of routes) {
      expect(outcome).toMatchObject({ verdict: story[route]?.expect.verdict, faults: [] });
      // The verdict on the page is that of the first alice among the events.
      const said = seen.events.find((one) => one.route === route && one.recorded.event === 'verdict');
      expect(said?.recorded).toMatchObject({ verdict: outcome?.verdict, exit: outcome?.exit });
    }
    const detour = seen.tally.stories.at(-1);
    expect(detour?.right).toBe(story.detour.expect.verdict === 'STORED');
  });

  it.each(CLASS_PLAN)(
    'the question $name is answered by what was recorded',
    { tags: ['slow'] },
    async ({ name, answers }) => {
      const choice = answers[0]?.key ?? '';
      const story = await tell(name, {}, choice);
      expect(story.failure).toBeUndefined();
      for (const { outcome } of story.routes) expect(outcome?.faults).toEqual([]);
      const { [name as keyof typeof RIGHT]: right } = RIGHT;
      expect(story).toMatchObject({ choice, rightAnswer: right });
      expect(story.because).toMatch(/recorded|showed/);
      expect(seen.tally.questions?.at(-1)).toEqual({ name, choice, right: choice === right });
    },
  );

  it('a question takes only an answer that it has', { tags: ['slow'] }, async () => {
    await command({ story: 'copy', do: 'choose' });
    const wrong: Command = { story: 'copy', do: 'answer', guesses: {}, choice: 'z' };
    await expect(command(wrong)).rejects.toThrow('no such answer');
    expect(seen.story?.state).toBe('asks');
  });
});
