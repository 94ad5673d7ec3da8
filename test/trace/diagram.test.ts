// The picture: golden diagrams at the widths that matter. Every row is an event of a log, and every sign exists on every console.

import { describe, expect, it } from 'vitest';
import { widthOf } from '../../src/core/width.ts';
import { drawDiagram } from '../../src/trace/diagram.ts';
import { essential } from '../../src/trace/filter.ts';
import { merge } from '../../src/trace/merge.ts';
import { Actor, Connection, detourKill, directKill, LATER, logsOf, pulledCable } from './histories.ts';

const draw = (actors: readonly Actor[], width: number, lanes: string[] = [], small = width < 50) =>
  drawDiagram(merge(logsOf(actors)), { width, lanes, keep: small ? essential : undefined });

// What the console fonts of Windows have: ASCII, some of Latin 1, box drawing, blocks and a few arrows (WGL4).
const CONSOLE = /^[\x20-\x7e·×─│├┤┼░■►◄…]*$/;

describe('a diagram', () => {
  for (const width of [38, 39, 41, 60, 80, 120]) {
    it(`of the direct route, ${width} columns`, () => {
      expect(`\n${draw(directKill(), width).lines.join('\n')}\n`).toMatchSnapshot();
    });
    it(`of the detour, ${width} columns`, () => {
      expect(`\n${draw(detourKill(), width).lines.join('\n')}\n`).toMatchSnapshot();
    });
  }

  it('is the same except for the times when a clock is wrong by an hour', () => {
    const texts = (skew: number) => draw(detourKill(skew), 80).lines.map((line) => line.slice(6));
    expect(texts(3_600_000)).toEqual(texts(0));
    expect(texts(-3_600_000)).toEqual(texts(0));
  });

  it('keeps to its width and to signs that every console has, and every row is an event of a log', () => {
    for (const actors of [directKill(), detourKill(), crossed(), oneSided(), frozen(), pulledCable()]) {
      const logged = new Set(actors.flatMap(({ log }) => log));
      for (let width = 30; width <= 130; width += 9) {
        const { lines, rows } = draw(actors, width);
        for (const line of lines) {
          expect(line.length).toBeLessThanOrEqual(width);
          expect(line).toMatch(CONSOLE);
        }
        for (const { text, row } of rows) {
          expect(row.placed.length).toBeGreaterThan(0);
          for (const { recorded } of row.placed) expect(logged).toContain(recorded);
          if (/►|◄/.test(text)) expect(row.kind).toBe('arrow');
        }
      }
    }
  });

  it('draws as recorded arrows only frames of a log', () => {
    for (const { text, row } of [...draw(directKill(), 80).rows, ...draw(detourKill(), 41).rows]) {
      const verbs = row.placed.map(({ recorded }) => ('verb' in recorded ? recorded.verb : recorded.event));
      if (/─►|◄─/.test(text)) expect(new Set(verbs).size).toBe(1);
      else expect(verbs.every((verb) => verb === verb.toLowerCase())).toBe(true);
    }
  });

  for (const width of [38, 80]) {
    it(`draws a link as the cable between the two that it joins, ${width} columns`, () => {
      expect(`\n${draw(pulledCable(), width).lines.join('\n')}\n`).toMatchSnapshot();
    });
  }

  it('draws an address that was given up, a frame that never ended, and a repeat that was not shown', () => {
    const bob = new Actor('bob', 4711).listen(-80, 'receiver', 4101);
    const alice = new Actor('alice', 4712);
    new Connection(alice, bob, 0, 4101);
    alice.at(5, { event: 'gave_up', conn: 1, ms: 5000 });
    alice.at(6, { event: 'unfinished', conn: 1, bytes: 57, start: 'READY version=1' });
    bob.at(7, { event: 'repeated', id: 'a-1', from: 'alice', seq: 5, attempt: 2 });
    const texts = (width: number): string => draw([alice, bob], width, [], false).lines.join('\n');
    expect(texts(120)).toMatch(
      /no answer for 5 s: next address.*unfinished, 57 bytes: READY version=1.*number 5 seen before, not shown/s,
    );
    expect(texts(40)).toMatch(/next address|gave up/);
  });

  it('draws how much arrived of a body that never came whole, and nothing for one that did', () => {
    const bob = new Actor('bob', 4711).listen(-80, 'receiver', 4101);
    const alice = new Actor('alice', 4712);
    const call = new Connection(alice, bob, 0, 4101);
    call.frame(bob, 0.4, 'READY', { as: 'bob' });
    for (const id of ['whole', 'half']) {
      const arrives = call.frame(alice, 1, 'SEND', { id, size: 1000 }, LATER);
      for (const have of [200, 600]) bob.at(have, { event: 'arriving', conn: 1, have, size: 1000 });
      if (id === 'whole') arrives(700);
    }
    bob.at(900, { event: 'stopping', why: 'kill' });
    const bars = (width: number): string[] =>
      draw([alice, bob], width).rows.flatMap(({ text }) =>
        text.includes('%') ? [text.slice(6).trim()] : [],
      );
    expect(bars(38)).toEqual(['│  [====----] 60% │']);
    expect(bars(80)).toEqual(['│  [=========-------] 60% of 1000 │']);
    expect(draw([alice, bob], 38).legend).toContain('[==-] read so far');
  });

  it('says "shown again" only of what was shown before; an attempt alone does not prove that', () => {
    const text = (actors: readonly Actor[], width = 120) => draw(actors, width).lines.join('\n');
    const [alice, relay, bob, newBob] = detourKill() as [Actor, Actor, Actor, Actor];
    expect(text([alice, relay, bob, newBob])).toMatch(/shown again k3f9-1/);
    expect(text([alice, relay, newBob])).toMatch(/shown k3f9-1, attempt 2/);
    expect(text([newBob])).toMatch(/attempt 2/);
    expect(text([newBob], 41)).toMatch(/shown, attempt 2/);
    for (const width of [41, 120]) expect(text([newBob], width)).not.toMatch(/again/);
    // Only the relay's log shows that it was sent earlier.
    expect(text([alice, relay, newBob], 41)).toMatch(/MESSAGE.*again/);
  });

  it('draws a verdict when it was known, and once', () => {
    const [alice, bob] = directKill() as [Actor, Actor];
    const rows = draw([alice, bob], 80).lines.filter((line) => line.includes('UNKNOWN'));
    expect(rows).toEqual([expect.stringMatching(/^ +5\.5 += UNKNOWN$/)]);
    // If a log has nothing about it before the last event, it is drawn there.
    const last = new Actor('alice', alice.pid);
    last.log.push(...alice.log.filter(({ event }) => event !== 'outcome'));
    expect(draw([last, bob], 80).lines.at(-1)).toMatch(/^ +5\.6 +· UNKNOWN$/);
  });

  it('numbers the verdicts where there are several messages', () => {
    const alice = new Actor('alice', 4712);
    const bob = new Actor('bob', 4711).listen(-80, 'receiver', 4101);
    const call = new Connection(alice, bob, 0, 4101);
    for (const [id, ms] of [
      ['k3f9-1', 1],
      ['k3f9-2', 2],
    ] as const) {
      call.frame(alice, ms, 'SEND', { id, size: 9 });
      call.frame(bob, ms + 0.5, 'RECEIVED', { id });
      alice.at(ms + 0.7, { event: 'outcome', verdict: 'DELIVERED', code: 'ok', id, ms: 1 });
    }
    alice.at(3, { event: 'verdict', verdict: 'DELIVERED', code: 'ok', id: 'k3f9-2', ms: 1, exit: 0 });
    const verdicts = (width: number) =>
      draw([alice, bob], width)
        .lines.filter((line) => line.includes('= '))
        .map((line) => line.slice(line.indexOf('=')).replace(/ *│$/, ''));
    expect(verdicts(40)).toEqual(['= DELIVERED 1', '= DELIVERED 2']);
    expect(verdicts(80)).toEqual(['= DELIVERED k3f9-1', '= DELIVERED k3f9-2']);
  });

  it('explains its signs, each once', () => {
    expect(draw(pulledCable(), 80).legend).toEqual([
      '──► frame recorded in this run',
      '──… still under way',
      '~~~ ××× === the network itself',
    ]);
  });

  it('shows a client that a link turned away as one of the server behind it, if others came through', () => {
    const actors = pulledCable();
    const late = new Actor('alice', 4799);
    late.at(9000, { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4102 });
    late.at(9001, { event: 'broken', conn: 1, code: 'ECONNRESET', syscall: 'connect' });
    const { rows } = draw([...actors, late], 80);
    expect(rows.at(-1)?.row).toMatchObject({
      kind: 'arrow',
      from: 'bob',
      to: 'alice',
      short: ['ECONNRESET', 'reset'],
    });
  });

  it('draws a link on its own lane if no log says whom it joins', () => {
    const [, link] = pulledCable() as [Actor, Actor];
    expect(`\n${draw([link], 60).lines.join('\n')}\n`).toMatchSnapshot();
  });

  it('does not draw a connection that ended at the link as a connection to bob', () => {
    const [alice, link, bob] = pulledCable() as [Actor, Actor, Actor];
    alice.at(40, { event: 'connecting', conn: 2, host: '127.0.0.1', port: 4102 });
    alice.at(40.1, { event: 'connected', conn: 2, local: '127.0.0.1:50007', remote: '127.0.0.1:4102' });
    alice.at(40.2, { event: 'sent', conn: 2, n: 1, verb: 'HELLO', fields: { version: 1, as: 'alice' } });
    link.at(40.1, { event: 'linked', line: 2, from: '127.0.0.1:50007' });
    const texts = draw([alice, link, bob], 80).rows.map(({ text }) => text);
    expect(texts.at(-2)).toMatch(/! connected, to the link only/);
    expect(texts.at(-1)).toMatch(/├─+ HELLO as=alice ─+…/);
  });

  it('cuts an arrow in two when frames crossed', () => {
    expect(`\n${draw(crossed(), 41, [], false).lines.join('\n')}\n`).toMatchSnapshot();
  });

  it('leaves the end of an arrow open if no log has it, and gives a lane to the peer', () => {
    expect(`\n${draw(oneSided(), 41).lines.join('\n')}\n`).toMatchSnapshot();
  });

  it('says for how long somebody is frozen only where that was known', () => {
    const row = (ms: number): string =>
      draw([new Actor('bob', 1).listen(0, 'receiver', 4101).at(1, { event: 'freezing', ms })], 80).lines.at(
        -1,
      ) ?? '';
    expect(row(20_000)).toContain('FROZEN for 20 s');
    expect(row(0)).toMatch(/FROZEN$/);
  });

  it('shows who is frozen, and when he read what was waiting', () => {
    expect(`\n${draw(frozen(), 41).lines.join('\n')}\n`).toMatchSnapshot();
  });

  it('shows a refused connection to somebody who was never there', () => {
    const alice = new Actor('alice', 7);
    alice.at(0, { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4101 });
    alice.at(0.4, { event: 'broken', conn: 1, code: 'ECONNREFUSED', syscall: 'connect' });
    const places = new Map([['127.0.0.1:4101', 'bob']]);
    const { lines } = drawDiagram(merge([alice.log]), { width: 38, lanes: ['alice', 'bob'], places });
    expect(lines[1]).toBe('   0.0    │◄- ECONNREFUSED  ·');
  });

  it('keeps its columns if a name is wide', () => {
    const alice = new Actor('alice', 7);
    for (const [index, port] of [4101, 4102].entries()) {
      const conn = index + 1;
      alice.at(index, { event: 'connecting', conn, host: '127.0.0.1', port });
      alice.at(index + 0.4, { event: 'broken', conn, code: 'ECONNREFUSED', syscall: 'connect' });
    }
    const places = new Map([
      ['127.0.0.1:4101', '鲍勃是我的好朋友'],
      ['127.0.0.1:4102', 'bob👩‍💻'],
    ]);
    for (const width of [38, 41, 80]) {
      const { lines } = drawDiagram(merge([alice.log]), { width, places });
      for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(width);
      const [names = '', first = ''] = lines.filter((line) => !line.includes('pid'));
      const dots = [...first.matchAll(/·/g)].map(({ index }) => index);
      const begin = widthOf(names.slice(0, names.indexOf('bob')));
      expect(dots.at(-1)).toBe(begin + 2);
      if (width === 38) expect(names).toContain('鲍勃是…');
    }
  });

  it('counts times from the first event of an actor, if it is asked to', () => {
    const early = new Actor('bob', 1).at(-12_345.6, { event: 'stopping', why: 'done' });
    const bob = new Actor('bob', 2).at(-340.2, { event: 'stopping', why: 'done' });
    const alice = new Actor('alice', 3);
    alice.at(0, { event: 'connecting', conn: 1, host: '127.0.0.1', port: 4101 });
    alice.at(0.4, { event: 'broken', conn: 1, code: 'ECONNREFUSED', syscall: 'connect' });
    const merged = merge(logsOf([early, bob, alice]));
    const times = (zero: string): string[] =>
      drawDiagram(merged, { width: 60, zero, keep: essential }).rows.map(({ text }) => text.slice(0, 6));
    expect(times('alice')).toEqual(['-12346', '-340.2', '   0.0', '   0.4']);
    expect(drawDiagram(merged, { width: 60, zero: 'alice' }).legend).toContain('ms < 0: before alice began');
    // Somebody who is not in the logs cannot be counted from: then it is the first row.
    expect(times('carol')).toEqual(['   0.0', ' 12005', ' 12346', ' 12346']);
    expect(drawDiagram(merged, { width: 60 }).legend.join()).not.toContain('ms < 0');
  });

  it('says for whom there was no room', () => {
    const actors = Array.from({ length: 12 }, (_, index) =>
      new Actor(`s${index}`, index).at(index, { event: 'stopping', why: 'done' }),
    );
    const { omitted, lines } = draw(actors, 60);
    expect(omitted.length).toBeGreaterThan(0);
    expect(lines.length).toBe(2 + 12 - omitted.length);
  });
});

/** HELLO and READY on the way at the same time. */
function crossed(): Actor[] {
  const bob = new Actor('bob', 1).listen(0, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 1, 4101);
  const hello = call.frame(alice, 2, 'HELLO', { as: 'alice', session: 's', try: 1 }, LATER);
  const ready = call.frame(bob, 2.1, 'READY', { as: 'bob' }, LATER);
  hello(2.5);
  ready(2.6);
  return [alice, bob];
}

/** Only alice kept a log. */
function oneSided(): Actor[] {
  const bob = new Actor('bob', 1);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 1, 4101);
  call.frame(bob, 2, 'READY', { as: 'bob' });
  call.frame(alice, 3, 'SEND', { id: 'x-1', size: 2 }, LATER);
  return [alice];
}

/** bob stands still before he reads the message, and reads it long after alice has gone. */
function frozen(): Actor[] {
  const bob = new Actor('bob', 1).listen(0, 'receiver', 4101);
  const alice = new Actor('alice', 2);
  const call = new Connection(alice, bob, 1, 4101);
  call.frame(bob, 1.2, 'READY', { as: 'bob' });
  bob.at(1.5, { event: 'freezing', ms: 20_000 });
  const send = call.frame(alice, 2, 'SEND', { id: 'x-1', size: 2 }, LATER);
  alice.at(5002, { event: 'stopping', why: 'done' });
  bob.at(20_001.5, { event: 'thawed', ms: 20_000 });
  send(20_002);
  return [alice, bob];
}
