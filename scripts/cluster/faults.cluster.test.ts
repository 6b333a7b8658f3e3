import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askEverything, judge, readLedger, startLoad } from '@darkroom/chaos';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { exec } from './exec.ts';
import {
  allocatableGpus,
  apiKey,
  client,
  cluster,
  inTime,
  isReady,
  keepWorkersAway,
  kubectl,
  pods,
  readyAgain,
  timeOn,
  url,
} from './testing/cluster-under-test.ts';
import { holder, holderStates, made, removeHolders } from './testing/gpu-holder.ts';

/** What waits after the faults may be more than what was asked for in their time. */
const DRAINED_WITHIN_MS = 600_000;

const began = Date.now();
const ledger = join(mkdtempSync(join(tmpdir(), 'darkroom-faults-')), 'ledger.jsonl');

/** Three requests a second as long as there are faults, with long jobs among them. */
let load: ReturnType<typeof startLoad>;

beforeAll(() => {
  load = startLoad(
    {
      frontends: [url],
      apiKey,
      seed: 1,
      jobs: 1_800,
      shape: { steps: 5, long: 0.1, longCount: 2 },
      seconds: 600,
      ledger,
    },
    () => {},
  );
});

afterAll(() => load.stop());

const node = async (labelSelector: string) =>
  (await cluster.core.listNode({ labelSelector })).items[0]?.metadata?.name ?? '';

const allReady = (namespace: string, selector: string, least = 1) =>
  inTime(async () => {
    const found = await pods(namespace, selector);
    return found.length >= least && found.every(isReady);
  }).toBe(true);

test.each([
  ['darkroom', 'app.kubernetes.io/name=frontend'],
  ['darkroom', 'app.kubernetes.io/name=worker'],
  ['darkroom', 'app.kubernetes.io/name=deletion-cost'],
  ['darkroom-data', 'app.kubernetes.io/name=rabbitmq'],
  ['darkroom-data', 'app.kubernetes.io/name=postgres'],
  ['darkroom-data', 'app.kubernetes.io/name=object-store'],
  ['darkroom-gpu', 'app.kubernetes.io/name=gpu-simulator'],
])('each pod of %s with %s is deleted by force', async (namespace, selector) => {
  await inTime(async () => (await pods(namespace, selector)).length).toBeGreaterThan(0);
  for (const { metadata } of await pods(namespace, selector)) {
    await kubectl.run([
      ...['--namespace', namespace, 'delete', 'pod', metadata?.name ?? ''],
      ...['--force', '--grace-period=0', '--ignore-not-found'],
    ]);
    // A worker may not be needed any more.
    if (!selector.endsWith('=worker')) await allReady(namespace, selector);
  }
});

test('a GPU node is drained and comes back', async () => {
  const name = await node('nvidia.com/gpu.present=true');
  try {
    await kubectl.run([
      ...['drain', name, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=180s'],
    ]);
  } finally {
    await kubectl.run(['uncordon', name]);
  }
});

let killed = '';

test('a GPU node is killed and comes back', async () => {
  const name = await node('nvidia.com/gpu.present=true');
  try {
    await exec('docker', ['kill', name]);
  } finally {
    await exec('docker', ['start', name]);
  }
  await readyAgain(name, await timeOn(name));
  await inTime(() => allocatableGpus(name)).toBe('2');
  await allReady('darkroom-gpu', 'app.kubernetes.io/name=gpu-simulator', 2);
  killed = name;
});

test('everything that was accepted has ended, once, with its pictures', async () => {
  load.enough();
  await load.answered;
  const unfinished = async (state: 'queued' | 'running') =>
    (await client.generations.list.query({ state, limit: 100 })).generations.length;
  const left = async () => (await unfinished('queued')) + (await unfinished('running'));
  await expect.poll(left, { timeout: DRAINED_WITHIN_MS, interval: 1_000 }).toBe(0);
  // Once: every picture is fetched, and a tenant may make so many calls a minute.
  const { generations, fetched } = await askEverything(url, AbortSignal.timeout(300_000), apiKey);
  const ours = generations.filter(({ createdAt }) => Date.parse(createdAt) >= began);
  const verdict = judge({
    ...{ generations: ours, fetched, objects: [] },
    ledger: readLedger(ledger),
  });
  expect(verdict.breaches).toEqual([]);
  expect(verdict.accepted).toBeGreaterThan(100);
  expect(verdict.internalErrors).toBe(0);
});

test('the node that was killed gives a GPU to a pod that comes after', async () => {
  // They may hold all of its GPUs.
  await keepWorkersAway();
  onTestFinished(removeHolders);
  await removeHolders();
  await inTime(() => made(holder('after-the-kill', 1, killed))).toBe('made');
  await inTime(holderStates).toEqual(['Running']);
});
