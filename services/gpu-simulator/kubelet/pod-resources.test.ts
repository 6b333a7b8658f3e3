import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@darkroom/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startKubelet } from '../testing/stand-in-kubelet.ts';
import { createHolderSource } from './pod-resources.ts';

const { signal } = new AbortController();

test('tells the containers that hold devices, also of a kubelet that started again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pod-resources-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const source = createHolderSource(join(folder, 'kubelet.sock'));
  onTestFinished(source.close);
  await expect(source.holders(signal)).rejects.toThrow('UNAVAILABLE');

  const pod = { namespace: 'darkroom', pod: 'worker-pinhole-0', container: 'worker' };
  const holders = [
    { ...pod, deviceId: 'GPU-a', replica: undefined },
    { ...pod, deviceId: 'GPU-b', replica: '1' },
  ];
  for (let starts = 0; starts < 2; starts += 1) {
    const kubelet = await startKubelet(folder);
    onTestFinished(kubelet.stop);
    kubelet.holdDevices([{ ...pod, ids: ['GPU-a', 'GPU-b::1'] }]);
    await eventually(() => source.holders(signal).catch(() => undefined)).toEqual(holders);
    kubelet.stop();
  }
});

test('stops waiting for a kubelet that does not answer when its signal aborts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pod-resources-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const source = createHolderSource(join(folder, 'kubelet.sock'));
  onTestFinished(source.close);
  const kubelet = await startKubelet(folder);
  onTestFinished(kubelet.stop);
  kubelet.holdDevices(undefined);
  const stop = new AbortController();
  const asking = source.holders(stop.signal);
  asking.catch(() => {});
  await eventually(kubelet.waiting).toBe(1);
  stop.abort();
  await expect(asking).rejects.toThrow('CANCELLED');
  await eventually(kubelet.waiting).toBe(0);
  await expect(source.holders(stop.signal)).rejects.toThrow('aborted');
});
