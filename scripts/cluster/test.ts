// `npm run test:cluster [-- --keep]`: brings up a cluster of its own, runs the tests that need one, says
// how long each part took, and removes it. With --keep it stays, and is used again the next time.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { repository } from '../containers/docker.ts';
import { clusterDown } from './down.ts';
import { clusterNames } from './names.ts';
import { clusterUp } from './up.ts';

const names = clusterNames({ name: 'darkroom-test', port: 30_081, registryPort: 5_002 });
const keep = process.argv.includes('--keep');
const filters = process.argv.slice(2).filter((argument) => argument !== '--keep');
const note = (line: string) => console.error(line);
const parts: [string, number][] = [];

async function timed<T>(part: string, work: () => T | Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    parts.push([part, (performance.now() - began) / 1_000]);
  }
}

try {
  const { url, apiKey, context, env, paths } = await timed('up', () => clusterUp({ names, note }));
  const { status } = await timed('tests', () =>
    spawnSync(
      process.execPath,
      [
        join(repository, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--project',
        'cluster',
        ...filters,
      ],
      {
        cwd: repository,
        env: {
          ...process.env,
          ...env,
          DARKROOM_TEST_KIND: paths.kind,
          DARKROOM_TEST_KUBECTL: paths.kubectl,
          DARKROOM_TEST_URL: url,
          DARKROOM_TEST_KEY: apiKey,
          DARKROOM_TEST_CONTEXT: context,
        },
        stdio: 'inherit',
      },
    ),
  );
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(`cluster: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  if (!keep) await timed('down', () => clusterDown({ names, note }));
  for (const [part, seconds] of parts)
    console.error(`cluster: ${part} took ${seconds.toFixed(0)} s`);
}
