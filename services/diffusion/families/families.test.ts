import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { encodePng } from '../pipelines/png.ts';
import type { RunState } from '../pipelines/run-state.ts';
import { assembleModel, cases, height, requestOf, width } from '../test/families.ts';
import { arrayParity, fixturePath, pictureParity } from '../test/fixtures.ts';
import { levelsApart } from '../test/mixes.ts';

const size = 3 * width * height;
const read = (file: string) => new Uint8Array(readFileSync(fixturePath(`families/${file}`)));
const pictures = read('pictures.u8');
const decoded = new Float16Array(read('decoded.f16').buffer);

const models = [...new Map(cases.map((one) => [`${one.folder}, ${one.networks}`, one])).entries()];
const titled = cases.map((one, i) => {
  const { seed, guidanceScale, task = 'text-to-image' } = one.request;
  return { ...one, i, title: `${task}, seed ${seed}, guidance ${guidanceScale}` };
});

describe.each(models)('%s', (_title, { folder, networks }) => {
  const own = titled.filter((one) => one.folder === folder && one.networks === networks);
  const oneOfEachTask = [...new Map(own.map((one) => [one.request.task, one])).values()];
  const isHalf = networks.endsWith('-half');
  let pipeline: Pipeline;
  let path: string;
  beforeAll(async () => {
    path = await assembleModel(folder, networks);
    pipeline = await loadPipeline(path, {
      executionProviders: ['cpu'],
      intraOpThreads: 1,
      vaeTiling: folder.endsWith('-tiled') ? 'always' : 'auto',
    });
  });
  afterAll(async () => {
    await pipeline?.release();
    await rm(path, { recursive: true });
  });

  it.each(own)('$title: the picture of diffusers, by the model’s own defaults', async (one) => {
    expect(one.standardDeviation).toBeGreaterThanOrEqual(10);
    expect(one.clipped).toBeLessThan(0.05);
    const pixels = await pipeline.decode(requestOf(one));
    // Written in half precision, which keeps 3 decimals. Where the networks are in it, another rounding
    // of one value is seen in all that follow.
    const reference = Float32Array.from(decoded.subarray(one.i * size, (one.i + 1) * size));
    expect(arrayParity(pixels, reference)).toBeLessThanOrEqual(isHalf ? 4e-3 : 2e-3);
    const made = planes(decode(encodePng(pixels, width, height)).data);
    const expected = pictures.subarray(one.i * size, (one.i + 1) * size);
    expect(pictureParity(made, expected)).toBeGreaterThanOrEqual(0.999);
  });

  it.each(oneOfEachTask)('$title: goes on from any call to the same bits', async (one) => {
    const request = requestOf(one);
    const states: RunState[] = [];
    const whole = await pipeline.decode(request, { onStep: (state) => states.push(state) });
    expect(states.map(({ step }) => step)).toEqual(states.map((_, i) => i + 1));
    for (const resume of states) {
      expect(await pipeline.decode(request, { resume })).toEqual(whole);
    }
  });

  it('gives each picture as alone when all are made at once', async () => {
    const requests = own.map(requestOf);
    const together = await Promise.all(requests.map((request) => pipeline.decode(request)));
    for (const [i, request] of requests.entries()) {
      expect(levelsApart(together[i]!, await pipeline.decode(request))).toBeLessThanOrEqual(1);
    }
  });

  it('follows the prompt', async () => {
    const request = requestOf(own[0]!);
    const picture = await pipeline.decode(request);
    const other = await pipeline.decode({ ...request, prompt: 'cat' });
    expect(arrayParity(other, picture)).toBeGreaterThan(0.01);
  });
});

/** [height, width, 3] to [3, height, width]. */
function planes(data: ArrayLike<number>): Uint8Array {
  const area = data.length / 3;
  return Uint8Array.from(
    { length: data.length },
    (_, i) => data[(i % area) * 3 + Math.floor(i / area)]!,
  );
}
