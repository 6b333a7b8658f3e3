import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { ClusterFilesByName } from './scripts/cluster/testing/file-order.ts';

const integration = '{services,scripts}/**/*.integration.test.ts';
const containers = '{services,scripts}/**/*.containers.test.ts';
const cluster = '{services,scripts}/**/*.cluster.test.ts';
const platform = 'platform/**/*.test.ts';
const deep = '{services,scripts}/**/*.deep.test.ts';

/**
 * Tiers by file name: `x.test.ts` needs nothing, `x.integration.test.ts` real servers,
 * `x.containers.test.ts` Docker, `x.cluster.test.ts` the cluster that `npm run test:cluster` makes;
 * `x.deep.test.ts` is a property that others sample, in full.
 */
export default defineConfig({
  test: {
    // One for all projects: Vitest reads none from a project.
    sequence: { sequencer: ClusterFilesByName },
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          // Most of a file's time would go into loading again what the file before has loaded.
          isolate: false,
          // Many wait for processes, too.
          maxWorkers: availableParallelism() + 1,
          include: ['{services,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', integration, containers, cluster, deep],
          globalSetup: ['services/generations/testing/make-empty-records.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'platform',
          // Beside the integration tests, while whose run the tools may be built.
          sequence: { groupOrder: 1 },
          maxWorkers: 2 * availableParallelism(),
          include: [platform],
          globalSetup: ['platform/testing/build-tools.ts'],
          testTimeout: 300_000,
          // Until the tools are built.
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'integration',
          // After the unit tests, while whose run the S3 server may be built. They mostly wait, for
          // servers and for processes that they kill, so more of them than cores run at once.
          sequence: { groupOrder: 1 },
          maxWorkers: 2 * availableParallelism(),
          include: [integration],
          globalSetup: ['services/testing/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'deep',
          include: [deep],
          globalSetup: ['services/testing/global-setup.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'cluster',
          include: [cluster],
          // They share one cluster and its GPUs.
          fileParallelism: false,
          testTimeout: 1_200_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'containers',
          include: [containers],
          globalSetup: ['services/testing/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
