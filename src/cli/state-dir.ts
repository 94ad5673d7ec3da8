// Where a relay keeps its journal by default.

import { homedir } from 'node:os';
import { join, sep } from 'node:path';

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
