// `npm run test:cluster [-- --keep] [NAME ...]`: brings up a cluster of its own, runs the tests that need
// one, says how long each part took, and removes it. With --keep it stays, and is used again the next time.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { runCommand } from '../commands/run-command.ts';
import { repository } from '../repository.ts';
import { clusterDown } from './down.ts';
import { clusterNames } from './names.ts';
import { keepAccessApart } from './own-access.ts';
import { type ClusterAddress, clusterUp } from './up.ts';

const ports = { port: 30_081, registryPort: 5_002 };
const names = clusterNames({ name: 'darkroom-test', ...ports });
const keep = process.argv.includes('--keep');
const filters = process.argv.slice(2).filter((argument) => argument !== '--keep');
const parts: [string, number][] = [];

await runCommand(async ({ note, signal }) => {
  const access = keepAccessApart(names);
  try {
    const address = await timed('up', () => clusterUp({ names, note, signal }));
    process.exitCode = await timed('tests', () => runTests(address, signal));
    signal.throwIfAborted();
  } finally {
    if (keep) note(`cluster: it stays; for kubectl: export KUBECONFIG=${access}`);
    else await timed('down', () => removeAll(note));
    for (const [part, seconds] of parts) note(`cluster: ${part} took ${seconds.toFixed(0)} s`);
  }
});

async function timed<T>(part: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    parts.push([part, (performance.now() - began) / 1_000]);
  }
}

/** @returns the exit code of Vitest */
async function runTests(address: ClusterAddress, signal: AbortSignal): Promise<number> {
  const { url, apiKey, context, env, paths } = address;
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'cluster', ...filters], {
    cwd: repository,
    env: {
      ...process.env,
      ...env,
      ...(keep && { DARKROOM_TEST_KEEP: '1' }),
      DARKROOM_TEST_KIND: paths.kind,
      DARKROOM_TEST_KUBECTL: paths.kubectl,
      DARKROOM_TEST_URL: url,
      DARKROOM_TEST_KEY: apiKey,
      DARKROOM_TEST_CONTEXT: context,
    },
    stdio: 'inherit',
  });
  signal.addEventListener('abort', () => child.kill());
  const [code] = await once(child, 'close');
  return code ?? 1;
}

/** The cluster, that of the promotions, and those that a test which was ended may have left. */
async function removeAll(note: (line: string) => void): Promise<void> {
  for (const suffix of ['-staging', '-production', '-target', '']) {
    const each = clusterNames({ name: `${names.cluster}${suffix}`, ...ports });
    await clusterDown({ names: each, note });
  }
}
