// The folder of an open log is deleted or moved away by somebody.

import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { turns } from './bench.ts';
import { durably, filesIn, type Opened, opened, SMALL, scratch, whenThereIsRoom } from './real-disk.ts';

const DELETIONS: Readonly<Record<string, (dir: string) => void>> = {
  'is deleted': (dir) => rmSync(dir, { recursive: true, maxRetries: 10 }),
  'is emptied': (dir) => {
    for (const name of readdirSync(dir)) rmSync(`${dir}/${name}`);
  },
  'is deleted and replaced by an empty one': (dir) => {
    rmSync(dir, { recursive: true, maxRetries: 10 });
    mkdirSync(dir);
  },
  'is deleted and replaced by a copy': (dir) => {
    // Everything except the socket of the lock.
    cpSync(dir, `${dir}.copy`, {
      recursive: true,
      filter: (name) => !path.basename(name).startsWith('lock'),
    });
    rmSync(dir, { recursive: true, maxRetries: 10 });
    renameSync(`${dir}.copy`, dir);
  },
};

// Nothing is being made in the folder any more: it has two segments, a file for another, and three for checkpoints.
async function quiet(dir: string, { log, owner }: Opened): Promise<void> {
  const isMade = (): boolean => {
    const names = filesIn(dir);
    const count = (kind: string): number => names.filter((name) => name.endsWith(kind)).length;
    return log.segments().length === 2 && count('.free') === 4 && count('.new') === 0;
  };
  while (log.hasRoom(100, 100) !== 'yes' || !isMade()) await owner.change();
  await turns();
}

describe.skipIf(process.platform === 'win32').each(Object.entries(DELETIONS))(
  'when the folder of an open log %s',
  (_, strike) => {
    test.each([
      ['that fits', 10],
      ['that needs the next segment', 3000],
    ])('an entry %s does not become durable, and it is reported once', async (_, size) => {
      const dir = path.join(scratch(), 'log');
      const open = await opened(dir, SMALL);
      await durably(open, Buffer.alloc(1500, 'a'));
      await quiet(dir, open);
      const { durable } = open.log;
      strike(dir);
      await durably(open, Buffer.alloc(size, 'b'));
      await durably(open, 'c');
      await turns();
      await open.log.close();
      expect(open.owner.failures).toMatchObject([{ code: 'deleted' }]);
      expect(open.log.durable).toBe(durable);
    });
  },
);

describe.skipIf(process.platform === 'win32').each(['nothing', 'an empty folder', 'another log'] as const)(
  'when the folder of an open log is moved away and there is %s in its place',
  (what) => {
    const movedAway = async () => {
      const dir = path.join(scratch(), 'log');
      const open = await opened(dir, SMALL);
      await durably(open, 'one');
      await quiet(dir, open);
      renameSync(dir, `${dir}.moved`);
      if (what !== 'nothing') mkdirSync(dir);
      if (what === 'another log') await (await opened(dir, SMALL)).log.close();
      return { dir, open };
    };

    test('no checkpoint is made there', async () => {
      const { dir, open } = await movedAway();
      const before = existsSync(dir) ? filesIn(dir) : [];
      for (let i = 0; i < 6 && open.owner.failures.length === 0; i++) {
        await durably(open, 'two');
        await open.log
          .checkpoint(() => ({ segments: [], size: 0, chunks: [Buffer.from('state')] }))
          .catch(() => undefined);
        await turns();
      }
      await open.log.close();
      expect(existsSync(dir) ? filesIn(dir) : []).toEqual(before);
      if (what === 'another log') await opened(dir, SMALL);
    });

    test('what fits is kept where the folder went, no new segment is begun, and it is reported once', async () => {
      const { dir, open } = await movedAway();
      const segments = (): string[] =>
        existsSync(dir) ? filesIn(dir).filter((name) => name.endsWith('.wal')) : [];
      const before = segments();
      await durably(open, 'two');
      expect(open.owner.failures).toEqual([]);
      const entries = ['one', 'two'];
      while (open.owner.failures.length === 0) {
        const entry = Buffer.alloc(1000, 'x');
        if ((await whenThereIsRoom(open, entry)) === undefined) break;
        await durably(open);
        if (open.log.durable === open.log.end) entries.push(entry.toString());
      }
      await turns();
      await open.log.close();
      expect(open.owner.failures).toMatchObject([{ code: 'deleted' }]);
      expect(segments()).toEqual(before);
      const moved = await opened(`${dir}.moved`, SMALL);
      // One more commit may be there than was reported.
      expect(moved.owner.entries.map(String).slice(0, entries.length)).toEqual(entries);
    });
  },
);
