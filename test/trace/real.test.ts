// Logs of real processes, some of which are killed, through links that break: they never contradict each other, and a changed log always does.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prng } from '../../src/core/prng.ts';
import type { Actor } from '../../src/lab/stage/actor.ts';
import { isContradiction } from '../../src/trace/findings.ts';
import { merge } from '../../src/trace/merge.ts';
import { readLog } from '../../src/trace/read.ts';
import { runCli, start, tempDir } from '../harness.ts';

const placeOf = async (actor: Actor): Promise<string> => `127.0.0.1:${(await actor.until('listening')).port}`;

/** Some exchanges with kills and faults at random moments. @returns the files of all logs */
async function exchanges(seed: number): Promise<string[]> {
  const dir = tempDir();
  const random = prng(seed);
  const files: string[] = [];
  const logged = (...args: string[]): string[] => {
    const file = join(dir, `${files.length}.log`);
    files.push(file);
    return [...args, '--log', file];
  };
  const journal = join(dir, 'journal');
  for (let round = 0; round < 2; round += 1) {
    const relay = start(logged('async', 'relay', '--port', '0', '--journal', journal));
    const bob = start(logged('sync', 'receive', '--port', '0'));
    const [hub, place] = [await placeOf(relay), await placeOf(bob)];
    const links = [hub, place].map((to) => start(logged('link', '--listen', '0', '--to', to)));
    const [toHub = '', toBob = ''] = await Promise.all(links.map(placeOf));
    const collecting = start(logged('async', 'receive', '--relay', random() < 0.5 ? hub : toHub, '--follow'));
    const sending = ['one', 'two', 'three'].flatMap((text) => [
      runCli(logged('sync', 'send', '--to', random() < 0.5 ? place : toBob, '--timeout', '2s', text)),
      runCli(logged('async', 'send', '--relay', random() < 0.5 ? hub : toHub, '--timeout', '2s', text)),
    ]);
    const victims = [relay, bob, collecting];
    const victim = victims[Math.floor(random() * victims.length)] as Actor;
    const after = (['accepted', 'sent', 'received'] as const)[Math.floor(random() * 3)] ?? 'sent';
    const hit = Promise.race([victim.until(after), Promise.all(sending)]).then(() => {
      if (random() < 0.7) victim.killNow();
      for (const link of links) link.type(random() < 0.5 ? 'reset' : 'cut');
    });
    await Promise.all([hit, ...sending]);
    for (const actor of [...links, ...victims]) actor.killNow();
    await Promise.all([...links, ...victims].map(({ ended }) => ended));
  }
  return files;
}

test('the logs of real exchanges do not contradict each other; one changed number does, and trace says who said what', {
  tags: ['slow'],
}, async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`SEED=${seed}`);
  const files = await exchanges(seed);
  const kept = files.filter((file) => readFileSync(file).length > 0);
  const merged = merge(kept.map((file) => readLog(file).events));
  expect(merged.findings.filter(isContradiction)).toEqual([]);
  expect(merged.channels.filter(({ certain }) => certain === true).length).toBeGreaterThan(1);
  const { code, stderr } = await runCli(['trace', '--last', '100', ...kept]);
  expect(code, stderr).toBe(0);
  // A clock may differ from the others by a millisecond, and trace says so. That does not count as a contradiction.
  expect(stderr).not.toContain('the logs contradict each other');

  const received = merged.events.find(
    ({ recorded, peer, channel }) =>
      recorded.event === 'received' &&
      recorded.verb === 'SEND' &&
      peer !== undefined &&
      channel?.certain === true,
  );
  if (received?.recorded.event !== 'received') throw new Error('no SEND was logged at both ends');
  const { actor, pid, conn, n } = received.recorded;
  const lies = kept.map((file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const changed = lines.map((line) => {
      const is = line.includes(`"pid":${pid},`) && line.includes(`"conn":${conn},"n":${n},"verb":"SEND"`);
      return is && line.includes('"received"') ? line.replace(/"size":\d+/, '"size":999') : line;
    });
    const lie = `${file}.lie`;
    writeFileSync(lie, changed.join('\n'));
    return lie;
  });
  const caught = await runCli(['trace', '--last', '100', ...lies]);
  expect(caught.code).toBe(1);
  expect(caught.stderr).toContain('the logs contradict each other');
  expect(caught.stderr).toContain(`${actor} (pid ${pid}) says that it received SEND size=999`);
  const before = received.peer?.process;
  expect(caught.stderr).toContain(`${before?.actor} (pid ${before?.pid}) says that it sent SEND size=`);
});
