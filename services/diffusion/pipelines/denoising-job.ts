import { ModelError } from '../model-error.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import type { Conditioning } from './conditioning.ts';
import type { RunState } from './run-state.ts';
import type { SampleDims, UnetShape } from './unet.ts';

/**
 * The denoising of one picture, advanced by one model call at a time by whoever runs the model: for
 * this picture alone, or in one run with others. For each call: give the model `timestep` and what
 * `writeSample` writes, then hand its output to `accept`.
 */
export type DenoisingJob = {
  /** The same for every call of the job. */
  readonly shape: UnetShape;
  /** What the model is told at the next call; undefined: no call is left. */
  readonly timestep: number | undefined;
  /** [C, H, W]; the picture's, once no call is left. */
  readonly latents: Float32Array;
  /** Writes the samples of the next call, [samples, C, H, W] of `shape.input`. */
  writeSample(out: Float32Array): void;
  /**
   * Takes the model's output for the samples written last, [samples, C, H, W] of `shape.output`, and
   * writes over it. Some schedulers call the model more than once a step.
   *
   * @returns whether a step has ended, so that there is a state to go on from
   * @throws ModelError where the output is not finite
   */
  accept(output: Float32Array): boolean;
  /** All that is needed to go on from the end of the last step, as a copy. */
  state(): RunState;
};

export type DenoisingRun = {
  scheduler: Scheduler;
  /** Steps that the request asks for. */
  steps: number;
  random: TorchGenerator;
  conditioning: Conditioning;
  dims: SampleDims;
  /** Noise of the scheduler's deviation, or the latents of the state to go on from. */
  latents: Float32Array;
  /** Steps that are done. */
  step: number;
};

export function createDenoisingJob(run: DenoisingRun): DenoisingJob {
  const { scheduler, steps, random, conditioning, dims, latents } = run;
  const { guidanceScale, inputs } = conditioning;
  const samples = guidanceScale === undefined ? 1 : 2;
  const size = latents.length;
  const calls = scheduler.timesteps.length;
  let step = run.step;
  let call = step;

  return {
    shape: { samples, input: dims, output: dims, conditioning: inputs },
    latents,
    get timestep() {
      return call < calls ? scheduler.timesteps[call] : undefined;
    },
    writeSample(out) {
      scheduler.scaleModelInput(call, latents, samples === 1 ? out : out.subarray(0, size));
      if (samples === 2) out.copyWithin(size, 0, size);
    },
    accept(output) {
      if (guidanceScale !== undefined) {
        for (let i = 0; i < size; i++) {
          const unconditional = output[i]!;
          output[i] = unconditional + guidanceScale * (output[i + size]! - unconditional);
        }
      }
      scheduler.step(call, samples === 1 ? output : output.subarray(0, size), latents);
      call += 1;
      step += 1;
      checkFinite(latents, `after step ${step} of ${steps}`);
      return true;
    },
    state: () => ({
      step,
      steps,
      latents: latents.slice(),
      random: random.state(),
      history: scheduler.history(),
    }),
  };
}

/** @throws ModelError where there is NaN or infinity among the values */
export function checkFinite(values: Float32Array, where: string): void {
  if (isFiniteThroughout(values)) return;
  throw new ModelError(
    'The model gave values that are not numbers',
    `NaN or infinity ${where}`,
    'Use a float32 export of the model, a lower guidance scale, or a scheduler that fits its prediction type',
  );
}

export function isFiniteThroughout(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Number.isFinite(sum);
}
