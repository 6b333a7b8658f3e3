import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type ControlServer, startControlServer } from './control-server.ts';
import { createDeviceFiles } from './devices/device-files.ts';
import { createDevices, type Devices } from './devices/devices.ts';
import { quietLogger as logger } from './testing/quiet-logger.ts';

let devices: Devices;
let folder: string;
let server: ControlServer;
const host = '127.0.0.1';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'control-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  devices = createDevices({ nodeName: 'gpu-node-0', count: 2, replicas: 1 });
  const ids = devices.list().map(({ id }) => id);
  const files = await createDeviceFiles(folder, ids);
  server = await startControlServer({ host, port: 0, devices, files, logger });
  onTestFinished(server.close);
});

async function ask(path: string, body?: string) {
  const request = body === undefined ? {} : { method: 'POST', body };
  const response = await fetch(`http://${host}:${server.port}${path}`, request);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('lists the devices, and marks one unhealthy and healthy again', async () => {
  const { id } = devices.find('1')!;
  const unhealthy = { id, index: 1, healthy: false, xid: 79 };
  expect(await ask(`/devices/${id}/health`, '{"healthy":false}')).toEqual({
    status: 200,
    body: unhealthy,
  });
  expect((await ask('/devices')).body).toEqual({ devices: [devices.find('0'), unhealthy] });
  const xid = await ask('/devices/1/health', '{"healthy":false,"xid":48}');
  expect(xid.body).toMatchObject({ xid: 48 });
  await ask(`/devices/${id}/health`, '{"healthy":true}');
  expect(devices.find('1')).toEqual({ id, index: 1, healthy: true, xid: 0 });
});

test('takes a device away from its containers, and gives it back', async () => {
  const { id } = devices.find('0')!;
  const mode = async () => (await stat(join(folder, id))).mode & 0o777;
  const gone = await ask(`/devices/${id}/presence`, '{"present":false}');
  expect(gone).toEqual({ status: 200, body: { id, index: 0, present: false } });
  expect(await mode()).toBe(0);
  await ask(`/devices/${id}/presence`, '{"present":true}');
  expect(await mode()).toBe(0o444);
  expect(devices.find('0')?.healthy).toBe(true);
});

test('refuses with the reason what it does not understand', async () => {
  expect((await ask('/devices/9/health', '{"healthy":false}')).status).toBe(404);
  const unknown = await ask('/devices/GPU-none/health', '{"healthy":false}');
  expect(unknown.body['message']).toContain(`it has ${devices.list()[0]?.id}`);
  expect((await ask('/elsewhere')).body['message']).toContain('there are GET /devices');
  for (const body of [
    '',
    '{',
    '{"healthy":"no"}',
    '{"healthy":false,"x":1}',
    '{"present":false}',
  ]) {
    expect((await ask('/devices/0/health', body)).status).toBe(400);
  }
  expect(devices.list().every(({ healthy }) => healthy)).toBe(true);
});

test('says what to do when its port is taken', async () => {
  const files = await createDeviceFiles(folder, []);
  const second = startControlServer({ host, port: server.port, devices, files, logger });
  await expect(second).rejects.toThrow('set CONTROL_PORT to a free port');
});
