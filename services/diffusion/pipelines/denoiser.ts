import type { InferenceSession, Tensor } from '../onnx/runtime.ts';
import {
  createFloatTensor,
  createTensor,
  inputsByName,
  outputNamed,
  type TensorMetadata,
} from '../onnx/tensors.ts';

/** What is fixed for one picture. */
export type DenoiserRun = {
  /** [1, C, H, W] of the latents. */
  dims: readonly [1, number, number, number];
  /** [2, tokens, width] as [unconditional, conditional] with guidance, else [1, tokens, width]. */
  embeddings: Tensor;
  /** Absent: no classifier-free guidance, one sample a run. */
  guidanceScale?: number | undefined;
};

/** One picture's predictions; buffers are made once and used at every step. */
export type Denoiser = {
  /** Write the scaled latents here before `predict`, [C·H·W]. */
  readonly input: Float32Array;
  /** The guided model output; the array is the same at every call. */
  predict(timestep: number): Promise<Float32Array>;
};

/** The UNet's inputs and output, checked once. */
export type UnetInterface = {
  inputs: Record<'sample' | 'timestep' | 'encoder_hidden_states', TensorMetadata>;
  output: TensorMetadata;
};

export function unetInterface(session: InferenceSession): UnetInterface {
  return {
    inputs: inputsByName('UNet', session, ['sample', 'timestep', 'encoder_hidden_states']),
    output: outputNamed(session, 'out_sample'),
  };
}

export function createDenoiser(
  session: InferenceSession,
  { inputs, output }: UnetInterface,
  run: DenoiserRun,
): Denoiser {
  const { guidanceScale } = run;
  const [, ...picture] = run.dims;
  const size = picture.reduce((product, dim) => product * dim, 1);
  const batch = guidanceScale === undefined ? 1 : 2;
  const sample = createFloatTensor(inputs.sample, [batch, ...picture]);
  const predicted = createFloatTensor(output, [batch, ...picture]);
  const guided = guidanceScale === undefined ? predicted.values : new Float32Array(size);
  // Exporters disagree: a scalar, or one timestep for each sample.
  const timestepDims = inputs.timestep.shape.length === 0 ? [] : [batch];
  const fetches = { [output.name]: predicted.tensor };

  return {
    input: sample.values.subarray(0, size),
    async predict(timestep) {
      if (batch === 2) sample.values.copyWithin(size, 0, size);
      sample.push();
      const timesteps = timestepDims.length === 0 ? [timestep] : Array(batch).fill(timestep);
      const feeds = {
        sample: sample.tensor,
        timestep: createTensor(inputs.timestep, timestepDims, timesteps),
        encoder_hidden_states: run.embeddings,
      };
      await session.run(feeds, fetches);
      predicted.pull();
      if (guidanceScale !== undefined) {
        const { values } = predicted;
        for (let i = 0; i < size; i++) {
          const unconditional = values[i]!;
          guided[i] = unconditional + guidanceScale * (values[i + size]! - unconditional);
        }
      }
      return guided;
    },
  };
}
