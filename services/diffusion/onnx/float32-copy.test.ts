import { afterAll, expect, it } from 'vitest';
import { fixturePath } from '../test/fixtures.ts';
import { float32Copy } from './float32-copy.ts';
import { InferenceSession, Tensor } from './runtime.ts';

const sessions: InferenceSession[] = [];
afterAll(() => Promise.all(sessions.map((session) => session.release())));

it.each(['vae_decoder', 'vae_encoder'])(
  'makes the float32 network whose weights a float16 %s has',
  async (part) => {
    const path = (networks: string) =>
      fixturePath(`families/networks/${networks}/${part}/model.onnx`);
    const wide = await InferenceSession.create((await float32Copy(path('sd-half')))!);
    const original = await InferenceSession.create(path('sd'));
    sessions.push(wide, original);
    expect(wide.inputMetadata).toMatchObject([{ type: 'float32' }]);
    expect(wide.outputMetadata).toMatchObject([{ type: 'float32' }]);
    const name = wide.inputNames[0]!;
    const channels = part === 'vae_decoder' ? 4 : 3;
    const values = Float32Array.from({ length: channels * 64 }, (_, i) => Math.sin(i));
    const run = async (session: InferenceSession) => {
      const output = await session.run({
        [name]: new Tensor('float32', values, [1, channels, 8, 8]),
      });
      return output[session.outputNames[0]!]!.data as Float32Array;
    };
    const [copied, expected] = [await run(wide), await run(original)];
    // The weights were rounded to float16, the computation is not.
    const size = Math.max(...expected.map(Math.abs));
    for (const [i, value] of copied.entries()) {
      expect(Math.abs(value - expected[i]!) / size).toBeLessThan(5e-3);
    }
  },
);

it('is not made where nothing is float16', async () => {
  expect(
    await float32Copy(fixturePath('families/networks/sd/vae_decoder/model.onnx')),
  ).toBeUndefined();
});
