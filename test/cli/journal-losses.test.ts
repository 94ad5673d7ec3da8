// What `detour journal --check` says about a damaged journal: whose messages are lost, and whose are not. It must agree with a salvage.

import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Loss, lossText } from '../../src/async/salvage.ts';
import { type Losses, lossesIn, Seen } from '../../src/cli/journal-losses.ts';
import { type JournalItem, readJournal } from '../../src/cli/journal-reader.ts';
import { prng } from '../../src/core/prng.ts';
import { client, collected, damage, filled, NAMES, ROUNDS, start } from '../async/damaged.ts';
import { heard, Life, pong, SMALL_DISK, send } from '../async/house.ts';
import { cases } from '../cases.ts';
import { runCli, tempDir } from '../harness.ts';
import { seed } from '../seed.ts';

const CASES = cases(25, 5);
/** With this little room, a relay makes a checkpoint when it starts on the journal. */
const LITTLE = 1_500_000;

/** Starts a relay, so that there is a checkpoint above everything that is held. */
async function checkpointed(dir: string): Promise<void> {
  const relay = await start(dir, undefined, LITTLE);
  while (!readdirSync(dir).some((name) => name.endsWith('.checkpoint')))
    await new Promise((resolve) => setImmediate(resolve));
  await relay.close();
}

/** A short form of everything in a folder. */
const contents = (dir: string): string[] =>
  readdirSync(dir).map(
    (name) =>
      `${name} ${createHash('sha1')
        .update(readFileSync(join(dir, name)))
        .digest('hex')}`,
  );

/** What the command prints, and with --json. */
async function check(dir: string) {
  const { code, stdout, stderr } = await runCli(['journal', '--check', dir]);
  const json = await runCli(['journal', '--check', '--json', dir]);
  expect(json.code).toBe(code);
  const lines = json.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const losses = lines.filter(({ kind }) => kind === 'loss');
  return { code, printed: stdout, said: stderr, lines, losses, intact: lines.at(-1) };
}

/** The same, in this process. */
async function look(dir: string): Promise<Losses & { items: JournalItem[] }> {
  const seen = new Seen();
  const items: JournalItem[] = [];
  for await (const item of readJournal(dir)) {
    seen.add(item);
    if (item.kind === 'damaged') items.push(item);
  }
  const losses = await lossesIn(dir, seen);
  return { ...losses, items: [...items, ...losses.damaged] };
}

const plain = (losses: readonly Loss[]): Loss[] =>
  losses.map(({ to, gone, unknown }) => ({ to, gone, unknown }));

/** The ids of the reported messages, for the journal that `filled` makes: the number of a message is its round, counted from 1. */
const idsOf = (losses: readonly Loss[]): string[] =>
  losses
    .flatMap(({ to, gone, unknown }) => [
      ...gone.map((seq) => `${to}-${seq - 1}`),
      ...unknown.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, index) => `${to}-${first + index - 1}`),
      ),
    ])
    .sort();

describe('a bit flips in each of three segments', () => {
  test('after the checkpoint: it reports the messages that salvage then reports, all others come, and afterwards nothing is lost', {
    tags: ['slow'],
  }, async () => {
    const dir = await filled();
    const lost = (await damage(dir)).sort();
    const before = contents(dir);
    const { code, printed, said, lines, losses, intact } = await check(dir);
    expect(contents(dir)).toEqual(before);
    expect(code).toBe(1);
    expect(lines.map(({ kind }) => kind)).toEqual([
      ...Array(3).fill('damaged'),
      ...losses.map(() => 'loss'),
      'intact',
    ]);
    expect(idsOf(losses)).toEqual(lost);
    expect(losses.every(({ gone }) => gone.length === 0)).toBe(true);
    expect(intact).toEqual({
      kind: 'intact',
      messages: NAMES.length * ROUNDS - lost.length,
      mailboxes: NAMES.length,
    });
    expect(printed).toMatch(
      /^(damaged: .*, and a later one can\n){3}damaged: \d+ segments, .*\n\nWhat each /,
    );
    for (const loss of losses)
      expect(printed).toContain(`  ${loss.to}: ${lossText(loss)} 39 more can be read.\n`);
    expect(printed).toMatch(/\nEverything else is intact: \d+ messages for 20 mailboxes can be read\.\n$/);
    expect(said).toContain(
      `A relay does not start on this journal. To go on with the rest:\n  detour async relay --journal ${dir} --salvage\n`,
    );

    const salvaged: Loss[] = [];
    await (await start(dir, salvaged)).close();
    expect(plain(losses)).toEqual(plain(salvaged));
    expect(readdirSync(dir).filter((name) => name.endsWith('.lost'))).toHaveLength(3);

    const after = await check(dir);
    expect(after).toMatchObject({ code: 1, losses: [] });
    expect(after.printed).toMatch(
      /\n\nNo held message is lost: \d+ messages for 20 mailboxes can be read\.\n$/,
    );
    expect(after.said).toContain('A relay starts on this journal all the same.\n');
    const next = await start(dir);
    for (const name of NAMES) {
      const all = Array.from({ length: ROUNDS }, (_, round) => `${name}-${round}`);
      expect((await collected(next, name)).ids).toEqual(all.filter((id) => !lost.includes(id)));
    }
  });

  test('below the checkpoint: the same, even while a relay runs on it', { tags: ['slow'] }, async () => {
    const dir = await filled();
    await checkpointed(dir);
    const lost = (await damage(dir)).sort();
    const { code, printed, said, losses, intact } = await check(dir);
    expect(code).toBe(1);
    expect(idsOf(losses)).toEqual(lost);
    expect(losses.every(({ unknown }) => unknown.length === 0)).toBe(true);
    expect(intact).toMatchObject({ messages: NAMES.length * ROUNDS - lost.length, mailboxes: NAMES.length });
    for (const { to, gone } of losses)
      expect(printed).toContain(`\n  ${to}: Lost: ${gone}. 39 more can be read.\n`);
    expect(said).toMatch(
      /\nA relay starts on this journal, but each of these mailboxes stops .*\n {2}detour .* --salvage\n/,
    );

    const relay = await start(dir);
    expect(await check(dir)).toMatchObject({ code: 1, losses, intact });
    await relay.close();

    const salvaged: Loss[] = [];
    await (await start(dir, salvaged)).close();
    expect(plain(losses)).toEqual(plain(salvaged));
    expect(await check(dir)).toMatchObject({ losses: [] });
  });

  test('in what was acknowledged: nothing is lost', { tags: ['slow'] }, async () => {
    const dir = await filled();
    const copy = join(tempDir(), 'journal');
    cpSync(dir, copy, { recursive: true });
    const names = new Set((await damage(copy)).map((id) => id.split('-')[0] ?? ''));
    const relay = await start(dir);
    for (const name of names) await collected(relay, name);
    await relay.close();
    await damage(dir);
    const { code, printed, lines } = await check(dir);
    expect(code).toBe(1);
    expect(lines.map(({ kind }) => kind)).toEqual(['damaged', 'damaged', 'damaged', 'intact']);
    expect(printed).toMatch(/\n\nNo held message is lost: 560 messages for 14 mailboxes can be read\.\n$/);
    const salvaged: Loss[] = [];
    await (await start(dir, salvaged)).close();
    expect(salvaged).toEqual([]);
  });
});

test('a bit flips where there is no message: nothing is lost, but a relay does not start', {
  tags: ['slow'],
}, async () => {
  const dir = await filled();
  const file = join(dir, '000000000000000.wal');
  const bytes = readFileSync(file);
  bytes.write('epoch', bytes.indexOf('EPOCH'));
  writeFileSync(file, bytes);
  const { code, printed, said, losses } = await check(dir);
  expect({ code, losses }).toEqual({ code: 1, losses: [] });
  expect(printed).toMatch(/\n\nNo held message is lost: 800 messages for 20 mailboxes can be read\.\n$/);
  expect(said).toMatch(
    /A relay does not start on this journal\. .*\n.* --salvage\nIt keeps copies of the damaged parts /,
  );
});

/** A journal with a checkpoint and mail below and above it, some of it acknowledged. */
async function mixed(): Promise<string> {
  const dir = await filled();
  await checkpointed(dir);
  const relay = await start(dir);
  await collected(relay, 'name3');
  const alice = await client(relay, 'alice');
  for (let round = 0; round < 100; round++) {
    const to = NAMES[round % 7] ?? '';
    alice.type(send(`later-${round}`, to, 'x'.repeat(900)));
    expect(await heard(alice)).toBe('STORED');
  }
  alice.socket.destroy();
  await collected(relay, 'name5');
  await relay.close();
  return dir;
}

/** Damages files of a journal, up to three times. @returns what it did */
function randomDamage(dir: string, random: () => number): string {
  const pick = (below: number): number => Math.floor(random() * below);
  const done = Array.from({ length: 1 + pick(3) }, () => {
    const names = readdirSync(dir).filter((name) => /\.(wal|checkpoint)$/.test(name));
    const name = names[pick(names.length)] ?? '';
    const file = join(dir, name);
    if (name === '') return 'nothing is left';
    const bytes = readFileSync(file);
    if (bytes.length < 512) return `${name} is too short already`;
    const at = random() < 0.1 ? pick(512) : pick(bytes.length);
    const kind = pick(10);
    if (kind === 0) rmSync(file);
    else if (kind === 1) truncateSync(file, at);
    else if (kind < 5) writeFileSync(file, bytes.fill(0, at, Math.min(bytes.length, at + pick(5000))));
    else {
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << pick(8)), at);
      writeFileSync(file, bytes);
    }
    return `${name} ${['deleted', 'cut short'][kind] ?? (kind < 5 ? 'zeroed' : 'flipped')} at ${at}`;
  });
  return done.join('; ');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

test(`any damage, ${CASES} times at random: it finds what salvage finds, and everything else can be read`, {
  tags: ['slow'],
}, async () => {
  const whole = await mixed();
  const first = seed().seed;
  const seen = { lost: 0, refused: 0, sound: 0 };
  for (let number = 0; number < CASES; number++) {
    const dir = join(tempDir(), 'journal');
    cpSync(whole, dir, { recursive: true });
    const what = `case ${number}: ${randomDamage(dir, prng(first + number))}`;
    const before = contents(dir);
    const found = await look(dir).catch(messageOf);
    expect(contents(dir), what).toEqual(before);

    const copy = join(tempDir(), 'journal');
    cpSync(dir, copy, { recursive: true });
    const refused = await start(copy).then(
      (relay) => relay.close(),
      () => true,
    );
    const salvaged: Loss[] = [];
    const relay = await start(dir, salvaged).catch(messageOf);
    if (typeof found === 'string' || typeof relay === 'string') {
      expect(found, what).toBe(relay);
      continue;
    }
    expect(plain(found.losses), what).toEqual(salvaged);
    expect(found.refused, what).toBe(refused === true);
    expect(found.items.length > 0 || salvaged.length === 0, what).toBe(true);
    // Each mailbox that has lost something holds a notice about it.
    const held = relay.waiting().reduce((sum, mailbox) => sum + mailbox.held, 0);
    expect(found.intact.messages + salvaged.length, what).toBe(held);
    seen[salvaged.length > 0 ? 'lost' : found.refused ? 'refused' : 'sound'] += 1;
    await relay.close();
  }
  console.info(seen);
  if (CASES >= 25) expect(seen.lost).toBeGreaterThan(CASES / 10);
});

test('while a relay moves messages and frees segments, nothing seems damaged or lost', {
  tags: ['slow'],
}, async () => {
  const life = await Life.start(undefined, SMALL_DISK);
  const alice = await life.client('alice');
  alice.type(send('kept', 'carol', 'kept'));
  expect(await heard(alice)).toBe('STORED');
  let over = false;
  const first = readdirSync(life.dir).filter((name) => name.endsWith('.wal'))[0] ?? '';
  const looking = (async () => {
    const found: Awaited<ReturnType<typeof look>>[] = [];
    while (!over) {
      found.push(await look(life.dir));
    }
    return found;
  })();
  for (let round = 0; round < 60; round++) {
    const bob = await life.client('bob');
    for (let i = 0; i < 4; i++) alice.type(send(`${round}-${i}`, 'bob', 'x'.repeat(100_000)));
    for (let i = 0; i < 4; i++) expect(await heard(alice)).toBe('STORED');
    bob.type('RECEIVE window=4 drain=yes\n');
    for (let i = 0; i < 4; i++) await bob.next();
    bob.type(`ACK seq=${4 * round + 4}\n`);
    await pong(bob);
    bob.socket.destroy();
    await life.pass(1000);
  }
  over = true;
  const found = await looking;
  expect(readdirSync(life.dir), 'the first segment has gone').not.toContain(first);
  expect(found.length).toBeGreaterThan(5);
  for (const { items, losses, intact } of found) {
    expect(items).toEqual([]);
    expect(losses).toEqual([]);
    expect(intact.messages).toBeGreaterThanOrEqual(1);
  }
});
