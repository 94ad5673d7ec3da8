// Compares the figures that README.md gives about the source with the source. (scripts/walk.ts compares the outputs that it shows.)

import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
  'the price of decoupling: the lines of %s are stated to within a tenth',
  (folder) => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const told = Number(new RegExp(`^${folder}/ .* (\\d+) lines$`, 'm').exec(readme)?.[1]);
    expect(told).toBeGreaterThan(0.9 * lines(folder));
    expect(told).toBeLessThan(1.1 * lines(folder));
  },
);

test('it takes two links from README.md to the function that decides a verdict', () => {
  const linked = (file: string, to: string): boolean =>
    readFileSync(join(ROOT, file), 'utf8').includes(`](${to})`);
  expect(linked('README.md', 'src/README.md')).toBe(true);
  expect(linked('src/README.md', 'exchange/verdict.ts')).toBe(true);
  expect(readFileSync(join(ROOT, 'src/exchange/verdict.ts'), 'utf8')).toContain('export function conclude(');
});

test('README.md is short, and every file that a document links to exists', () => {
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').length).toBeLessThan(350);
  const others = ['src/README.md', 'src/lab/TEACHING.md', 'test/README.md'];
  for (const document of ['README.md', ...others, '.github/CONTRIBUTING.md', '.github/CHANGELOG.md'])
    for (const [, to = ''] of readFileSync(join(ROOT, document), 'utf8').matchAll(
      /\]\((?!https:)([^)#]+)(?:#[a-z-]+)?\)/g,
    ))
      expect(existsSync(join(ROOT, document, '..', to)), `${document}: ${to}`).toBe(true);
});

test('CONTRIBUTING.md names scripts of package.json, and files that are there', () => {
  const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
  const text = read('.github/CONTRIBUTING.md');
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const run = [...text.matchAll(/`npm run ([a-z:]+)/g)].map(([, name = '']) => name);
  expect(run.length).toBeGreaterThan(8);
  expect(run.filter((name) => !(name in scripts))).toEqual([]);
  const files = [...text.matchAll(/`((?:src|test|scripts)\/[\w./-]+)`/g)].map(([, file = '']) => file);
  expect(files.length).toBeGreaterThan(40);
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});
