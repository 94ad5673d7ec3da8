// `detour async relay --fresh`: whom it asks, what it says is deleted, and when it refuses.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deposit, startRelay } from '../../src/index.ts';
import { runCli, talk, tempDir } from '../harness.ts';
import { hasTerminals, inTerminal } from './terminal.ts';

/** A journal with three messages for two mailboxes. @param running does a relay still run on it? */
async function journalWithMail(running = false): Promise<{ dir: string; fresh: string[] }> {
  const dir = join(tempDir(), 'journal');
  const relay = await startRelay({ journal: dir, port: 0 });
  for (const to of ['bob', 'bob', 'carol']) await deposit(`127.0.0.1:${relay.port}`, to, 'hello');
  if (running) onTestFinished(() => relay.close());
  else await relay.close();
  return { dir, fresh: ['async', 'relay', '--port', '0', '--journal', dir, '--fresh'] };
}

test('without a terminal it needs --yes, and says what would be deleted; then it begins empty', async () => {
  const { dir, fresh } = await journalWithMail();
  writeFileSync(join(dir, 'notes.txt'), 'of the teacher');
  const before = readdirSync(dir)
    .filter((name) => !name.startsWith('lock'))
    .sort();
  const refused = await runCli(fresh);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(
    `This deletes the journal in ${dir}: 3 held messages of 2 mailboxes. There is nobody`,
  );
  expect(refused.stderr).toContain('--yes');
  expect(
    readdirSync(dir)
      .filter((name) => !name.startsWith('lock'))
      .sort(),
  ).toEqual(before);
  const relay = talk([...fresh, '--yes']);
  await relay.until(
    /The old journal was deleted: 3 held messages of 2 mailboxes\.\n[\s\S]*pid \d+\. Nobody has mail\./,
  );
  expect(readdirSync(dir)).toContain('notes.txt');
});

test('not while a relay runs on it, and not in a folder of somebody else', async () => {
  const { fresh } = await journalWithMail(true);
  const locked = await runCli([...fresh, '--yes']);
  expect([locked.code, locked.stderr]).toEqual([
    1,
    expect.stringContaining('another relay is using the journal'),
  ]);
  const folder = join(tempDir(), 'thesis');
  mkdirSync(folder);
  writeFileSync(join(folder, 'chapter.txt'), 'words');
  const other = await runCli(['async', 'relay', '--port', '0', '--fresh', '--yes'], {
    env: { DETOUR_JOURNAL: folder },
  });
  expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('holds no journal')]);
  expect(readdirSync(folder)).toEqual(['chapter.txt']);
});

test('where there is no journal, nobody is asked', async () => {
  const alone = await runCli(['async', 'relay', '--port', '0', '--yes']);
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('--fresh')]);
  const relay = talk(['async', 'relay', '--port', '0', '--journal', join(tempDir(), 'new'), '--fresh']);
  await relay.until(/Nobody has mail\./);
  expect(relay.stderr).not.toContain('deleted');
});

test.skipIf(!hasTerminals)('on a terminal only yes deletes', { tags: ['slow'] }, async () => {
  const { fresh } = await journalWithMail();
  const no = inTerminal(fresh);
  await no.until(/3\s+held\s+messages\s+of\s+2\s+mailboxes\.\r\n[\s\S]*Type yes: /);
  await no.do('type y');
  expect(await no.ended).toBe(1);
  expect(no.stdout).toContain('Nothing was deleted, and no relay was started.');
  const yes = inTerminal(fresh);
  await yes.until(/Type yes: /);
  await yes.do('type yes');
  await yes.until(/was\s+deleted:\s+3\s+held\s+messages\s+of\s+2\s+mailboxes\.[\s\S]*Nobody has mail\./);
  // It still obeys what is typed.
  await yes.do('type hello');
  await yes.until(/hello[\s\S]*relay only keeps mail/);
});
