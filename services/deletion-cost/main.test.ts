import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from '@darkroom/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startStandIns } from './testing/stand-in-api.ts';

/** The process, and what it logs; killed when the test is over. */
function start(environment: Record<string, string>) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const { PATH = '', NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, ...environment },
  });
  const lines: { msg: string; port?: number }[] = [];
  let stderr = '';
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return { lines, stderr: () => stderr, terminate: () => child.kill('SIGTERM'), ended };
}

test('keeps costs, answers its probes, and ends when it is told to', async () => {
  const standIns = await startStandIns();
  onTestFinished(standIns.close);
  standIns.pods.set('darkroom/first', { labels: { 'app.kubernetes.io/name': 'worker' } });
  standIns.workers = [{ worker: 'first', model: 'pinhole', jobs: 1, stepsDone: 1, stepsLeft: 4 }];
  const folder = await mkdtemp(join(tmpdir(), 'deletion-cost-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    // The client speaks HTTP without TLS only where it is told to verify nothing.
    clusters: [{ name: 'c', cluster: { server: standIns.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const started = start({
    NAMESPACE: 'darkroom',
    SCALING_URL: standIns.scalingUrl,
    INTERVAL_MS: '50',
    HOST: '127.0.0.1',
    PORT: '0',
    KUBECONFIG: kubeconfig,
  });
  await eventually(() => standIns.costOf('first')).toBe('4');
  const port = () => started.lines.find(({ msg }) => msg === 'deletion costs are kept')?.port;
  await eventually(port).toBeDefined();
  const get = (path: string) => fetch(`http://127.0.0.1:${port()}${path}`);
  await eventually(async () => (await get('/readyz')).status).toBe(200);
  expect(await (await get('/metrics')).text()).toContain('darkroom_deletion_cost_changes_total 1');
  started.terminate();
  expect(await started.ended).toBe(0);
  expect(started.stderr()).toBe('');
});

test('says every setting that is missing or wrong, and ends with a failure', async () => {
  const started = start({ SCALING_URL: 'frontend-internal:8081' });
  expect(await started.ended).toBe(1);
  expect(started.stderr()).toMatch(/^darkroom deletion-cost: 3 environment variables/);
  expect(started.stderr()).not.toMatch(/^\s+at /m);
});
