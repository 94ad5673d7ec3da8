// What `detour doctor` finds out about this computer, apart from its disk. Each check looks at one thing and says what it saw.

import { existsSync, readFileSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { asTyped } from '../../core/command-name.ts';
import { DetourError } from '../../core/error.ts';
import { terminalOf } from '../../core/plain.ts';
import { ms } from '../../core/units.ts';
import { LOOPBACK } from '../../library/arguments.ts';
import { type OwnAddress, ownAddresses } from '../../net/address.ts';
import type { NetContext } from '../../net/context.ts';
import { listen } from '../../net/listener.ts';
import { occupantOf } from '../../net/occupant.ts';
import type { Check } from './check.ts';

/** Is this version of Node new enough? @param version, oldest as `20.19.0`, `20.19` */
export function checkNode(version: string, oldest: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = oldest.split('.').map(Number);
  const fits = major > needMajor || (major === needMajor && minor >= needMinor);
  return {
    what: 'Node',
    state: fits ? 'ok' : 'fails',
    found: `version ${version}; detour needs ${oldest} or newer`,
    ...(!fits && { advice: 'Get a newer one at https://nodejs.org.' }),
  };
}

/** A wall clock that is at least this far off the monotonic one was set meanwhile, or is being corrected. Milliseconds. */
const JUMP_MS = 50;
/** A computer without a battery for its clock starts in some earlier year. Milliseconds since 1970: the beginning of 2026. */
const THIS_PROGRAM = Date.UTC(2026, 0);

/** Begins to watch the wall clock. The function that it returns says how it ran compared with the monotonic clock. */
export function watchClock(clock: Clock): () => Check {
  const [wall, steady] = [clock.epoch(), clock.monotonic()];
  return () => {
    const [now, passed] = [clock.epoch(), clock.monotonic() - steady];
    const off = now - wall - passed;
    const found = `${localTime(now)}; in ${ms(passed)} it moved ${ms(Math.abs(off))} away from the monotonic clock`;
    const seen = { what: 'clock', found } as const;
    if (now < THIS_PROGRAM)
      return { ...seen, state: 'warning', advice: 'Set it: the times of messages are shown by this clock.' };
    if (Math.abs(off) < JUMP_MS) return { ...seen, state: 'ok' };
    return {
      ...seen,
      state: 'warning',
      advice: 'Somebody sets it. Times that are shown may jump; durations and expiry do not depend on it.',
    };
  };
}

function localTime(epoch: number): string {
  const zone = -new Date(epoch).getTimezoneOffset();
  const local = new Date(epoch + zone * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  const [hours, minutes] = [Math.floor(Math.abs(zone) / 60), Math.abs(zone) % 60];
  return `${local} UTC${zone < 0 ? '-' : '+'}${hours}${minutes === 0 ? '' : `:${minutes}`}`;
}

/** Is a port free? @param use what detour uses it for by default: `a relay` */
export async function checkPort(port: number, use: string, context: NetContext): Promise<Check> {
  const what = `port ${port}`;
  try {
    // Closed before the event loop goes on, so nobody is accepted.
    const listener = await listen(LOOPBACK, port, context, () => {});
    listener.close();
    return { what, state: 'ok', found: `free, for ${use}` };
  } catch (error) {
    if (!(error instanceof DetourError)) throw error;
    // A detour server that runs is not a failure, although a second one would not start.
    const ours = error.code === 'EADDRINUSE' && (await occupantOf(LOOPBACK, port)).role !== undefined;
    return { what, state: ours ? 'warning' : 'fails', found: error.message, advice: error.hint };
  }
}

/** What is needed of a terminal. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The columns that detour's pictures and tables take. */
const COLUMNS = 80;
/** How to have diagrams again. */
const DRAWN = 'For diagrams, if the terminal can show them: export LC_ALL=C.UTF-8 TERM=xterm';
/** What detour draws with. */
const GLYPHS = '├──► ◄──┤ │ ■ · … × ░';

/**
 * Is the terminal wide enough, and does it expect UTF-8? With plain output neither matters.
 * @param platform as in `process.platform`
 * @param asked does `--plain` ask for plain output?
 */
export function checkTerminal(
  screen: Screen,
  env: NodeJS.ProcessEnv,
  platform: string,
  asked = false,
): Check[] {
  const { plainFor } = terminalOf(env, platform);
  if (plainFor !== undefined)
    return [{ what: 'terminal', state: 'warning', found: `plain output: ${plainFor}`, advice: DRAWN }];
  if (asked) return [{ what: 'terminal', state: 'ok', found: 'plain output: --plain asks for it' }];
  if (screen.isTTY !== true)
    return [{ what: 'terminal', state: 'warning', found: 'the output does not go to a terminal' }];
  const { columns = 0 } = screen;
  const wide: Check =
    columns >= COLUMNS
      ? { what: 'terminal', state: 'ok', found: `${columns} columns` }
      : {
          what: 'terminal',
          state: 'warning',
          found: columns === 0 ? 'it does not say how wide it is' : `${columns} columns`,
          advice: `detour's lines take ${COLUMNS}: make the window wider, or the font smaller.`,
        };
  return [wide, checkGlyphs(env, platform)];
}

function checkGlyphs(env: NodeJS.ProcessEnv, platform: string): Check {
  const what = 'glyphs';
  const look = `do these look like arrows, lines, a square and dots? ${GLYPHS}`;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  if (platform === 'win32')
    return { what, state: 'ok', found: look, advice: 'If not: use Windows Terminal, or another font.' };
  if (locale !== '')
    return { what, state: 'ok', found: `${locale}; ${look}`, advice: 'If not: use another font.' };
  return {
    what,
    state: 'warning',
    found: `no locale is set; ${look}`,
    advice: 'If not: export LC_ALL=C.UTF-8, and set the terminal to UTF-8.',
  };
}

/** Which addresses of this computer could others use? @param own as `ownAddresses` gives them; tests pass it */
export function checkAddresses(own: readonly OwnAddress[] = ownAddresses('0.0.0.0')): Check {
  const what = 'addresses';
  if (own.length === 0)
    return {
      what,
      state: 'warning',
      found: 'only this computer can reach this computer',
      advice: 'For two computers, join a network. For one, nothing is missing.',
    };
  return {
    what,
    state: 'ok',
    found: own.map(({ address, card }) => `${address} (${card})`).join(', '),
    advice: 'Others reach a server here under these, if it was started with --host 0.0.0.0.',
  };
}

/** Which firewall may keep others out? Without rights one sees only whether it is on. @param root where the files of the system are; tests pass it */
export function checkFirewall(platform: string, root = ''): Check {
  const what = 'firewall';
  if (platform === 'darwin' || platform === 'win32') return { what, state: 'warning', ...UNSEEN[platform] };
  const on = [
    ...(existsSync(`${root}/run/firewalld`) ? [['firewalld', 'firewall-cmd --add-port=4100-4102/tcp']] : []),
    ...(ufwIsOn(`${root}/etc/ufw/ufw.conf`) ? [['ufw', 'ufw allow 4100:4102/tcp']] : []),
  ];
  if (on.length === 0) return { what, state: 'warning', ...UNSEEN.linux };
  return {
    what,
    state: 'warning',
    found: `${on.map(([name]) => name).join(' and ')} is on; what it lets through cannot be seen without root`,
    advice: `To let others in: ${on.map(([, command]) => `\`sudo ${command}\``).join(' and ')}.`,
  };
}

const FROM_THERE = asTyped(
  'It shows from another computer: `detour async relay --host 0.0.0.0` here, `detour doctor --relay ADDRESS` there.',
);
const UNSEEN = {
  linux: { found: 'neither ufw nor firewalld is on; other rules cannot be seen', advice: FROM_THERE },
  darwin: {
    found: 'cannot be seen from here',
    advice: `If macOS asks whether node may accept connections, allow it. ${FROM_THERE}`,
  },
  win32: {
    found: 'cannot be seen from here',
    advice: `If Windows asks about node, allow it in private and public networks. ${FROM_THERE}`,
  },
} as const;

function ufwIsOn(settings: string): boolean {
  try {
    return /^ENABLED=yes/m.test(readFileSync(settings, 'utf8'));
  } catch {
    return false;
  }
}
