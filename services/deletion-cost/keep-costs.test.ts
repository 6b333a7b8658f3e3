import { createLogger, createMetrics, type Repetition } from '@darkroom/lifecycle';
import { eventually } from '@darkroom/testing';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { keepCosts } from './keep-costs.ts';
import { readLoads } from './scaling.ts';
import { type StandIns, startStandIns } from './testing/stand-in-api.ts';
import { workerPods } from './worker-pods.ts';

const labels = { 'app.kubernetes.io/name': 'worker' };
const busy = (worker: string, stepsLeft: number) => ({
  ...{ worker, model: 'pinhole', jobs: 1, stepsDone: 0 },
  stepsLeft,
});
const idle = (worker: string) => ({ ...busy(worker, 0), jobs: 0 });

const logger = createLogger({ name: 'deletion-cost', level: 'silent' });

let standIns: StandIns;
let metrics: ReturnType<typeof createMetrics>;
beforeEach(async () => {
  standIns = await startStandIns();
  onTestFinished(standIns.close);
});

function keep(): Repetition {
  const config = new KubeConfig();
  const cluster = { name: 'c', server: standIns.url, skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: 'u' });
  metrics = createMetrics();
  const keeper = keepCosts({
    readLoads: (signal) => readLoads(standIns.scalingUrl, signal),
    pods: workerPods(config.makeApiClient(CoreV1Api), 'darkroom'),
    intervalMs: 5,
    logger,
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

it('ends its requests at once when it is stopped', async () => {
  const keeper = keep();
  await eventually(keeper.isUp).toBe(true);
  standIns.silent = true;
  const paths = ['/api/v1/namespaces/darkroom/pods', '/scaling/workers'];
  await eventually(() => [...standIns.waiting].toSorted()).toEqual(paths);
  await keeper.stop();
  await eventually(() => standIns.waiting.size).toBe(0);
});

it('writes nothing by an answer that comes after the time of its round', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const list = Promise.withResolvers<{ name: string; cost: string | undefined }[]>();
  const signals: AbortSignal[] = [];
  const setCost = vi.fn(async () => true);
  const keeper = keepCosts({
    readLoads: async (signal) => {
      signals.push(signal);
      return new Map([['first', busy('first', 8)]]);
    },
    // As one whose answer the abort no longer stops.
    pods: { list: () => list.promise, setCost },
    intervalMs: 1_000,
    logger,
    metrics: createMetrics(),
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  list.resolve([{ name: 'first', cost: undefined }]);
  await vi.advanceTimersByTimeAsync(999);
  expect(setCost).not.toHaveBeenCalled();
  expect(keeper.isUp()).toBe(false);

  await vi.advanceTimersByTimeAsync(1);
  expect(setCost).toHaveBeenCalledExactlyOnceWith('first', 5, signals[1]);
  expect(keeper.isUp()).toBe(true);
  await keeper.stop();
});
