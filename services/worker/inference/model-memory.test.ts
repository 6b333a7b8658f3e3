import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMetrics } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pinholeModels, pinholeRequest, startPinhole } from '../testing/pinhole-inference.ts';
import { workerMetrics } from '../worker-metrics.ts';

const MiB = 2 ** 20;
const two = [...pinholeModels, { name: 'second', folder: pinhole.folder }];

let folder: string;
let expected: Uint8Array;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-memory-'));
  await using inference = await startPinhole();
  expected = (await inference.generate(pinholeRequest)).png;
  expect(inference.memory()).toBeUndefined();
});
afterAll(() => rm(folder, { recursive: true }));

test('two models within the memory of one: each is made in turn, to the same bytes', async () => {
  await using inference = await startPinhole({ models: two, modelMemory: 40 * MiB });
  const turn =
    'the models do not fit into MODEL_MEMORY together: their networks are loaded in turn';
  expect(inference.lines.filter(({ msg }) => msg === turn)).toHaveLength(1);
  for (const model of ['pinhole', 'second', 'pinhole']) {
    const { png } = await inference.generate({ ...pinholeRequest, model });
    if (model === 'pinhole') expect(png).toEqual(expected);
  }
  const { held = 0, evictions = 0 } = inference.memory() ?? {};
  expect(evictions).toBeGreaterThan(2);
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThanOrEqual(40 * MiB);
});

test('a picture beyond the memory is refused, the process lives on, and metrics tell', async () => {
  await using inference = await startPinhole({ modelMemory: 64 * MiB });
  const pid = inference.pid();
  const large = { ...pinholeRequest, width: 1024, height: 1024 };
  await expect(inference.generate(large)).rejects.toMatchObject({
    code: 'MODEL',
    message: expect.stringMatching(/needs \d+ MiB of memory .* 64 MiB\. Ask for a smaller picture/),
  });
  expect((await inference.generate(pinholeRequest)).png).toEqual(expected);
  expect(inference.pid()).toBe(pid);
  const metrics = createMetrics({});
  workerMetrics(metrics, inference);
  const text = await metrics.metrics();
  expect(text).toContain(`darkroom_model_memory_bytes{of="budget"} ${64 * MiB}`);
  expect(text).toContain('darkroom_model_memory_events_total{event="refusal"} 1');
});

test('a model beyond the memory is refused alone; where none fits, the start is', async () => {
  const small = { name: 'small', folder: join(folder, 'small') };
  await cp(pinhole.folder, small.folder, { recursive: true });
  const unet = new URL('../../pinhole/fixtures/unet-scalar-timestep/model.onnx', import.meta.url);
  await cp(unet, join(small.folder, 'unet/model.onnx'));
  const refusal =
    /unet.model\.onnx cannot be run: it needs \d+ MiB of memory by estimate, .* 16 MiB/;
  const modelMemory = 16 * MiB;
  await using inference = await startPinhole({ models: [...pinholeModels, small], modelMemory });
  const refused = inference.generate(pinholeRequest);
  await expect(refused).rejects.toMatchObject({
    code: 'MODEL',
    message: expect.stringMatching(refusal),
  });
  await expect(inference.generate({ ...pinholeRequest, model: 'small' })).resolves.toMatchObject({
    restarts: 0,
  });
  await expect(startPinhole({ modelMemory })).rejects.toThrow(refusal);
});

test('the second start finds the optimised copies, and makes the same bytes', async () => {
  const optimizedModelDir = join(folder, 'optimized');
  const copies = ({ msg }: { msg: string }) => msg.startsWith('optimised copy');
  {
    await using first = await startPinhole({ optimizedModelDir });
    expect(first.lines.filter(copies)).toHaveLength(3);
    expect((await first.generate(pinholeRequest)).png).toEqual(expected);
  }
  const made = await readdir(join(optimizedModelDir, 'pinhole'));
  await using second = await startPinhole({ optimizedModelDir });
  expect(second.lines.filter(copies)).toEqual([]);
  expect((await second.generate(pinholeRequest)).png).toEqual(expected);
  expect(await readdir(join(optimizedModelDir, 'pinhole'))).toEqual(made);
});
