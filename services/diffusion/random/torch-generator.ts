import type { RandomState } from '../pipelines/run-state.ts';
import { nextUint32, seedMt19937 } from './mt19937.ts';

/** Draws what `torch.randn(n, generator=torch.Generator('cpu').manual_seed(seed))` draws. */
export type TorchGenerator = {
  /** Fills `out` with float32 samples of the standard normal distribution. */
  randn(out: Float32Array): void;
  /** A copy; a generator restored from it draws on from here. The same one until the next draw. */
  state(): RandomState;
};

/** Torch draws fewer than this one by one, and more in blocks of this size. */
const BLOCK = 16;
const f32 = Math.fround;
const TWO_PI = f32(2 * Math.PI);

/**
 * PyTorch's CPU generator: MT19937, 24-bit uniforms, Box–Muller. Follows ATen's `normal_kernel`
 * (aten/src/ATen/native/cpu/DistributionTemplates.h). Torch's own vector units differ from each
 * other in the last bit of `log`, `sin` and `cos`, so values agree to within 1e-6, not to the bit.
 *
 * @param from a seed as `PictureRequest` has it, or a state to go on from
 */
export function createTorchGenerator(from: number | bigint | RandomState): TorchGenerator {
  const engine =
    typeof from === 'object' ? { words: from.words.slice(), index: from.index } : seedMt19937(from);
  let cachedNormal = typeof from === 'object' ? from.cachedNormal : null;
  /** Most schedulers draw nothing between two steps, and each step's state is told. */
  let copy: RandomState | undefined;

  /** In [0, 1), 24 bits. */
  const uniform = () => (nextUint32(engine) & 0xffffff) / 2 ** 24;
  /** In [0, 1), 53 bits, the first word above the second. */
  const uniformDouble = () => {
    const high = nextUint32(engine) & 0x1fffff;
    return (high * 2 ** 32 + nextUint32(engine)) / 2 ** 53;
  };

  /** Double-precision Box–Muller; the second of each pair is kept for the next call. */
  const normal = () => {
    if (cachedNormal !== null) {
      const value = cachedNormal;
      cachedNormal = null;
      return value;
    }
    const theta = 2 * Math.PI * uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-uniformDouble()));
    cachedNormal = radius * Math.sin(theta);
    return radius * Math.cos(theta);
  };

  return {
    randn(out) {
      copy = undefined;
      const { length } = out;
      if (length < BLOCK) {
        for (let i = 0; i < length; i++) out[i] = normal();
        return;
      }
      for (let i = 0; i < length; i++) out[i] = uniform();
      for (let i = 0; i + BLOCK <= length; i += BLOCK) boxMuller(out, i);
      if (length % BLOCK !== 0) {
        // Torch draws the last sixteen again, over the end of the block before.
        const tail = length - BLOCK;
        for (let i = tail; i < length; i++) out[i] = uniform();
        boxMuller(out, tail);
      }
    },
    state: () => (copy ??= { words: engine.words.slice(), index: engine.index, cachedNormal }),
  };
}

/** Turns sixteen uniforms into normals in place, in float32: the first eight are radii. */
function boxMuller(data: Float32Array, start: number): void {
  for (let i = start; i < start + BLOCK / 2; i++) {
    // [0, 1) → (0, 1], so that the logarithm is finite.
    const radius = f32(Math.sqrt(f32(-2 * f32(Math.log(1 - data[i]!)))));
    const theta = f32(TWO_PI * data[i + BLOCK / 2]!);
    data[i] = radius * f32(Math.cos(theta));
    data[i + BLOCK / 2] = radius * f32(Math.sin(theta));
  }
}
