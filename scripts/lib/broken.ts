// Deliberately broken builds: a copy of dist/ in a folder of its own, with a few words of it changed. A run that finds no fault in
// the real program proves something only if it finds the fault in such a one.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The program as it was built. */
export const MAIN = join(ROOT, 'dist', 'cli', 'main.js');

/** One change. */
export interface Edit {
  /** Below dist/, e.g. `async/relay.js`. */
  readonly file: string;
  /** A text that stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

const made: string[] = [];
process.once('exit', () => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

/**
 * Makes a broken build. It is removed when the process ends.
 * @returns its main.js
 * @throws Error if a text to be changed does not stand there exactly once: then the program has changed, and this must be adapted
 */
export function brokenBuild(edits: readonly Edit[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'detour-broken-'));
  made.push(dir);
  cpSync(join(ROOT, 'dist'), join(dir, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'), 'junction');
  for (const { file, from, to } of edits) {
    const path = join(dir, 'dist', file);
    const text = readFileSync(path, 'utf8');
    const places = text.split(from).length - 1;
    if (places !== 1) throw new Error(`${file} has ${places} places, not one, that read: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  return join(dir, 'dist', 'cli', 'main.js');
}
