import { defineConfig } from 'vitest/config';

/** Tests that change the host or start several processes run one file at a time. */
const oneAtATime = { pool: 'forks', fileParallelism: false } as const;

/** What is polled for comes when the machine gets to it: on a busy one not within the one second that vitest waits by itself. */
const PATIENCE_MS = 20_000;

/** Waits are so many times longer on a machine that is known to be slow (`npm run test:vm`); see tests/slowness.ts. */
const slowness = Number(process.env['PLANETLAB_TEST_SLOWNESS'] ?? '1');

export default defineConfig({
  test: {
    projects: [
      {
        // Beside the source: no root, no browser, nothing outside the process but its own children.
        test: {
          name: 'unit',
          pool: 'forks',
          include: ['{packages,apps,services,tools}/**/*.test.{ts,tsx}'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          // some start a PostgreSQL of their own, on machines that do other things as well
          testTimeout: 30_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: PATIENCE_MS } },
        },
      },
      {
        // Needs root: namespaces, mounts, containers.
        test: {
          name: 'host',
          ...oneAtATime,
          include: ['tests/host/**/*.test.ts'],
          testTimeout: 60_000 * slowness,
          hookTimeout: 60_000 * slowness,
          expect: { poll: { timeout: PATIENCE_MS * slowness } },
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Whole PlanetLabs, a browser, OpenSSH, and what happens when parts are killed.
        test: {
          name: 'end-to-end',
          ...oneAtATime,
          include: ['tests/end-to-end/**/*.test.ts', 'tests/faults/**/*.test.ts'],
          testTimeout: 120_000 * slowness,
          hookTimeout: 120_000 * slowness,
          expect: { poll: { timeout: PATIENCE_MS * slowness } },
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
