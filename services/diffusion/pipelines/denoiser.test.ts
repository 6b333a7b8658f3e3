import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InferenceSession, Tensor } from '../onnx/runtime.ts';
import { fixturePath } from '../test/fixtures.ts';
import { createDenoiser, unetInterface } from './denoiser.ts';

/** An untrained UNet whose timestep has rank 0, as Optimum exports it. */
const scalar = fileURLToPath(
  new URL('../../pinhole/fixtures/unet-scalar-timestep/model.onnx', import.meta.url),
);

let unet: InferenceSession;
beforeAll(async () => {
  unet = await InferenceSession.create(scalar, { intraOpNumThreads: 1 });
});
afterAll(() => unet.release());

const dims = [1, 8, 8, 8] as const;
const text = (batch: number) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: batch * 32 * 128 }, (_, i) => Math.sin(i)),
    [batch, 32, 128],
  );

it('gives a UNet with a scalar timestep the timestep of the step', async () => {
  const embeddings = text(2);
  const denoiser = createDenoiser(unet, unetInterface(unet), {
    dims,
    embeddings,
    guidanceScale: 4,
  });
  denoiser.input.fill(0.5);
  const early = (await denoiser.predict(900)).slice();
  const late = (await denoiser.predict(10)).slice();
  expect(late).not.toEqual(early);
  expect((await denoiser.predict(900)).slice()).toEqual(early);
});

it('guides from the first text towards the second', async () => {
  const embeddings = text(2);
  const { data } = embeddings;
  const half = data.length / 2;
  const alone = async (from: number) => {
    const part = new Tensor(
      'float32',
      (data as Float32Array).slice(from, from + half),
      [1, 32, 128],
    );
    const denoiser = createDenoiser(unet, unetInterface(unet), { dims, embeddings: part });
    denoiser.input.fill(0.5);
    return (await denoiser.predict(300)).slice();
  };
  const [first, second] = [await alone(0), await alone(half)];
  const both = createDenoiser(unet, unetInterface(unet), { dims, embeddings, guidanceScale: 3 });
  both.input.fill(0.5);
  const guided = await both.predict(300);
  const expected = first.map((value, i) => value + 3 * (second[i]! - value));
  expect(first).not.toEqual(second);
  for (const [i, value] of guided.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
});

it('works in float16 as in float32, where the language has Float16Array', async () => {
  const predictions: Float32Array[] = [];
  for (const name of ['batch', 'half']) {
    const session = await InferenceSession.create(fixturePath(`tiny/${name}/unet/model.onnx`));
    const { inputs, output } = unetInterface(session);
    const embeddings =
      name === 'half'
        ? new Tensor('float16', new Uint16Array(4).fill(0x3800), [2, 2, 1])
        : new Tensor('float32', new Float32Array(4).fill(0.5), [2, 2, 1]);
    const run = { dims: [1, 2, 2, 2] as const, embeddings, guidanceScale: 2 };
    const denoiser = createDenoiser(session, { inputs, output }, run);
    denoiser.input.set([-2, -1, -0.5, 0, 0.25, 0.5, 1, 2]);
    predictions.push((await denoiser.predict(500)).slice());
    await session.release();
  }
  const [single, halved] = predictions;
  for (const [i, value] of halved!.entries()) expect(value).toBeCloseTo(single![i]!, 2);
});
