// What npm is told about detour: the lock file works on every system and with every registry, and the package contains what it runs.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly engines?: { readonly node?: string };
  readonly dev?: boolean;
  readonly optional?: boolean;
}

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const lockText = read('package-lock.json');
const locked = Object.entries((JSON.parse(lockText) as { packages: Record<string, Locked> }).packages).filter(
  ([path]) => path !== '',
);

describe('the lock file', () => {
  it('names no registry, so that everybody can use their own', () => {
    expect(lockText).not.toContain('"resolved"');
    expect(lockText).not.toMatch(/registry|\.tgz/);
    expect(read('.npmrc')).toContain('omit-lockfile-registry-resolved=true');
  });

  it('pins every package by its checksum', () => {
    expect(locked.length).toBeGreaterThan(50);
    expect(locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
  });

  // npm has left out the packages for other systems, and then the lock file fails there.
  it('has every package that is for only one system', () => {
    const paths = new Set(locked.map(([path]) => path));
    const missing = locked.flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter((name) => !found(paths, path, name)),
    );
    expect(missing).toEqual([]);
  });

  it.each(['linux', 'darwin', 'win32'])('has the native tools for %s, x64 and arm64', (os) => {
    const families = new Map<string, string[]>();
    for (const [path, { optionalDependencies }] of locked) {
      const natives = Object.keys(optionalDependencies ?? {}).filter(
        (name) => platform(name).os !== undefined,
      );
      if (natives.length > 1) families.set(path, natives);
    }
    expect(families.size).toBeGreaterThanOrEqual(4);
    for (const [path, natives] of families) {
      const cpus = natives.map(platform).filter((one) => one.os?.includes(os));
      for (const cpu of ['x64', 'arm64'])
        expect(
          cpus.some((one) => one.cpu?.includes(cpu)),
          `${path} on ${os} ${cpu}`,
        ).toBe(true);
    }
  });

  it('agrees with package.json', () => {
    const root = (JSON.parse(lockText) as { packages: Record<string, Manifest> }).packages[''];
    expect(root).toMatchObject({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
      engines: manifest.engines,
    });
  });
});

// Where Node would look: next to the package that asks, then outwards.
function found(paths: ReadonlySet<string>, from: string, name: string): boolean {
  for (let at = from; ; at = at.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    if (paths.has(at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`)) return true;
    if (at === '') return false;
  }
}

function platform(name: string): Locked {
  return locked.find(([path]) => path.endsWith(`node_modules/${name}`))?.[1] ?? {};
}

describe('package.json', () => {
  it('asks for a Node version on which every package that it installs runs', () => {
    expect(manifest.engines.node).toBe('>=20.19');
    // The parts of a range about 20 begin at 20.19 or below, or at any 20.
    const tooNew = locked.filter(([, { engines, optional }]) => !optional && !runsOn20(engines?.node ?? '*'));
    expect(tooNew.map(([path, { engines }]) => `${path} ${engines?.node}`)).toEqual([]);
  });

  it('has few dependencies, each with an exact version', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['commander', 'pino']);
    expect(Object.keys(manifest.devDependencies).length).toBeLessThanOrEqual(8);
    for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const shipped = locked.filter(([, { dev, optional }]) => !dev && !optional);
    expect(shipped.length).toBeLessThanOrEqual(20);
  });
});

function runsOn20(range: string): boolean {
  return range.split('||').some((part) => {
    const version = /(\^|>=?|~)?\s*v?(\d+)(?:\.(\d+))?/.exec(part);
    if (version === null) return part.includes('*');
    const [, sign = '', major = '0', minor = '0'] = version;
    if (Number(major) === 20) return Number(minor) <= 19;
    return Number(major) < 20 && sign.startsWith('>');
  });
}

describe('the package', () => {
  it('contains what it runs and nothing else', () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    // Without its scripts, because the tests have built it.
    const told = execFileSync(`${npm} pack --dry-run --json --ignore-scripts`, {
      cwd: ROOT,
      shell: true,
      encoding: 'utf8',
    });
    const [pack] = JSON.parse(told) as { size: number; unpackedSize: number; files: { path: string }[] }[];
    const files = pack?.files.map(({ path }) => path) ?? [];
    for (const needed of [
      'package.json',
      'LICENSE',
      'dist/cli/main.js',
      manifest.bin.detour,
      'scripts/setup.mjs',
      'src/wire/PROTOCOL.md',
      'src/lab/TEACHING.md',
    ])
      expect(files).toContain(needed);
    const strange = files.filter(
      (path) =>
        !/^(dist\/.*\.js|scripts\/(detour|setup)\.mjs|src\/(wire\/PROTOCOL|lab\/TEACHING)\.md|README\.md|LICENSE|package\.json)$/.test(
          path,
        ),
    );
    expect(strange).toEqual([]);
    expect(pack?.unpackedSize).toBeLessThan(3_000_000);
    expect(existsSync(new URL(`../${manifest.bin.detour}`, import.meta.url))).toBe(true);
  });
});
