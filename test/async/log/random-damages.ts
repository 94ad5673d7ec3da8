// Random damage for small logs: what a bad disk, a bad cable, or somebody with a backup may do to the files of a log.

import { DIR } from './bench.ts';
import type { WholeLog } from './damages.ts';
import type { SimulatedFiles } from './simulated-files.ts';

/** A kind of damage, and its name. */
export type Damage = readonly [what: string, strike: (files: SimulatedFiles) => void];

/** Every set of files missing, except free ones. */
export function missingFiles(whole: WholeLog): Damage[] {
  const names = whole.files.names(DIR).filter((name) => !name.endsWith('.free'));
  const sets = Array.from({ length: 2 ** names.length - 1 }, (_, set) =>
    names.filter((_, index) => (set + 1) & (1 << index)),
  );
  return sets.map((gone) => [
    `${gone} deleted`,
    (files) => {
      for (const name of gone) files.remove(`${DIR}/${name}`);
    },
  ]);
}

/** Damages the files of a log, one to three times. If a second damage meets a file that is gone, it does nothing. */
export function randomDamage(whole: WholeLog, random: () => number): Damage {
  const damages = Array.from({ length: 1 + Math.floor(random() * 3) }, () => oneDamage(whole, random));
  return [
    damages.map(([what]) => what).join('; '),
    (files) => {
      for (const [, strike] of damages) strike(files);
    },
  ];
}

/** Changes the bytes of an existing file, durably. */
function change(files: SimulatedFiles, file: string, by: (bytes: Buffer) => void): void {
  if (!files.names(DIR).some((name) => `${DIR}/${name}` === file)) return;
  const bytes = files.contents(file);
  by(bytes);
  files.setContents(file, bytes);
}

function oneDamage(whole: WholeLog, random: () => number): Damage {
  const pick = (below: number): number => Math.floor(random() * below);
  const oneOf = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
  const names = whole.files.names(DIR);
  // Free files have random names and matter only rarely. The same seed must choose the same files.
  const spare = names.findLast((name) => name.endsWith('.free')) ?? '';
  const plain = names.filter((name) => !name.endsWith('.free'));
  const one = (): string => `${DIR}/${random() < 0.95 ? oneOf(plain) : spare}`;
  // Half of the places are where something begins.
  const place = (file: string): number => {
    const size = whole.files.contents(file).length;
    const commits = whole.commits.filter((commit) => commit.file === file);
    const begins = [
      0,
      512,
      ...commits.flatMap(({ at, bytes, records }) => [
        at,
        at + bytes.length,
        ...records.map(({ start }) => start),
      ]),
    ];
    return Math.min(size - 1, random() < 0.5 ? oneOf(begins) + pick(9) * pick(2) : pick(size));
  };
  const length = (): number => 1 + pick(random() < 0.7 ? 40 : 1500);

  const file = one();
  const at = place(file);
  const name = file.slice(DIR.length + 1);
  switch (pick(9)) {
    case 0: {
      const bit = pick(8);
      return [
        `${name} ${at}: bit ${bit} flipped`,
        (files) =>
          change(files, file, (bytes) => {
            if (at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
          }),
      ];
    }
    case 1: {
      const to = at + length();
      return [
        `${name} ${at} to ${to}: zeros`,
        (files) =>
          change(files, file, (bytes) =>
            bytes.fill(0, Math.min(at, bytes.length), Math.min(to, bytes.length)),
          ),
      ];
    }
    case 2: {
      const noise = Buffer.from(Array.from({ length: length() }, () => pick(256)));
      return [
        `${name} ${at} to ${at + noise.length}: noise`,
        (files) => change(files, file, (bytes) => void noise.copy(bytes, at)),
      ];
    }
    case 3:
    case 4: {
      const source = random() < 0.5 ? file : one();
      const [from, size] = [place(source), length()];
      const bytes = whole.files.contents(source).subarray(from, from + size);
      return [
        `${name} ${at}: ${size} bytes of ${source} ${from}`,
        (files) => change(files, file, (into) => void bytes.copy(into, at)),
      ];
    }
    case 5: {
      const to = random() < 0.2 ? at * 2 : at;
      return [
        `${name} cut or made longer to ${to}`,
        (files) => {
          if (files.names(DIR).includes(name)) files.truncate(file, to);
        },
      ];
    }
    case 6:
      return [
        `${name} deleted`,
        (files) => {
          if (files.names(DIR).includes(name)) files.remove(file);
        },
      ];
    case 7: {
      const other = one();
      return [
        `${name} and ${other} swapped`,
        (files) => {
          const both = names.every(
            (each) => ![file, other].includes(`${DIR}/${each}`) || files.names(DIR).includes(each),
          );
          if (!both) return;
          const [mine, its] = [files.contents(file), files.contents(other)];
          files.setContents(file, its);
          files.setContents(other, mine);
        },
      ];
    }
    default: {
      const [old, contents] = oneOf([...whole.versions].filter(([name]) => /(wal|checkpoint)$/.test(name)));
      const version = pick(contents.length);
      return [
        `${old} as it was in its version ${version} of ${contents.length}`,
        (files) => files.setContents(old, contents[version] as Buffer),
      ];
    }
  }
}
