import { expect, test } from 'vitest';
import { requireGpu } from './gpu.ts';
import { startPinhole } from './testing/pinhole-inference.ts';

const model = { name: 'sdxl', digest: 'sha256:0', loadMs: 1 };
const identity = (executionProviders: string[], provider: string, nodes = {}) => ({
  executionProviders,
  models: [{ ...model, provider, nodes }],
});

test('takes a model that was seen to compute on a GPU', () => {
  expect(() => requireGpu(identity(['cuda', 'cpu'], 'cuda'))).not.toThrow();
});

test('refuses where no GPU provider was asked for', () => {
  expect(() => requireGpu(identity(['cpu'], 'cpu'))).toThrow(
    /models run on cpu; name one of cuda.* in EXECUTION_PROVIDERS/,
  );
});

test('refuses a provider that was asked for and runs nothing, naming what ran', () => {
  const nodes = { unet: { cpu: 870 }, vae_decoder: { webgpu: 200, cpu: 62 } };
  expect(() => requireGpu(identity(['webgpu', 'cpu'], 'cpu', nodes))).toThrow(
    /webgpu, cpu was asked for, but the model sdxl runs on cpu \(nodes of unet: 870 on cpu; vae_decoder: 200 on webgpu, 62 on cpu\); use/,
  );
});

test('a worker on the CPU alone says so, and counts no nodes', async () => {
  await using inference = await startPinhole();
  expect(inference.identity().models).toMatchObject([{ provider: 'cpu', nodes: {} }]);
});

test('a provider that the runtime does not have is refused, whatever comes after it', async () => {
  const starting = startPinhole({ executionProviders: ['opencl', 'cpu'] });
  await expect(starting).rejects.toThrow(/no provider opencl. Name cpu/);
});
