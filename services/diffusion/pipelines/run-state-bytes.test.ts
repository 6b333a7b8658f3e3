import { describe, expect, it } from 'vitest';
import { ModelError } from '../model-error.ts';
import { createTorchGenerator } from '../random/torch-generator.ts';
import type { RunState } from './run-state.ts';
import { decodeRunState, encodeRunState } from './run-state-bytes.ts';

function stateWith(over: Partial<RunState> = {}): RunState {
  const random = createTorchGenerator(7);
  const latents = new Float32Array(4 * 8 * 8);
  random.randn(latents);
  return { step: 3, steps: 12, latents, random: random.state(), history: [], ...over };
}

describe('a run state as bytes', () => {
  const cached = { ...stateWith().random, cachedNormal: -0.123_456_789_012_345_6 };
  it.each([
    ['of a single-step algorithm', stateWith()],
    ['with history', stateWith({ history: [Float32Array.of(1, -0, 3), new Float32Array(0)] })],
    ['amid a Box–Muller pair', stateWith({ random: cached })],
    ['at the last step', stateWith({ step: 12 })],
  ])('comes back to the bit: %s', (_what, state) => {
    expect(decodeRunState(encodeRunState(state))).toEqual(state);
  });

  it('is read from anywhere in a larger buffer', () => {
    const bytes = encodeRunState(stateWith());
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(decodeRunState(larger.subarray(3))).toEqual(stateWith());
    expect(decodeRunState(Buffer.from(larger.buffer, 3))).toEqual(stateWith());
  });

  it('takes little more room than its numbers', () => {
    expect(encodeRunState(stateWith()).length).toBe(4 * (624 + 256) + 40);
  });

  it('is refused when it is cut short, anywhere', () => {
    const bytes = encodeRunState(stateWith({ history: [Float32Array.of(1)] }));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRunState(bytes.subarray(0, length))).toThrow(ModelError);
    }
  });

  it.each([
    ['another version', 7, 0x32, 'another version'],
    ['no step done', 16, 0, 'out of range'],
    ['an index past the words', 29, 0xff, 'out of range'],
    ['a longer history', 36, 2, 'length is not what it says'],
    ['an endless history', 39, 0xff, 'out of range'],
  ])('is refused with %s', (_what, at, byte, message) => {
    const bytes = encodeRunState(stateWith());
    bytes[at] = byte;
    expect(() => decodeRunState(bytes)).toThrow(message);
  });

  it('is refused with values that are not numbers', () => {
    const bytes = encodeRunState(stateWith({ latents: Float32Array.of(1, Number.NaN) }));
    expect(() => decodeRunState(bytes)).toThrow('not numbers');
  });
});
