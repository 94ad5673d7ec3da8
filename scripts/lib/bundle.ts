// A program of plain JavaScript in one file, made of TypeScript: Node 20 takes no other, and tsx needs a second to start, in a guest of
// power-cuts three. tsx brings its compiler along.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Compiler {
  buildSync(options: Readonly<Record<string, unknown>>): unknown;
}

/** Compiles a program, and all that it imports, into one file. @param entry below scripts/ */
export function bundle(entry: string, outfile: string): void {
  const compiler = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Compiler;
  const entryPoints = [fileURLToPath(new URL(`../${entry}`, import.meta.url))];
  compiler.buildSync({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm' });
}
