import { cp, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinhole } from '@darkroom/pinhole';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startService } from './testing/service-process.ts';

/** Complete, and of servers that nobody needs to reach before the model is loaded. */
const environment = {
  PORT: '0',
  AMQP_URL: 'amqp://guest:guest@127.0.0.1:1',
  DATABASE_URL: 'postgres://darkroom:hunter2@127.0.0.1:1/darkroom',
  S3_ENDPOINT: 'http://127.0.0.1:1',
  S3_BUCKET: 'darkroom',
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-main-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the worker says before it gives up starting. */
async function refusal(variables: Record<string, string>): Promise<string> {
  const worker = startService('worker', variables);
  expect(await worker.ended).toBe(1);
  expect(worker.stderr()).toMatch(/^darkroom worker: /);
  expect(worker.stderr()).not.toMatch(/^\s+at /m);
  return worker.stderr();
}

test('every variable that is missing or wrong is reported together', async () => {
  const { DATABASE_URL: _, ...rest } = environment;
  const said = await refusal({
    ...rest,
    AMQP_URL: 'rabbit',
    HEARTBEAT_MS: 'soon',
    REQUIRE_GPU: 'yes',
    AWS_ACCESS_KEY_ID: 'alone',
  });
  for (const name of [
    'DATABASE_URL',
    'AMQP_URL',
    'HEARTBEAT_MS',
    'REQUIRE_GPU',
    'AWS_ACCESS_KEY_ID',
  ]) {
    expect(said).toContain(`\n  ${name}: `);
  }
});

test('a heartbeat too slow for its lease is refused', async () => {
  const said = await refusal({ ...environment, LEASE_MS: '3000', HEARTBEAT_MS: '2000' });
  expect(said).toContain('HEARTBEAT_MS: must be at most a third of LEASE_MS');
});

test('a GPU that is not there at the start is named, with what to do', async () => {
  const file = join(folder, 'gpu-0');
  const said = await refusal({ ...environment, GPU_DEVICE_FILES: file });
  expect(said).toContain(`${file} (ENOENT)`);
  expect(said).toContain('Start the container anew with its GPU');
});

test('a half-written model folder is named, with what is wrong and what to do', async () => {
  const half = join(folder, 'pinhole');
  await cp(pinhole.folder, half, { recursive: true });
  await truncate(join(half, 'unet/model.onnx'), 100_000);
  const said = await refusal({ ...environment, MODEL_DIR: folder });
  expect(said).toContain(join(half, 'unet/model.onnx'));
  await rm(half, { recursive: true });
});

test("the version that MODEL_DIGEST names is loaded, whatever has the model's name alone", async () => {
  const half = join(folder, 'pinhole.0123456789abcdef');
  await cp(pinhole.folder, half, { recursive: true });
  await cp(pinhole.folder, join(folder, 'pinhole'), { recursive: true });
  await truncate(join(half, 'unet/model.onnx'), 100_000);
  const said = await refusal({
    ...environment,
    MODEL_DIR: folder,
    SERVE_MODELS: 'pinhole',
    MODEL_DIGEST: `sha256:${'0123456789abcdef'.repeat(4)}`,
  });
  expect(said).toContain(join(half, 'unet/model.onnx'));
  for (const name of ['pinhole', 'pinhole.0123456789abcdef']) {
    await rm(join(folder, name), { recursive: true });
  }
});

test('another version than MODEL_DIGEST names is not served', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const said = await refusal({ ...environment, SERVE_MODELS: 'pinhole', MODEL_DIGEST: digest });
  expect(said).toContain(
    `names the version ${digest} of pinhole, and ${pinhole.folder} has sha256:`,
  );
});

test('a digest without the one model that it is of is refused', async () => {
  const said = await refusal({ ...environment, MODEL_DIGEST: `sha256:${'0'.repeat(64)}` });
  expect(said).toContain('MODEL_DIGEST: is of one model: name that one alone in SERVE_MODELS');
});

test('a database out of reach is named, and its password is not', async () => {
  const said = await refusal(environment);
  expect(said).toContain('127.0.0.1:1');
  expect(said).not.toContain('hunter2');
});
