import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@darkroom/testing';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createDeviceFiles } from '../devices/device-files.ts';
import { createDevices, type Devices } from '../devices/devices.ts';
import { quietLogger as logger } from '../testing/quiet-logger.ts';
import { type StandInKubelet, startKubelet } from '../testing/stand-in-kubelet.ts';
import { type Plugin, startPlugin } from './plugin.ts';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'plugin-'));
  onTestFinished(() => rm(root, { recursive: true }));
  folder = join(root, 'device-plugins');
  await mkdir(folder);
});

async function kubelet(): Promise<StandInKubelet> {
  const started = await startKubelet(folder);
  onTestFinished(started.stop);
  return started;
}

type Rig = { plugin: Plugin; devices: Devices; ids: string[]; filesFolder: string };

async function plugin({ count = 2, replicas = 1 } = {}): Promise<Rig> {
  const devices = createDevices({ nodeName: 'gpu-node-0', count, replicas });
  const ids = devices.list().map(({ id }) => id);
  const filesFolder = join(root, 'files');
  const files = await createDeviceFiles(filesFolder, ids);
  const started = startPlugin({ folder, devices, files, logger });
  onTestFinished(started.stop);
  return { plugin: started, devices, ids, filesFolder };
}

const advertised = (kubelet: StandInKubelet) => kubelet.devices()?.map(({ ID }) => ID);
const healthOf = (kubelet: StandInKubelet) => kubelet.devices()?.map(({ health }) => health);
const sockets = async () => (await readdir(folder)).filter((name) => name !== 'kubelet.sock');

test('registers once it serves, and advertises every device with its topology', async () => {
  const node = await kubelet();
  const { plugin: started, ids } = await plugin();
  await eventually(() => node.devices()).toEqual(
    ids.map((ID) => ({ ID, health: 'Healthy', topology: { nodes: [{ ID: 0 }] } })),
  );
  expect(node.registrations).toEqual([
    {
      version: 'v1beta1',
      endpoint: 'darkroom-gpu-simulator.sock',
      resource_name: 'nvidia.com/gpu',
      options: { pre_start_required: false, get_preferred_allocation_available: true },
    },
  ]);
  await eventually(started.isReady).toBe(true);
});

test('waits for a kubelet that is not there yet, and for its folder', async () => {
  await rm(folder, { recursive: true });
  const { plugin: started, ids } = await plugin();
  expect(started.isReady()).toBe(false);
  await mkdir(folder);
  await eventually(sockets).toHaveLength(1);
  const node = await kubelet();
  await eventually(() => advertised(node)).toEqual(ids);
});

test('allocates what a container needs of its devices, each with a file', async () => {
  const node = await kubelet();
  const { ids, filesFolder } = await plugin();
  await eventually(() => node.devices()).toBeDefined();
  const [first = '', second = ''] = ids;
  const answer = await node.call('Allocate', {
    container_requests: [{ devices_ids: [first, second] }],
  });
  expect(answer).toEqual({
    container_responses: [
      {
        envs: {
          NVIDIA_VISIBLE_DEVICES: `${first},${second}`,
          NVIDIA_DRIVER_CAPABILITIES: 'compute,utility',
          GPU_DEVICE_FILES: `/run/gpu-simulator/${first},/run/gpu-simulator/${second}`,
        },
        mounts: ids.map((id) => ({
          container_path: `/run/gpu-simulator/${id}`,
          host_path: join(filesFolder, id),
          read_only: true,
        })),
        devices: [],
        annotations: {},
        cdi_devices: [],
      },
    ],
  });
  for (const id of ids) expect((await stat(join(filesFolder, id))).isFile()).toBe(true);
});

test('a file that somebody removed is there again before it is mounted', async () => {
  const node = await kubelet();
  const { ids, filesFolder } = await plugin({ count: 1 });
  await eventually(() => node.devices()).toBeDefined();
  await rm(filesFolder, { recursive: true });
  await mkdir(filesFolder);
  await node.call('Allocate', { container_requests: [{ devices_ids: ids }] });
  expect(await readdir(filesFolder)).toEqual(ids);
});

test('refuses to allocate a device that the node does not have', async () => {
  const node = await kubelet();
  await plugin();
  await eventually(() => node.devices()).toBeDefined();
  const asked = node.call('Allocate', { container_requests: [{ devices_ids: ['GPU-none'] }] });
  await expect(asked).rejects.toThrow('this node has no nvidia.com/gpu named GPU-none');
});

test('advertises the shares of a device, and allocates the device for them', async () => {
  const node = await kubelet();
  const { ids } = await plugin({ replicas: 2 });
  const [first = '', second = ''] = ids;
  const shares = [`${first}::0`, `${first}::1`, `${second}::0`, `${second}::1`];
  await eventually(() => advertised(node)).toEqual(shares);
  const { container_responses } = await node.call<{
    container_responses: { envs: Record<string, string>; mounts: object[] }[];
  }>('Allocate', {
    container_requests: [{ devices_ids: [`${first}::0`, `${first}::1`] }],
  });
  expect(container_responses[0]?.envs['NVIDIA_VISIBLE_DEVICES']).toBe(first);
  expect(container_responses[0]?.mounts).toHaveLength(1);
  const preferred = await node.call('GetPreferredAllocation', {
    container_requests: [
      { available_deviceIDs: shares.slice(1), must_include_deviceIDs: [], allocation_size: 1 },
    ],
  });
  expect(preferred).toEqual({ container_responses: [{ deviceIDs: [`${second}::0`] }] });
  expect(await node.call('PreStartContainer', { devices_ids: shares })).toEqual({});
});

test('tells of every change of health on the open stream, with the full list', async () => {
  const node = await kubelet();
  const { devices, ids } = await plugin();
  await eventually(() => healthOf(node)).toEqual(['Healthy', 'Healthy']);
  devices.setHealth(devices.find('1')!, false);
  await eventually(() => healthOf(node)).toEqual(['Healthy', 'Unhealthy']);
  expect(advertised(node)).toEqual(ids);
  devices.setHealth(devices.find('1')!, true);
  await eventually(() => healthOf(node)).toEqual(['Healthy', 'Healthy']);
  expect(node.registrations).toHaveLength(1);
});

test('registers with a kubelet that started again and emptied the folder', async () => {
  let node = await kubelet();
  const { devices, ids } = await plugin();
  await eventually(() => advertised(node)).toEqual(ids);
  devices.setHealth(devices.find('0')!, false);
  for (let restarts = 0; restarts < 3; restarts += 1) {
    node.stop();
    node = await kubelet();
    await eventually(() => healthOf(node)).toEqual(['Unhealthy', 'Healthy']);
    // The old server, closed too late, would have removed the new one's socket.
    expect(await sockets()).toEqual(['darkroom-gpu-simulator.sock']);
    await node.call('Allocate', { container_requests: [{ devices_ids: ids }] });
  }
});

test('registers again when its own socket is removed while the kubelet stays', async () => {
  const node = await kubelet();
  const { ids } = await plugin();
  await eventually(() => advertised(node)).toEqual(ids);
  await rm(join(folder, 'darkroom-gpu-simulator.sock'));
  await eventually(() => node.registrations.length).toBe(2);
  await eventually(() => advertised(node)).toEqual(ids);
});

test('registers again with a socket that has the inode of the one before', async () => {
  const node = await kubelet();
  const { ids } = await plugin();
  await eventually(() => advertised(node)).toEqual(ids);
  const socket = join(folder, 'kubelet.sock');
  const { ino } = await stat(socket);
  // What tells such a socket from the one before is the time of its change, and this sets it.
  await chmod(socket, 0o700);
  expect((await stat(socket)).ino).toBe(ino);
  await eventually(() => node.registrations.length).toBe(2);
  await eventually(() => advertised(node)).toEqual(ids);
});

test('takes the place of a process that was killed and left its socket', async () => {
  const node = await kubelet();
  const before = await plugin();
  await eventually(() => advertised(node)).toEqual(before.ids);
  // A server that closes removes its file, and a killed one leaves it: as this one, moved aside.
  const socket = join(folder, 'darkroom-gpu-simulator.sock');
  await rename(socket, join(root, 'left.sock'));
  await before.plugin.stop();
  await rename(join(root, 'left.sock'), socket);
  const after = await plugin();
  await eventually(() => advertised(node)).toEqual(after.ids);
  expect(after.ids).toEqual(before.ids);
});

test('a stop ends the watch and leaves no socket', async () => {
  const node = await kubelet();
  const { plugin: started, ids } = await plugin();
  await eventually(() => advertised(node)).toEqual(ids);
  await started.stop();
  await eventually(() => node.devices()).toBeUndefined();
  expect(await sockets()).toEqual([]);
  expect(started.isReady()).toBe(false);
});
