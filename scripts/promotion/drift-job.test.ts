import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from '@darkroom/testing';
import { expect, onTestFinished, test } from 'vitest';
import type { Manifest } from '../render/manifest.ts';
import { repository } from '../repository.ts';
import { openConfigured } from './kube-api.ts';
import { plain } from './live.ts';
import {
  createRecord,
  type Entry,
  lockDigest,
  objectsDigest,
  type StoredRelease,
} from './record.ts';
import { type StandInCluster, startStandInCluster } from './testing/stand-in-cluster.ts';

const program = fileURLToPath(new URL('drift-job.ts', import.meta.url));

async function startCluster(): Promise<StandInCluster> {
  const cluster = await startStandInCluster();
  onTestFinished(cluster.close);
  return cluster;
}

type Line = { level: string; msg: string; port?: number; differences?: number };

/** The process, and what it logs; killed when the test is over. */
async function run(cluster: StandInCluster, settings: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-drift-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: cluster.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const { PATH = '', NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...{ PATH, NODE_COMPILE_CACHE, KUBECONFIG: kubeconfig },
      ...{ HOST: '127.0.0.1', PORT: '0', ...settings },
    },
  });
  const lines: Line[] = [];
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
  const metrics = async () => {
    const port = () => lines.find((line) => line.port !== undefined)?.port;
    await eventually(port).toBeDefined();
    return (await fetch(`http://127.0.0.1:${port()}/metrics`)).text();
  };
  return { lines, metrics, stderr: () => stderr, ended, terminate: () => child.kill('SIGTERM') };
}

const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'darkroom' } };
const settings: Manifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'darkroom' },
  data: { LOG_LEVEL: 'info' },
};
const frontend: Manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'frontend', namespace: 'darkroom' },
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'frontend', image: 'a@1' }] } } },
};

/** A cluster with a release that was verified in it, as its record has it. */
async function clusterWithRelease(): Promise<StandInCluster> {
  const cluster = await startCluster();
  for (const object of [namespace, settings, frontend]) cluster.put(object);
  const digest = `sha256:${'0'.repeat(64)}`;
  const release: StoredRelease = {
    lock: {
      format: 1,
      release: '1.0.0-a',
      source: { revision: '0'.repeat(40) },
      versions: { darkroom: '1.0.0', kubernetes: '1.35' },
      images: {},
      models: {},
      manifests: { digest, files: {} },
      sbom: digest,
      tests: [],
    },
    golden: [],
    objects: { infrastructure: [namespace], apps: [settings, frontend] },
    applied: [namespace, settings, frontend].map((object) => plain(object, object)),
  };
  const entry: Entry = {
    release: '1.0.0-a',
    lock: lockDigest(release.lock),
    objects: objectsDigest(release.objects),
    ...{ state: 'verified', from: null, by: 'me', beganAt: new Date().toISOString() },
  };
  const record = createRecord(openConfigured(cluster.config, 'the stand-in'));
  await record.store(release);
  await record.write([entry]);
  return cluster;
}

const messages = (lines: Line[]) => lines.map(({ msg }) => msg).join('\n');

test('before the first release it says so, tells that it has looked, and ends well', async () => {
  const job = await run(await startCluster());
  const text = await job.metrics();
  expect(text).toContain('darkroom_drift_checked_timestamp_seconds ');
  expect(text).not.toContain('darkroom_drift_differences');
  expect(await job.ended).toBe(0);
  expect(messages(job.lines)).toContain('no release was verified in this cluster yet');
  expect(job.stderr()).toBe('');
});

test('a cluster that is as its release was has no differences', async () => {
  const job = await run(await clusterWithRelease());
  expect(await job.metrics()).toMatch(/^darkroom_drift_differences 0$/m);
  expect(await job.ended).toBe(0);
  expect(job.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('each difference is a line, and Prometheus is told how many there are', async () => {
  const cluster = await clusterWithRelease();
  cluster.remove(settings);
  cluster.put({ ...frontend, spec: { ...(frontend['spec'] as object), replicas: 7 } });
  cluster.put({ ...settings, metadata: { ...settings.metadata, name: 'by-hand' } });
  const job = await run(cluster);
  expect(await job.metrics()).toMatch(/^darkroom_drift_differences 3$/m);
  expect(await job.ended).toBe(0);
  expect(job.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)).toEqual([
    'ConfigMap darkroom/settings: metadata.name was "settings", is nothing',
    'Deployment darkroom/frontend: spec.replicas was 2, is 7',
    'ConfigMap darkroom/by-hand: metadata.name was nothing, is "by-hand"',
  ]);
});

test('a result that nobody reads is no failure of the check', async () => {
  const job = await run(await clusterWithRelease(), { OFFER_MS: '50' });
  expect(await job.ended).toBe(0);
  expect(messages(job.lines)).toContain('nobody read the result');
});

test('a cluster that cannot be compared is a failure, with the reason', async () => {
  const cluster = await clusterWithRelease();
  cluster.forbid('deployments');
  const job = await run(cluster);
  expect(await job.ended).toBe(1);
  expect(job.stderr()).toMatch(/^darkroom drift: this cluster does not allow it: it may not list/);
});

test('a record without the objects of its release is a failure', async () => {
  const cluster = await clusterWithRelease();
  const api = openConfigured(cluster.config, 'the stand-in');
  const records = await api.list({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'darkroom-releases' },
  });
  for (const object of records) {
    if (object.metadata.name.startsWith('release-')) cluster.remove(object);
  }
  const job = await run(cluster);
  expect(await job.ended).toBe(1);
  expect(job.stderr()).toContain('the record of 1.0.0-a is missing');
});

test('a signal ends it', async () => {
  const job = await run(await clusterWithRelease());
  await eventually(() => messages(job.lines)).toContain('the result is on /metrics');
  job.terminate();
  expect(await job.ended).toBe(1);
});

test('its image has every file of this layer that it imports, and no other', () => {
  const imported = new Set<string>();
  const visit = (file: string) => {
    if (imported.has(file)) return;
    imported.add(file);
    const imports = readFileSync(file, 'utf8').matchAll(
      /^import (?!type ).*?from '(\.[^']+)';$/gms,
    );
    for (const [, path = ''] of imports) visit(join(dirname(file), path));
  };
  visit(program);
  const letIn = readFileSync(join(repository, '.dockerignore'), 'utf8').matchAll(
    /^!((?:platform|scripts)\/.*)$/gm,
  );
  const files = [...imported].map((file) => relative(repository, file));
  expect([...letIn].map(([, path]) => path)).toEqual(files.sort());
});
