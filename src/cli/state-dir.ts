// Where a relay keeps its journal by default.

import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join, sep } from 'node:path';
import { claimantOf, networkFileSystem } from '../net/lock.ts';

/**
 * The default journal: in the per-user state folder of the system, one per port. If that folder is on a network file system, so that other
 * computers may share it, there is one per port and computer: its name ends with the host name. A folder that already exists without the
 * host name is still used, because there may be mail in it, unless another computer uses it.
 * @param onPort the port that the relay was asked to listen on
 * @param network the network file system that a folder is on, if it is on one; tests pass it
 * @param computer this computer's host name; tests pass it
 */
export function defaultJournal(
  onPort: number,
  env: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
  network: (dir: string) => string | undefined = networkFileSystem,
  computer: string = hostname(),
): string {
  const journal = join(stateFolder(env, platform), 'detour', `relay-${onPort}`);
  if (network(journal) === undefined) return journal;
  const own = `${journal}-${computer.replace(/[^A-Za-z0-9.-]/g, '_')}`;
  const unclaimed = existsSync(journal) && (claimantOf(journal) ?? computer) === computer;
  return unclaimed && !existsSync(own) ? journal : own;
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
