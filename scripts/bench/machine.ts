// Describes the machine on which a bench ran, and the versions that it measured.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { find, type Peer } from './peers.ts';

/** What one must know to compare the figures. */
export interface Machine {
  /** The date, as `2026-01-31`. */
  readonly date: string;
  readonly system: string;
  readonly processors: string;
  /** In gibibytes. */
  readonly memory: number;
  /** Of the folder with the files of the bench. */
  readonly disk: string;
  readonly node: string;
  /** By the name of the peer. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Describes this machine. @param scratch the folder with the files of the bench */
export function describe(peers: readonly Peer[], scratch: string): Machine {
  const all = cpus();
  const mounted = said('df', ['--output=fstype', scratch]).split('\n').at(1)?.trim();
  const versions = peers.map(({ name, program, version, versionProgram = program }) => {
    const [found = ''] = /\d+\.\d+(\.\d+)?/.exec(said(find(versionProgram) ?? versionProgram, version)) ?? [];
    return [name, found] as const;
  });
  return {
    date: new Date().toISOString().slice(0, 10),
    system: `${type()} ${release().split('-')[0]}, ${arch()}`,
    processors: `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}${isVirtual() ? ', virtual' : ''}`,
    memory: Math.round(totalmem() / 2 ** 30),
    disk: mounted ?? 'unknown',
    node: process.version,
    versions: Object.fromEntries(versions),
  };
}

function said(program: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'latin1' });
  return `${stdout ?? ''}${stderr ?? ''}`;
}

function isVirtual(): boolean {
  try {
    return /^flags\b.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'latin1'));
  } catch {
    return false;
  }
}
