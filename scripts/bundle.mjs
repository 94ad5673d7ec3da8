// Bundles what tsc cannot make: the page of `detour board` for browsers, and the one library that its server uses. So neither is a
// dependency of the installed package. It runs after tsc, as the last step of a build.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src', 'lab', 'board');
const target = join(root, 'dist', 'lab', 'board');

/** @type {import('esbuild').BuildOptions} */
const shared = { bundle: true, format: 'esm', logLevel: 'warning', legalComments: 'none' };

buildSync({
  ...shared,
  entryPoints: { page: join(source, 'page', 'main.tsx'), style: join(source, 'page', 'page.css') },
  outdir: target,
  minify: true,
  target: ['chrome109', 'firefox115', 'safari16.4'],
  tsconfig: join(source, 'page', 'tsconfig.json'),
});

buildSync({
  ...shared,
  entryPoints: [join(target, 'qr.js')],
  outfile: join(target, 'qr.js'),
  allowOverwrite: true,
  platform: 'node',
  target: 'node20',
});
