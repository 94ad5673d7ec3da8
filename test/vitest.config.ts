import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: 'test',
    include: ['**/*.test.ts'],
    globalSetup: [fileURLToPath(new URL('global-setup.ts', import.meta.url))],
    // Two cores and real processes: a few files at a time, and timeouts that no healthy test reaches.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
