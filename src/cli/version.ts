// What `detour --version` prints: everything that a bug report should name.

import { readFileSync } from 'node:fs';
import { VERSION } from '../wire/verbs.ts';

/** One line with the versions of detour, of its protocol and of Node, and the system: `detour 0.2.0, protocol 1, Node 20.19.0 on linux x64`. */
export function versionLine(): string {
  // At the root of a clone and of an installed package, seen from src/cli/ and from dist/cli/ alike.
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { readonly version: string };
  const { platform, arch, versions } = process;
  return `detour ${version}, protocol ${VERSION}, Node ${versions.node} on ${platform} ${arch}`;
}
