import { createLogger, createMetrics } from '@darkroom/lifecycle';
import { eventually } from '@darkroom/testing';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { type CostKeeper, keepCosts } from './keep-costs.ts';
import { readLoads } from './scaling.ts';
import { type StandIns, startStandIns } from './testing/stand-in-api.ts';
import { workerPods } from './worker-pods.ts';

const labels = { 'app.kubernetes.io/name': 'worker' };
const busy = (worker: string, stepsLeft: number) => ({
  ...{ worker, model: 'pinhole', jobs: 1, stepsDone: 0 },
  stepsLeft,
});
const idle = (worker: string) => ({ ...busy(worker, 0), jobs: 0 });

let standIns: StandIns;
let metrics: ReturnType<typeof createMetrics>;
beforeEach(async () => {
  standIns = await startStandIns();
  onTestFinished(standIns.close);
});

function keep(): CostKeeper {
  const config = new KubeConfig();
  const cluster = { name: 'c', server: standIns.url, skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: 'u' });
  metrics = createMetrics();
  const keeper = keepCosts({
    readLoads: () => readLoads(standIns.scalingUrl),
    pods: workerPods(config.makeApiClient(CoreV1Api), 'darkroom'),
    intervalMs: 5,
    logger: createLogger({ name: 'deletion-cost', level: 'silent' }),
    metrics,
  });
  onTestFinished(keeper.stop);
  return keeper;
}

const countOf = async (name: string) =>
  Number(
    new RegExp(`^darkroom_deletion_cost_${name} (\\d+)`, 'm').exec(await metrics.metrics())?.[1],
  );

it('is content where no worker runs, and goes on when one comes', async () => {
  standIns.workers = [];
  const keeper = keep();
  await eventually(() => keeper.isUp()).toBe(true);
  standIns.workers = [busy('first', 20)];
  standIns.pods.set('darkroom/first', { labels });
  await eventually(() => standIns.costOf('first')).toBe('6');
  expect(await countOf('failures_total')).toBe(0);
});

it('sets the cost of each worker by its load, and of nothing else', async () => {
  for (const name of ['busy', 'almost', 'idle', 'new']) {
    standIns.pods.set(`darkroom/${name}`, { labels });
  }
  standIns.pods.set('darkroom/ending', { labels, deletionTimestamp: '2026-01-01T00:00:00Z' });
  standIns.pods.set('darkroom/frontend', { labels: { 'app.kubernetes.io/name': 'frontend' } });
  standIns.pods.set('other/busy', { labels });
  standIns.workers = [busy('busy', 20), busy('almost', 1), idle('idle'), busy('ending', 9)];
  keep();
  const names = ['busy', 'almost', 'idle', 'new', 'ending', 'frontend'];
  await eventually(() => names.map(standIns.costOf)).toEqual([
    '6',
    '2',
    '0',
    '-1',
    undefined,
    undefined,
  ]);
  expect(standIns.pods.get('other/busy')?.annotations).toBeUndefined();

  standIns.workers = [idle('busy'), busy('almost', 1), idle('idle'), busy('new', 3)];
  await eventually(() => names.map(standIns.costOf).slice(0, 4)).toEqual(['0', '2', '0', '3']);
});

it('writes only what changes', async () => {
  standIns.pods.set('darkroom/first', { labels });
  standIns.pods.set('darkroom/second', { labels });
  standIns.workers = [busy('first', 8), idle('second')];
  keep();
  await eventually(() => standIns.costOf('first')).toBe('5');
  standIns.workers = [busy('first', 9), busy('second', 1)];
  await eventually(() => standIns.costOf('second')).toBe('2');
  expect(standIns.patched.toSorted()).toEqual(['first', 'second', 'second']);
  await eventually(() => countOf('changes_total')).toBe(3);
});

it('keeps what is set while the frontend does not answer, and goes on after it', async () => {
  standIns.pods.set('darkroom/first', { labels });
  standIns.workers = [busy('first', 8)];
  const keeper = keep();
  await eventually(keeper.isUp).toBe(true);
  standIns.workers = undefined;
  await eventually(keeper.isUp).toBe(false);
  expect(standIns.costOf('first')).toBe('5');
  expect(await countOf('failures_total')).toBeGreaterThan(0);
  standIns.workers = [idle('first')];
  await eventually(() => standIns.costOf('first')).toBe('0');
  await eventually(keeper.isUp).toBe(true);
});
