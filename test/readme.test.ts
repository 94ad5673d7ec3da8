// The figures that README.md gives of the source, against the source. (What it prints of the program is compared by scripts/walk.ts.)

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function lines(folder: string): number {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  expect(files.length).toBeGreaterThan(1);
  return files.reduce(
    (sum, name) => sum + readFileSync(join(ROOT, folder, name), 'utf8').split('\n').length - 1,
    0,
  );
}

test.each(['src/sync', 'src/async'])(
  'the price of decoupling: the lines of %s are told to within a tenth',
  (folder) => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const told = Number(new RegExp(`^${folder}/ .* (\\d+) lines$`, 'm').exec(readme)?.[1]);
    expect(told).toBeGreaterThan(0.9 * lines(folder));
    expect(told).toBeLessThan(1.1 * lines(folder));
  },
);
