import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createDeviceFiles } from './device-files.ts';
import { createDevices } from './devices.ts';

const node = (nodeName: string, replicas = 1) => createDevices({ nodeName, count: 3, replicas });
const idsOf = (nodeName: string) =>
  node(nodeName)
    .list()
    .map(({ id }) => id);

test('ids follow from node and index, so that they are the same after a restart', () => {
  expect(idsOf('gpu-node-0')).toEqual(idsOf('gpu-node-0'));
  expect(new Set([...idsOf('gpu-node-0'), ...idsOf('gpu-node-1')]).size).toBe(6);
  for (const id of idsOf('gpu-node-0')) {
    expect(id).toMatch(/^GPU-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  }
});

test("the kubelet's 63 characters are enough for the id of any replica", () => {
  const devices = node('gpu-node-0', 64);
  for (const device of devices.list()) {
    for (const id of devices.advertisedIds(device)) expect(id.length).toBeLessThanOrEqual(63);
  }
});

test('finds a device by its id, its index and the id of a replica', () => {
  const devices = node('gpu-node-0', 2);
  const [, second] = devices.list();
  for (const name of ['1', second!.id, ...devices.advertisedIds(second!)]) {
    expect(devices.find(name)).toBe(second);
  }
  expect(devices.find('3')).toBeUndefined();
});

test('tells of changes of health until nobody listens', () => {
  const devices = node('gpu-node-0');
  const heard = vi.fn();
  const ignore = devices.onChange(heard);
  expect(devices.setHealth(devices.find('0')!, false)).toMatchObject({ healthy: false, xid: 79 });
  expect(devices.setHealth(devices.find('0')!, false, 48)).toMatchObject({ xid: 48 });
  ignore();
  expect(devices.setHealth(devices.find('0')!, true)).toMatchObject({ healthy: true, xid: 0 });
  expect(heard).toHaveBeenCalledTimes(2);
});

test('a device file is readable by everybody, unless the device is taken away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'device-files-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const modeOf = async () => (await stat(join(folder, 'GPU-a'))).mode & 0o777;
  const files = await createDeviceFiles(folder, ['GPU-a']);
  expect(await modeOf()).toBe(0o444);
  expect(await readFile(join(folder, 'GPU-a'), 'utf8')).toBe('GPU-a\n');
  await files.setPresent('GPU-a', false);
  expect(await modeOf()).toBe(0o000);
  await files.setPresent('GPU-a', true);
  expect(await modeOf()).toBe(0o444);

  await chmod(join(folder, 'GPU-a'), 0o000);
  await createDeviceFiles(folder, ['GPU-a']);
  expect(await modeOf()).toBe(0o444);
});
