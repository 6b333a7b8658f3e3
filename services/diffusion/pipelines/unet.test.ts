import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InferenceSession } from '../onnx/runtime.ts';
import { fixturePath } from '../test/fixtures.ts';
import { createUnet } from './unet.ts';

/** An untrained UNet whose timestep has rank 0, as Optimum exports it. */
const scalar = fileURLToPath(
  new URL('../../pinhole/fixtures/unet-scalar-timestep/model.onnx', import.meta.url),
);

let unet: InferenceSession;
beforeAll(async () => {
  unet = await InferenceSession.create(scalar, { intraOpNumThreads: 1 });
});
afterAll(() => unet.release());

const dims = [8, 8, 8] as const;
const text = (samples: number) => ({
  values: Float32Array.from({ length: samples * 32 * 128 }, (_, i) => Math.sin(i)),
  dims: [samples, 32, 128],
});
const open = (session: InferenceSession, samples: number, conditioning = text(samples)) =>
  createUnet({ file: 'unet/model.onnx', session }, ['encoder_hidden_states']).open({
    samples,
    input: dims,
    output: dims,
    conditioning: { encoder_hidden_states: conditioning },
  });

it('gives a UNet with a scalar timestep the timestep of the call', async () => {
  const { sample, output, run } = open(unet, 2);
  const predict = async (timestep: number) => {
    sample.fill(0.5);
    await run([timestep, timestep]);
    return output.slice();
  };
  const early = await predict(900);
  expect(await predict(10)).not.toEqual(early);
  expect(await predict(900)).toEqual(early);
});

it('gives every sample what belongs to it', async () => {
  const { values } = text(2);
  const half = values.length / 2;
  const alone = async (from: number) => {
    const part = { values: values.slice(from, from + half), dims: [1, 32, 128] };
    const { sample, output, run } = open(unet, 1, part);
    sample.fill(0.5);
    await run([300]);
    return [...output];
  };
  const { sample, output, run } = open(unet, 2);
  sample.fill(0.5);
  await run([300, 300]);
  const expected = [...(await alone(0)), ...(await alone(half))];
  for (const [i, value] of output.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
});

it('works in float16 as in float32, where the language has Float16Array', async () => {
  const predictions: Float32Array[] = [];
  for (const name of ['batch', 'half']) {
    const session = await InferenceSession.create(fixturePath(`tiny/${name}/unet/model.onnx`));
    const network = { file: 'unet/model.onnx', session };
    const { sample, output, run } = createUnet(network, ['encoder_hidden_states']).open({
      samples: 1,
      input: [2, 2, 2],
      output: [2, 2, 2],
      conditioning: {
        encoder_hidden_states: { values: new Float32Array(2).fill(0.5), dims: [1, 2, 1] },
      },
    });
    sample.set([-2, -1, -0.5, 0, 0.25, 0.5, 1, 2]);
    await run([500]);
    predictions.push(output.slice());
    await session.release();
  }
  const [single, halved] = predictions;
  for (const [i, value] of halved!.entries()) expect(value).toBeCloseTo(single![i]!, 2);
});
