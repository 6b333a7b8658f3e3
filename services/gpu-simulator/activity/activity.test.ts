import { createMetrics } from '@darkroom/lifecycle';
import { eventually } from '@darkroom/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createDevices } from '../devices/devices.ts';
import type { Holder } from '../kubelet/pod-resources.ts';
import { startWorker } from '../testing/stand-in-worker.ts';
import { createActivity } from './activity.ts';
import { exportDcgmMetrics } from './dcgm-metrics.ts';
import { readWorker, sumOf } from './worker-reading.ts';

/** Of rounds that nothing ends early. */
const { signal } = new AbortController();
const devices = createDevices({ nodeName: 'gpu-node-0', count: 2, replicas: 1 });
const [first, second] = devices.list().map(({ id }) => id) as [string, string];
const holder = (pod: string, deviceId: string, replica?: string): Holder => ({
  deviceId,
  replica,
  namespace: 'darkroom',
  pod,
  container: 'worker',
});

/** Pods whose engines are busy for a share of each second that passes. */
function rig(holders: Holder[]) {
  const clock = { at: 0 };
  const shares = new Map<string, number | undefined>();
  const busy = new Map<string, number>();
  const state = { holders, kubeletAway: false };
  const activity = createActivity({
    holders: async () => {
      if (state.kubeletAway) throw new Error('the kubelet is away');
      return state.holders;
    },
    read: async ({ pod }) => {
      if (shares.has(pod) && shares.get(pod) === undefined) throw new Error('no answer');
      return { busySeconds: busy.get(pod) ?? 0, residentBytes: 100 * 2 ** 20 };
    },
    now: () => clock.at,
  });
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.at += 1_000;
      for (const [pod, share] of shares) busy.set(pod, (busy.get(pod) ?? 0) + (share ?? 0));
      await activity.sample(signal).catch(() => {});
    }
  };
  return { activity, shares, busy, state, pass };
}

test('utilization follows the busy time of the last seconds', async () => {
  const { activity, shares, pass } = rig([holder('one', first)]);
  const utilization = () => activity.of(first).utilization;
  await pass(3);
  expect(utilization()).toBe(0);
  shares.set('one', 1);
  await pass(6);
  expect(utilization()).toBe(1);
  shares.set('one', 0.5);
  await pass(6);
  expect(utilization()).toBeCloseTo(0.5);
  shares.set('one', 0);
  await pass(6);
  expect(utilization()).toBe(0);
  expect(activity.of(second)).toEqual({ holders: [], utilization: 0, usedBytes: 0 });
});

test('a device is idle when its pod has just started again, does not answer for long or is gone', async () => {
  const { activity, shares, busy, state, pass } = rig([holder('one', first)]);
  shares.set('one', 1);
  await pass(3);
  expect(activity.of(first).utilization).toBe(1);
  busy.set('one', -0.5);
  await pass(1);
  expect(activity.of(first).utilization).toBe(0);
  await pass(2);
  expect(activity.of(first).utilization).toBe(1);
  shares.set('one', undefined);
  await pass(9);
  expect(activity.of(first).utilization).toBe(1);
  await pass(2);
  expect(activity.of(first)).toMatchObject({ utilization: 0, usedBytes: 0 });
  state.holders = [];
  await pass(1);
  expect(activity.of(first).holders).toEqual([]);
});

test('while the kubelet is away, the pods that it told of are followed', async () => {
  const { activity, shares, state, pass } = rig([holder('one', first)]);
  await pass(2);
  state.kubeletAway = true;
  shares.set('one', 1);
  await pass(6);
  expect(activity.of(first).utilization).toBe(1);
  await expect(activity.sample(signal)).rejects.toThrow('the kubelet is away');
});

test('the pods that share a device add up, to all of it at most', async () => {
  const holders = [
    holder('one', first, '0'),
    holder('two', first, '1'),
    holder('one', second, '0'),
  ];
  const { activity, shares, pass } = rig(holders);
  shares.set('one', 0.5);
  shares.set('two', 0.25);
  await pass(6);
  expect(activity.of(first).utilization).toBeCloseTo(0.75);
  expect(activity.of(first).usedBytes).toBe(200 * 2 ** 20);
  expect(activity.of(second).utilization).toBeCloseTo(0.5);
  shares.set('two', 0.9);
  await pass(6);
  expect(activity.of(first).utilization).toBe(1);
});

test("exports DCGM's names with the labels of whoever holds the device", async () => {
  const { activity, shares, pass } = rig([holder('one', first)]);
  shares.set('one', 1);
  await pass(2);
  const metrics = createMetrics();
  const own = createDevices({ nodeName: 'gpu-node-0', count: 2, replicas: 1 });
  own.setHealth(own.find('1')!, false, 48);
  exportDcgmMetrics({
    ...{ metrics, devices: own, activity },
    ...{ product: 'NVIDIA-L4', memoryMiB: 1_000, nodeName: 'gpu-node-0' },
  });
  const text = await metrics.metrics();
  const device = (index: number, id: string) =>
    `gpu="${index}",UUID="${id}",device="nvidia${index}",modelName="NVIDIA-L4",Hostname="gpu-node-0"`;
  const held = `${device(0, first)},namespace="darkroom",pod="one",container="worker"`;
  expect(text).toContain(`DCGM_FI_DEV_GPU_UTIL{${held}} 100\n`);
  expect(text).toContain(`DCGM_FI_DEV_FB_USED{${held}} 100\n`);
  expect(text).toContain(`DCGM_FI_DEV_FB_FREE{${held}} 900\n`);
  expect(text).toContain(`DCGM_FI_DEV_GPU_TEMP{${held}} 70\n`);
  expect(text).toContain(`DCGM_FI_DEV_POWER_USAGE{${held}} 70\n`);
  expect(text).toContain(`DCGM_FI_DEV_XID_ERRORS{${held}} 0\n`);
  expect(text).toContain(`DCGM_FI_DEV_GPU_UTIL{${device(1, second)}} 0\n`);
  expect(text).toContain(`DCGM_FI_DEV_XID_ERRORS{${device(1, second)}} 48\n`);
});

test('a shared device has a series for each share that is held', async () => {
  const { activity, pass } = rig([holder('one', first, '0'), holder('two', first, '1')]);
  await pass(1);
  const metrics = createMetrics();
  exportDcgmMetrics({
    ...{ metrics, devices, activity },
    ...{ product: 'NVIDIA-L4', memoryMiB: 1_000, nodeName: 'gpu-node-0' },
  });
  const text = await metrics.metrics();
  expect(text.match(/^DCGM_FI_DEV_GPU_UTIL.*pod="(one|two)".*vgpu="[01]"/gm)).toHaveLength(2);
});

test("reads a worker's metrics, and says which worker does not answer", async () => {
  const worker = await startWorker();
  onTestFinished(worker.close);
  expect(await readWorker('127.0.0.1', worker.port, signal)).toEqual({
    busySeconds: 0,
    residentBytes: 104_857_600,
  });
  await expect(readWorker('127.0.0.1', 1, signal)).rejects.toThrow();
});

test('stops waiting for a worker that does not answer when its signal aborts', async () => {
  const worker = await startWorker();
  onTestFinished(worker.close);
  worker.silence();
  const stop = new AbortController();
  const reading = readWorker('127.0.0.1', worker.port, stop.signal);
  reading.catch(() => {});
  await eventually(worker.waiting).toBe(1);
  stop.abort(new Error('no more'));
  await expect(reading).rejects.toThrow('no more');
  await eventually(worker.waiting).toBe(0);
});

test('adds up the series of a metric, and none of another name', () => {
  const text = [
    '# TYPE busy_total counter',
    'busy_total{model="a b"} 1.5 1700000000000',
    'busy_total{model="c"} 2e-1',
    'busy_total_created 99',
    'not_busy_total 99',
  ].join('\n');
  expect(sumOf(text, 'busy_total')).toBeCloseTo(1.7);
  expect(sumOf('', 'busy_total')).toBe(0);
});
