// Where a relay keeps its journal unless told, and who else may write there.

import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, sep } from 'node:path';
import { DetourError } from '../core/error.ts';

/**
 * The default journal: in the per-user state folder of the system, one per port.
 * @param onPort the port that the relay was asked to listen on
 */
export function defaultJournal(
  onPort: number,
  env: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): string {
  return join(stateFolder(env, platform), 'detour', `relay-${onPort}`);
}

function stateFolder(env: NodeJS.ProcessEnv, platform: string): string {
  const home = homedir();
  if (platform === 'win32') return env.LOCALAPPDATA || join(home, 'AppData', 'Local');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  // XDG Base Directory Specification: an empty variable counts as unset.
  return env.XDG_STATE_HOME || join(home, '.local', 'state');
}

/** A path as a person writes it: with `~` for the home folder, except on Windows. */
export function atHome(path: string): string {
  const home = homedir() + sep;
  return process.platform !== 'win32' && path.startsWith(home) ? `~/${path.slice(home.length)}` : path;
}

/**
 * Whoever may write in the folder of a journal can take away and put in messages, so it must be safe from others. A folder that does not
 * exist yet is safe: it is made for this user alone. On Windows nothing is checked, because its rights are not in the mode.
 * @returns a warning for the person, if there is one
 * @throws DetourError `unsafe_folder` if everybody may write there, or if it belongs to another user than this one or root
 */
export function checkFolder(dir: string): string | undefined {
  const user = process.getuid?.();
  const found = statSync(dir, { throwIfNoEntry: false });
  if (user === undefined || found === undefined || !found.isDirectory()) return undefined;
  if (found.uid !== user && found.uid !== 0) {
    throw new DetourError(
      'unsafe_folder',
      `the journal's folder belongs to another user (number ${found.uid}), who could change the messages in it: ${dir}`,
      'Give another folder with --journal, or start the relay as that user.',
    );
  }
  if ((found.mode & 0o002) !== 0) {
    throw new DetourError(
      'unsafe_folder',
      `everybody on this computer may write in the journal's folder, and so change the messages in it: ${dir}`,
      'Take that right away (chmod o-w), or give another folder with --journal.',
    );
  }
  if ((found.mode & 0o020) === 0) return undefined;
  return `the group of the journal's folder may write in it, and so change messages; chmod g-w ends that: ${dir}`;
}
