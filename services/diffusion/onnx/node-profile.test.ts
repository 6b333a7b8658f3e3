import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { activeProvider } from '../pipelines/load-observed.ts';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import { assembleModel, cases, requestOf } from '../test/families.ts';
import { createNodeProfile, nodesIn } from './node-profile.ts';

const networks = (folder: string) => cases.find((one) => one.folder === folder)?.networks ?? '';

test.each([...new Set(cases.map(({ folder }) => folder))])(
  '%s: a warm-up runs every network, and its profile names the provider of each node',
  async (folder) => {
    const path = await assembleModel(folder, networks(folder));
    const profile = await createNodeProfile();
    const kept = dirname(profile.settings('any/model.onnx').profileFilePrefix ?? '');
    const options = { executionProviders: ['cpu'], intraOpThreads: 1 };
    const watched = await loadPipeline(path, { ...options, profile });
    await watched.warmUp();
    const nodes = await profile.end();

    expect(Object.keys(nodes)).toEqual(
      expect.arrayContaining(['text_encoder', 'unet', 'vae_decoder']),
    );
    for (const counts of Object.values(nodes)) {
      expect(Object.keys(counts)).toEqual(['cpu']);
      expect(counts['cpu']).toBeGreaterThan(5);
    }
    expect(activeProvider(['cuda', 'cpu'], nodes)).toBe('cpu');
    expect(existsSync(kept)).toBe(false);
    expect(profile.settings('unet/model.onnx')).toEqual({});

    // What was watched computes the same, and leaves no files behind.
    const plain = await loadPipeline(path, options);
    const request = requestOf(cases.find((one) => one.folder === folder)!);
    expect(await watched.decode(request)).toEqual(await plain.decode(request));
    await Promise.all([watched.release(), plain.release()]);
    expect(existsSync(kept)).toBe(false);
    await rm(path, { recursive: true });
  },
);

test('sessions that were released before the end count', async () => {
  const path = await assembleModel(cases[0]!.folder, cases[0]!.networks);
  const profile = await createNodeProfile();
  const pipeline = await loadPipeline(path, { executionProviders: ['cpu'], profile });
  await pipeline.warmUp();
  await pipeline.release();
  expect((await profile.end())['unet']?.['cpu']).toBeGreaterThan(5);
  await rm(path, { recursive: true });
});

const event = (name: string, provider: string, op_name: string, node_index: number) => ({
  cat: 'Node',
  name: `${name}_kernel_time`,
  args: { provider: `${provider}ExecutionProvider`, op_name, node_index: String(node_index) },
});

test('each node counts once for the provider that ran it, copies between providers not', () => {
  const events = [
    { cat: 'Session', name: 'session_initialization', args: {} },
    event('conv', 'CUDA', 'Conv', 1),
    event('conv', 'CUDA', 'Conv', 1),
    event('shape', 'CPU', 'Shape', 2),
    event('to_cpu', 'CUDA', 'MemcpyToHost', 3),
    event('norm', 'WebGpu', 'LayerNormalization', 4),
  ];
  expect(nodesIn(JSON.stringify(events))).toEqual({ cuda: 1, cpu: 1, webgpu: 1 });
  expect(nodesIn('')).toEqual({});
});

test.each([
  [{ unet: { cuda: 800, cpu: 14 }, vae_decoder: { cuda: 90 } }, 'cuda'],
  // Registered, and yet one network was left to the CPU.
  [{ unet: { cuda: 800 }, vae_decoder: { cpu: 90 } }, 'cpu'],
  [{}, 'cpu'],
])('the active provider is the one that computes in every network: %j', (nodes, active) => {
  expect(activeProvider(['cuda', 'cpu'], nodes)).toBe(active);
});
