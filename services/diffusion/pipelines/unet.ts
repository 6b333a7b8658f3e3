import { ModelError } from '../model-error.ts';
import { axisOf, inputsByName, mainOutput, type Network } from '../onnx/network.ts';
import { createFloatTensor, createTensor } from '../onnx/tensors.ts';
import type { ConditioningInput } from './conditioning.ts';

/** [C, H, W] of one sample. */
export type SampleDims = readonly [channels: number, height: number, width: number];

/** Calls of one shape: the memory is made once and used at every call. */
export type UnetCalls = {
  /** Write the scaled latents here before a call, [samples, C, H, W]. */
  readonly sample: Float32Array;
  /** What the last call gave, [samples, C, H, W]; it may be written over. */
  readonly output: Float32Array;
  /** @param timesteps one for each sample; all the same where the network takes but one */
  run(timesteps: readonly number[]): Promise<void>;
};

export type UnetShape = {
  samples: number;
  /** What the network takes: with masks, more channels than it gives. */
  input: SampleDims;
  output: SampleDims;
  /** The inputs beside sample and timestep. */
  conditioning: Readonly<Record<string, ConditioningInput>>;
};

export type Unet = {
  /** Of what it takes: float32 or float16. */
  readonly type: string;
  /** Of one sample, each undefined where the network takes any. */
  readonly takes: readonly (number | undefined)[];
  /** Samples a call; undefined: any number. */
  readonly samples: number | undefined;
  /** Else all samples of a call have the same timestep. */
  readonly hasTimestepPerSample: boolean;
  /** Channels of its output; undefined where the exporter did not say. */
  readonly gives: number | undefined;
  /** @throws ModelError where the network was exported for another number of samples */
  open(shape: UnetShape): UnetCalls;
};

/**
 * @param conditioning names of the inputs beside sample and timestep
 * @throws ModelError where the network's inputs are others
 */
export function createUnet(network: Network, conditioning: readonly string[]): Unet {
  const inputs = inputsByName(network, ['sample', 'timestep', ...conditioning]);
  const [sampleInput, timestepInput] = [inputs.sample!, inputs.timestep!];
  const output = mainOutput(network, 'out_sample');

  const fixed = axisOf(sampleInput, 0);
  // Exporters disagree: a scalar, or one timestep for each sample.
  const isPerSample = timestepInput.shape.length > 0;

  return {
    type: sampleInput.type,
    takes: [1, 2, 3].map((axis) => axisOf(sampleInput, axis)),
    gives: axisOf(output, 1),
    samples: fixed,
    hasTimestepPerSample: isPerSample,
    open(shape) {
      const { samples } = shape;
      if (fixed !== undefined && fixed !== samples) {
        throw new ModelError(
          `${network.file} cannot make this picture`,
          `it was exported for ${fixed} samples a call, and ${samples} are needed`,
          'Export it with a dynamic batch axis',
        );
      }
      const sample = createFloatTensor(sampleInput, [samples, ...shape.input]);
      const predicted = createFloatTensor(output, [samples, ...shape.output]);
      const fetches = { [output.name]: predicted.tensor };
      const constant = Object.entries(shape.conditioning).map(([name, { values, dims }]) => {
        return [name, createTensor(inputs[name]!, dims, values)] as const;
      });
      const feeds = { sample: sample.tensor, ...Object.fromEntries(constant) };
      return {
        sample: sample.values,
        output: predicted.values,
        async run(timesteps) {
          sample.push();
          const time = isPerSample
            ? createTensor(timestepInput, [samples], timesteps)
            : createTensor(timestepInput, [], timesteps.slice(0, 1));
          await network.session.run({ ...feeds, timestep: time }, fetches);
          predicted.pull();
        },
      };
    },
  };
}
