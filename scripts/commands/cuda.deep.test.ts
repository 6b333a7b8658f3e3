import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runtimeFolder } from '@darkroom/diffusion';
import { createLogger } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { cacheFolder } from '@darkroom/testing/cache-folder';
import { startInference } from '@darkroom/worker';
import { decode } from 'fast-png';
import { beforeAll, expect, test } from 'vitest';
import { repository } from '../repository.ts';
import { installCudaLibraries } from './cuda-libraries.ts';

/** The driver's own device: without it there is no NVIDIA driver, with it this proves a picture. */
const hasDriver = existsSync('/dev/nvidiactl');

/** A driver that knows no device, in as much as the CUDA runtime asks of it. */
const driver = `
#include <string.h>
static int none(void) { return 100; }
int cuInit(unsigned flags) { return 100; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuTensorMapEncodeTiled(void) { return 100; }
int cuGetProcAddress_v2(const char *name, void **address, int version, unsigned long long flags, int *status) {
  *address = strcmp(name, "cuDriverGetVersion") == 0 ? (void *)cuDriverGetVersion
    : strncmp(name, "cuGetProcAddress", 16) == 0 ? (void *)cuGetProcAddress_v2 : (void *)none;
  if (status) *status = 0;
  return 0;
}
`;

const start = (executionProviders: string[], environment: Record<string, string> = {}) =>
  startInference({
    models: [{ name: pinhole.name, folder: pinhole.folder }],
    executionProviders,
    environment,
    logger: createLogger({ name: 'worker', level: 'silent' }),
  });

beforeAll(async () => {
  await installCudaLibraries({
    lock: join(repository, 'services/diffusion/cuda-libraries.txt'),
    cache: cacheFolder,
    runtime: runtimeFolder,
    room: 5 * 2 ** 30,
    signal: new AbortController().signal,
    note: (text) => console.log(text),
  });
}, 1_800_000);

test(`cuda, ${hasDriver ? 'on this GPU: makes the picture of the CPU' : 'without a driver: misses nothing but that'}`, async () => {
  if (!hasDriver) {
    await expect(start(['cuda', 'cpu'])).rejects.toThrow(
      /libcuda.so.1 is missing, a library of NVIDIA's driver. Give this machine NVIDIA's driver 580/,
    );
    return;
  }
  const request = {
    model: pinhole.name,
    prompt: 'a large red star on a blue background',
    negativePrompt: '',
    seed: 7,
    steps: 12,
    guidanceScale: 4,
    width: 64,
    height: 64,
  };
  const [onGpu, onCpu] = await Promise.all([start(['cuda', 'cpu']), start(['cpu'])]);
  const [model] = onGpu.identity().models;
  expect(model?.provider).toBe('cuda');
  const [made, reference] = [await onGpu.generate(request), await onCpu.generate(request)];
  const [a, b] = [decode(made.png).data, decode(reference.png).data];
  const apart = Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN)));
  const told = { ms: made.inferenceMs, cpuMs: reference.inferenceMs, largest: Math.max(...apart) };
  console.log(`cuda and cpu: ${JSON.stringify({ ...told, nodes: model?.nodes })}`);
  expect(apart.filter((x) => x <= 2).length / apart.length).toBeGreaterThanOrEqual(0.999);
  await Promise.all([onGpu.close(), onCpu.close()]);
});

test('cuda on a driver without a device: the libraries load, and the driver is asked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'driver-'));
  try {
    await writeFile(join(folder, 'cuda.c'), driver);
    const library = join(folder, 'libcuda.so.1');
    await promisify(execFile)('gcc', ['-shared', '-fPIC', '-o', library, join(folder, 'cuda.c')]);
    await expect(start(['cuda', 'cpu'], { LD_LIBRARY_PATH: folder })).rejects.toThrow(
      /CUDA failure 100: no CUDA-capable device is detected. Give this machine NVIDIA's driver/,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
