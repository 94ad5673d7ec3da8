// What `detour --version` prints: everything that a bug report should name.

import { readFileSync } from 'node:fs';
import { VERSION } from '../wire/verbs.ts';

/** One line with the versions of detour, of its protocol and of Node, and the system: `detour 0.2.0, protocol 1, Node 20.19.0 on linux x64`. */
export function versionLine(): string {
  const { platform, arch, versions } = process;
  return `detour ${manifest().version}, protocol ${VERSION}, Node ${versions.node} on ${platform} ${arch}`;
}

/** The oldest version of Node that detour runs on, as package.json says: `20.19`. */
export const oldestNode = (): string => manifest().engines.node.replace('>=', '');

function manifest(): { readonly version: string; readonly engines: { readonly node: string } } {
  // At the root of a clone and of an installed package, seen from src/cli/ and from dist/cli/ alike.
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
}
