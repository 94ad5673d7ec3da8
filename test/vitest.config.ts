// Five projects, sorted by folder, so that a new file needs no entry here. `npm test` leaves out the tests with the tag `slow`;
// `npm run test:all` (`--mode all`) runs every test, and the random ones more often: test/README.md says what that makes.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const files = (...folders: string[]): string[] => folders.map((folder) => `${folder}/**/*.test.ts`);

/** Functions, and files in memory: everything is in one process. */
const UNIT = files('async/log', 'async/state', 'core', 'errors', 'trace', 'verdicts', 'wire');
/** Real sockets, but most servers are in the test's own process. */
const SOCKET = files('async', 'exchange', 'lab/faults', 'net', 'sync');
/** Replace a module, or need one as it was loaded, so each has its own process, although the others of their folder share one. */
const MOCKS = ['net/dial.test.ts', 'life.test.ts', 'cli/render/output.test.ts'];
/** What TCP does, in real situations that take their time. */
const FACTS = files('facts');
/** Everything else: the compiled program, and stages full of processes. */
const PROCESS = ['**/*.test.ts'];

export default defineConfig(({ mode }) => {
  // Loading the source again for each file takes longer than most files, so those of a project share it. Where modules are replaced, each file
  // has its own process. Each project reads this file again, and must be told the mode.
  const project = (name: string, isolate: boolean, include: string[], exclude: string[] = []) => ({
    extends: true as const,
    mode,
    test: { name, isolate, include, exclude },
  });
  return {
    test: {
      dir: fileURLToPath(new URL('.', import.meta.url)),
      // Some continuous integration sets TERM=dumb or another locale, which makes detour's output plain.
      env: { TERM: 'xterm', LC_ALL: '', LC_CTYPE: '', LANG: '' },
      globalSetup: [fileURLToPath(new URL('global-setup.ts', import.meta.url))],
      // Two cores and real processes: a few files at a time, and timeouts that no healthy test reaches.
      maxWorkers: 3,
      testTimeout: 180_000,
      hookTimeout: 180_000,
      tags: [
        { name: 'slow', description: 'takes seconds, and others stand for it: only in npm run test:all' },
      ],
      tagsFilter: mode === 'all' ? [] : ['!slow'],
      provide: { all: mode === 'all' },
      projects: [
        project('unit', false, UNIT),
        project('socket', false, SOCKET, [...UNIT, ...MOCKS]),
        project('mocks', true, MOCKS),
        project('process', false, PROCESS, [...UNIT, ...SOCKET, ...FACTS, ...MOCKS]),
        project('facts', true, FACTS),
      ],
    },
  };
});
