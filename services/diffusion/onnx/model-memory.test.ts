import { pinhole } from '@darkroom/pinhole';
import { expect, test } from 'vitest';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import { createModelMemory } from './model-memory.ts';
import { estimateNetworks, OverBudget } from './network-memory.ts';

const MiB = 2 ** 20;
const cpu = { executionProviders: ['cpu'] };
const request = {
  prompt: 'a large red star on a blue background',
  negativePrompt: '',
  seed: 7,
  steps: 3,
  guidanceScale: 4,
  width: 64,
  height: 64,
};

test('the estimate of the built-in model tells what its float16 weights take once widened', async () => {
  const needs = await estimateNetworks(pinhole.folder, ['unet', 'vae_decoder', 'none'], ['cpu']);
  expect([...needs.keys()]).toEqual(['unet', 'vae_decoder']);
  const { loaded, peak } = needs.get('unet')!;
  // Measured on the optimised copy, which has the weights as they are in memory: 19.8 MB.
  expect(loaded / 19.8e6).toBeGreaterThan(0.95);
  expect(loaded / 19.8e6).toBeLessThan(1.25);
  expect(peak - loaded).toBe(10_300_606);
});

/** A picture of each of two models, one after the other, twice, then both at once. */
async function pictures(budget: number) {
  const memory = createModelMemory(budget);
  const a = await loadPipeline(pinhole.folder, { ...cpu, memory });
  const b = await loadPipeline(pinhole.folder, { ...cpu, memory });
  const made: Float32Array[] = [];
  for (const pipeline of [a, b, a, b]) made.push(await pipeline.decode(request));
  made.push(...(await Promise.all([a, b, a].map((pipeline) => pipeline.decode(request)))));
  return { memory, made, a, b };
}

test('with room for all everything stays; with less, networks come in turn to the same bits', async () => {
  const wide = await pictures(1024 * MiB);
  expect(wide.memory.state()).toMatchObject({ loads: 6, evictions: 0, refusals: 0 });
  // The UNet alone needs 31 MiB while it is loaded, so the other networks of its own model make way.
  const narrow = await pictures(32 * MiB);
  expect(narrow.memory.state().evictions).toBeGreaterThan(6);
  expect(narrow.memory.state().held).toBeLessThanOrEqual(32 * MiB);
  for (const [i, picture] of narrow.made.entries()) expect(picture).toEqual(wide.made[i]);
  await narrow.a.release();
  await narrow.b.release();
  expect(narrow.memory.state().held).toBe(0);
  await wide.a.release();
  await wide.b.release();
});

test('what does not fit even alone is refused, and the next request works', async () => {
  const memory = createModelMemory(36 * MiB);
  const pipeline = await loadPipeline(pinhole.folder, { ...cpu, memory });
  const large = pipeline.decode({ ...request, width: 512, height: 512 });
  await expect(large).rejects.toThrow(OverBudget);
  await expect(large).rejects.toThrow(
    /unet.model\.onnx cannot be run: it needs \d+ MiB .* the budget is 36 MiB\. Ask for a smaller picture/,
  );
  await expect(pipeline.decode(request)).resolves.toHaveLength(3 * 64 * 64);
  const tiny = createModelMemory(MiB);
  await expect(loadPipeline(pinhole.folder, { ...cpu, memory: tiny })).rejects.toThrow(
    /MODEL_MEMORY/,
  );
  expect(tiny.state()).toMatchObject({ held: 0, loads: 0, refusals: 1 });
  await pipeline.release();
});

test('who asks first is served first, and nothing in use is evicted', async () => {
  const memory = createModelMemory(100);
  const order: string[] = [];
  const open = (name: string) =>
    memory.open(name, { loaded: 60, peak: 60 }, async () => {
      order.push(`load ${name}`);
      return {
        inputMetadata: [],
        outputMetadata: [],
        run: async () => ({}),
        release: async () => void order.push(`release ${name}`),
      };
    });
  const [a, b] = [await open('a'), await open('b')];
  order.length = 0;
  const end = Promise.withResolvers<void>();
  const first = a.hold(0, async () => {
    order.push('hold a');
    await end.promise;
    await a.run({});
    order.push('let a go');
  });
  const second = b.hold(0, async () => void order.push('hold b'));
  const third = a.hold(0, async () => void order.push('hold a again'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(['release b', 'load a', 'hold a']);
  end.resolve();
  await Promise.all([first, second, third]);
  expect(order.slice(3)).toEqual([
    'let a go',
    'release a',
    'load b',
    'hold b',
    'release b',
    'load a',
    'hold a again',
  ]);
});
