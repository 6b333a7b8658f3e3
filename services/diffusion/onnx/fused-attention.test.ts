import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fixturePath } from '../test/fixtures.ts';
import { fusedAttention } from './fused-attention.ts';
import { InferenceSession, Tensor } from './runtime.ts';

const fileOf = (part: string) => readFileSync(fixturePath(`families/networks/${part}/model.onnx`));
const count = (bytes: Uint8Array, text: string) =>
  Buffer.from(bytes).toString('latin1').split(text).length - 1;

/** [batch, 4, height, width] after the UNet of 77 tokens of width 8. */
async function run(model: Uint8Array, [batch, height, width]: [number, number, number]) {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
  const floats = (...dims: number[]) => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    return new Tensor(
      'float32',
      Float32Array.from({ length }, (_, i) => Math.sin(i)),
      dims,
    );
  };
  const { out_sample: output } = await session.run({
    sample: floats(batch, 4, height, width),
    timestep: new Tensor('int64', BigInt64Array.of(500n), []),
    encoder_hidden_states: floats(batch, 77, 8),
  });
  await session.release();
  return output!.data as Float32Array;
}

it('makes one node of each attention to the picture and to the text', () => {
  const exported = fileOf('sd/unet');
  const fused = fusedAttention(exported)!;
  expect(count(exported, 'Softmax')).toBe(8);
  expect(count(fused, 'Softmax')).toBe(0);
  expect(count(fused, 'MultiHeadAttention')).toBe(8);
});

it.each<[number, number, number]>([
  [1, 8, 8],
  [3, 6, 10],
])('gives what the exported graph gives, %i samples of %i × %i', async (...size) => {
  const exported = fileOf('sd/unet');
  const expected = await run(exported, size);
  const values = await run(fusedAttention(exported)!, size);
  const largest = Math.max(...expected.map(Math.abs));
  expect(values.length).toBe(expected.length);
  for (const [i, value] of values.entries()) {
    expect(Math.abs(value - expected[i]!) / largest).toBeLessThan(1e-5);
  }
});

it('leaves an attention with a mask as it is', () => {
  expect(fusedAttention(fileOf('sd/text_encoder'))).toBeUndefined();
});

it('leaves an attention with another scale as it is', () => {
  const scaled = fileOf('sd/unet');
  // Of raw_data, four bytes of a float: each 1 of the graph becomes 2.
  const [one, two] = [
    [0x3f, 0x80],
    [0x40, 0x00],
  ].map((high) => Buffer.from([0x4a, 4, 0, 0, high[1]!, high[0]!]));
  let found = 0;
  for (let at = scaled.indexOf(one!); at >= 0; at = scaled.indexOf(one!, at + 1)) {
    two!.copy(scaled, at);
    found += 1;
  }
  expect(found).toBeGreaterThan(0);
  expect(fusedAttention(scaled)).toBeUndefined();
});

it('refuses what is no ONNX file', () => {
  expect(() => fusedAttention(Buffer.from('not a model at all'))).toThrow(RangeError);
});
