// How this process was started, and so what the person types to start the next one: what a hint must say.

import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';

/** What is known of the start of a process. */
export interface Start {
  readonly env: NodeJS.ProcessEnv;
  /** The path of the program, as Node gives it: absolute, and a symbolic link is not followed. */
  readonly program: string;
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
}

/**
 * What a person typed before `sync send hello`: `npx detour`, `detour`, or `node scripts/detour.mjs`, with a path that holds in the folder
 * where it was typed. The variable DETOUR_COMMAND goes first; the lines that `npm start` prints set it.
 */
export function typedAs({ env, program, cwd, platform }: Start): string {
  if (env.DETOUR_COMMAND) return env.DETOUR_COMMAND;
  // npx, and a script of package.json. Whoever typed `npm start` can type npx in the same folder.
  if (NAMES_DETOUR.test(env.npm_lifecycle_script ?? '') || IN_BIN.test(program)) {
    const { npm_config_prefix: prefix = '', npm_config_local_prefix: folder } = env;
    // Only after `npx --prefix FOLDER` are they the same.
    return prefix !== '' && prefix === folder
      ? `npx --prefix ${quoted(prefix, platform)} detour`
      : 'npx detour';
  }
  if (basename(program) !== 'detour.mjs') return 'detour';
  // On Windows the command of a global installation is a batch file beside node_modules, and does not show in the path of the program.
  if (platform === 'win32' && existsSync(join(program, '../../../../detour.cmd'))) return 'detour';
  const path = relative(cwd, program);
  return `node ${quoted(path.startsWith('..') || isAbsolute(path) ? program : path, platform)}`;
}

const NAMES_DETOUR = /(?:^|[\s/\\'"])detour(?:\.mjs)?(?:['"\s]|$)/;
const IN_BIN = /[/\\]node_modules[/\\]\.bin[/\\]/;

function quoted(path: string, platform: NodeJS.Platform): string {
  if (/^[\w./\\:@%+,~-]+$/.test(path)) return path;
  return platform === 'win32' ? `"${path}"` : `'${path.replaceAll("'", "'\\''")}'`;
}
