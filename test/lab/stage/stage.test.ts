// The stage: real processes are started, watched and spoken to, and are gone afterwards, whatever happens to the process that started them.

import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Actor } from '../../../src/lab/stage/actor.ts';
import { Stage } from '../../../src/lab/stage/stage.ts';
import { formatTime } from '../../../src/trace/log.ts';
import { ALL } from '../../cases.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const program = [process.execPath, here('puppet.mjs')];

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('the stage', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage({ program });
  });
  afterEach(() => stage.close());

  it('sees what a process prints, and can talk to it', async () => {
    const bob = stage.start('bob', 'listen');
    const listening = await bob.until('listening');
    expect(listening).toMatchObject({ port: 4101, pid: bob.pid });
    bob.type('kill');
    await bob.until('notice', ({ text }) => text === 'kill');
    expect(bob.recorded()).toEqual(bob.events);
    expect(bob.exit).toBeUndefined();
  });

  it('knows how a process ended, even one that was killed or frozen', async () => {
    const done = stage.start('done', 'leave');
    expect(await done.ended).toBe(7);
    const still = stage.start('still', 'stand_still');
    await still.until('freezing');
    await still.kill();
    expect(still.exit).not.toBe(0);
    expect(stage.leftOver()).toEqual([]);
  });

  it('reports each event as it comes, and kills a process that prints too many', async () => {
    const strict = new Stage({ program, mostEvents: 2 });
    try {
      const bob = strict.start('bob', 'listen');
      const seen: string[] = [];
      bob.watch(({ event }) => seen.push(event));
      await bob.until('listening');
      bob.type('one');
      await bob.until('notice');
      expect(seen).toEqual(['listening', 'notice']);
      bob.type('two');
      await bob.ended;
      expect(bob.exit).not.toBe(0);
      expect(bob.events).toHaveLength(2);
    } finally {
      await strict.close();
    }
  });

  it('reads the events of an actor that talks from its log, and adds what is done to it', async () => {
    const said: string[] = [];
    const talking = new Stage({ program, talk: (actor, line) => void said.push(`${actor.name}: ${line}`) });
    try {
      const bob = talking.start('bob', 'listen');
      const { time } = await bob.until('listening');
      bob.type('one');
      await bob.until('notice');
      bob.note({ event: 'freezing', ms: 0 }, talking.clock);
      expect(bob.events.map(({ event }) => event)).toEqual(['listening', 'notice', 'freezing']);
      expect(bob.recorded()).toEqual(bob.events);
      expect(bob.events[2]).toMatchObject({ actor: 'bob', pid: bob.pid });
      expect((bob.events[2]?.time ?? '') > time).toBe(true);
      const babbler = talking.start('babbler', 'babble');
      await babbler.kill();
      await bob.kill();
      expect(said.filter((line) => line.startsWith('bob: {"time":'))).toHaveLength(2);
      expect(babbler.events).toEqual([]);
    } finally {
      await talking.close();
    }
  });

  it('says which process did not print an event, and why', async () => {
    const gone = stage.start('gone', 'leave');
    await expect(gone.until('shown')).rejects.toThrow(/gone \(pid \d+\): no event shown, it has ended/);
    await expect(gone.until('shown')).rejects.toThrow(/it has ended/);
    const late = new Actor([...program, 'listen'], { name: 'late', patienceMs: 50 });
    onTestFinished(() => late.killNow());
    await expect(late.until('shown')).rejects.toThrow(/no event shown, waited 0.05 s/);
    const babbler = stage.start('babbler', 'babble');
    await expect(babbler.until('shown')).rejects.toMatchObject({
      message: expect.stringContaining('no event shown'),
      hint: expect.stringContaining('I am not detour'),
    });
    await babbler.ended;
  });

  it('copes with a program that cannot even be started', async () => {
    const nobody = new Stage({ program: [here('no-such-program')] });
    const actor = nobody.start('nobody');
    await expect(actor.until('listening')).rejects.toThrow(/has ended/);
    expect(await actor.ended).toBe('not started');
    await nobody.close();
  });

  it('leaves neither processes nor files when it is closed, even twice', async () => {
    const bob = stage.start('bob', 'listen');
    stage.start('carol', 'stand_still');
    await bob.until('listening');
    expect(stage.leftOver()).toHaveLength(2);
    await stage.close();
    await stage.close();
    expect(() => stage.start('late', 'listen')).toThrow('late cannot be started: the stage is closed');
    expect(stage.leftOver()).toEqual([]);
    expect(existsSync(stage.dir)).toBe(false);
  });
});

it('gives its clock to its actors, whatever their wall clocks say', async () => {
  // A clock that cannot be mistaken for another: the monotonic clock, as if the computer had been started in 1970.
  class Odd extends Stage {
    override readonly clock = 0n;
  }
  const stage = new Odd();
  const now = (): string => formatTime(process.hrtime.bigint());
  try {
    const before = now();
    const bob = stage.start('bob', 'sync', 'receive', '--port', '0');
    const { time } = await bob.until('listening');
    expect(time > before && time < now(), time).toBe(true);
  } finally {
    await stage.close();
  }
}, 30_000);

describe('the process with a stage', () => {
  /** Starts a process with a stage and two puppets. Resolves with them when it has ended. */
  async function play(how: 'throw' | 'SIGINT' | 'SIGTERM' | 'SIGKILL', scene = 'scene.mjs') {
    const child = spawn(process.execPath, [here(scene), how], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      const scene: { pids: number[]; dir: string } = JSON.parse(line);
      if (how !== 'throw') child.kill(how);
      return { ...scene, code: await ended };
    }
    throw new Error('the scene did not begin');
  }

  const ends = [
    ['throw', 1],
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const;
  it.each(ALL ? ends : ends.slice(0, 1))(
    'leaves no process behind after %s',
    async (how, exit) => {
      if (how !== 'throw' && process.platform === 'win32') return;
      const { pids, dir, code } = await play(how);
      expect(code).toBe(exit);
      expect(existsSync(dir)).toBe(false);
      // They were killed before their parent ended, but the system may still be removing them.
      await expect.poll(() => pids.filter(isThere), { timeout: 10_000 }).toEqual([]);
    },
    30_000,
  );

  it('leaves no process behind after kill -9 either: its actors notice', {
    tags: ['slow'],
    timeout: 60_000,
  }, async () => {
    const { pids, dir } = await play('SIGKILL', 'troupe.mjs');
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    try {
      expect(pids).toHaveLength(7);
      await expect.poll(() => pids.filter(isThere), { timeout: 20_000 }).toEqual([]);
    } finally {
      for (const pid of pids.filter(isThere)) process.kill(pid, 'SIGKILL');
    }
  });
});
