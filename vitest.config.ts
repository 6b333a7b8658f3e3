import { defineConfig } from 'vitest/config';

const integration = '{services,scripts}/**/*.integration.test.ts';
const containers = '{services,scripts}/**/*.containers.test.ts';

/** Three tiers by file name: `x.test.ts` needs nothing, `x.integration.test.ts` real servers, `x.containers.test.ts` Docker. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{services,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', integration, containers],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: [integration],
          globalSetup: ['scripts/test-servers/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'containers',
          include: [containers],
          globalSetup: ['scripts/test-servers/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
