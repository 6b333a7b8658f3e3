import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { createDeviceFiles } from '../devices/device-files.ts';
import { createDevices } from '../devices/devices.ts';
import { quietLogger as logger } from '../testing/quiet-logger.ts';
import { createDevicePluginService } from './device-plugin-service.ts';
import { startPluginServer } from './plugin-server.ts';
import { createCaller, devicePluginServices } from './protocol.ts';
import { socketIdentity } from './socket-identity.ts';

test('a closed server has ended its streams and leaves the path to the next', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-server-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'plugin.sock');
  const devices = createDevices({ nodeName: 'gpu-node-0', count: 1, replicas: 1 });
  const files = await createDeviceFiles(join(folder, 'files'), []);
  const service = createDevicePluginService({ devices, files, logger });
  const { DevicePlugin } = devicePluginServices();

  const first = await startPluginServer(path, service);
  const client = new DevicePlugin(`unix://${path}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const stream = client['ListAndWatch']?.({});
  await new Promise((resolve) => stream.once('data', resolve));
  expect(service.watches()).toBe(1);
  const ended = new Promise((resolve) => stream.once('end', resolve));
  await first.close();
  await ended;
  expect(service.watches()).toBe(0);
  expect(await socketIdentity(path)).toBeUndefined();

  const second = await startPluginServer(path, service);
  onTestFinished(second.close);
  const caller = createCaller(DevicePlugin, path);
  onTestFinished(caller.close);
  expect(await caller.call('GetDevicePluginOptions', {})).toMatchObject({
    pre_start_required: false,
  });
  expect(await socketIdentity(path)).toEqual(second.socket);
});
