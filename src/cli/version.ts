// Which detour this is and what it runs on: what `detour --version` prints, and the first line of a log.

import { readFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import type { Event } from '../core/event.ts';
import { VERSION } from '../wire/verbs.ts';

/** One line with the versions of detour, of its protocol and of Node, and the system: `detour 0.2.0, protocol 1, Node 20.19.0 on linux x64`. */
export function versionLine(): string {
  const { platform, arch, versions } = process;
  return `detour ${manifest().version}, protocol ${VERSION}, Node ${versions.node} on ${platform} ${arch}`;
}

/** The first event of a log: which detour was started, how, and where. @param words what was typed after `detour` */
export function startedEvent(words: readonly string[] = process.argv.slice(2)): Event {
  const { platform, arch, versions } = process;
  return {
    event: 'started',
    version: manifest().version,
    argv: shortened(words),
    system: `${platform} ${release()} ${arch}`,
    node: versions.node,
    host: hostname(),
  };
}

/** The oldest version of Node that detour runs on, as package.json says: `20.19`. */
export const oldestNode = (): string => manifest().engines.node.replace('>=', '');

/** What package.json says of the version, and of the oldest Node. */
export function manifest(): { readonly version: string; readonly engines: { readonly node: string } } {
  // At the root of a clone and of an installed package, seen from src/cli/ and from dist/cli/ alike.
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
}

/** A message may be as long as the system allows. This many words, and this many characters of each, show the flags of any command. */
const MOST_WORDS = 50;
const LONGEST_WORD = 40;

function shortened(words: readonly string[]): string {
  const short = words.slice(0, MOST_WORDS).map((word) => {
    const cut = word.length > LONGEST_WORD ? `${word.slice(0, LONGEST_WORD)}…` : word;
    return /^[\w./:@=,+…-]+$/.test(cut) ? cut : JSON.stringify(cut);
  });
  return [...short, ...(words.length > MOST_WORDS ? ['…'] : [])].join(' ');
}
