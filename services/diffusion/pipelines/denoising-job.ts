import { ModelError } from '../model-error.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { predictedOriginal } from '../schedulers/predicted-original.ts';
import type { PredictionType } from '../schedulers/prediction.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import type { Conditioning } from './conditioning.ts';
import { checkFinite } from './finite.ts';
import type { InitialLatents } from './initial-latents.ts';
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
   * writes over it.
   *
   * @throws ModelError where the output is not finite
   */
  accept(output: Float32Array): void;
  /** All that is needed to go on from the last call, as a copy. */
  state(): RunState;
};

export type DenoisingRun = {
  scheduler: Scheduler;
  random: TorchGenerator;
  conditioning: Conditioning;
  dims: SampleDims;
  initial: InitialLatents;
  /** What the model predicts, where states are to have `predicted`. */
  predicts?: PredictionType | undefined;
  /** To go on from. */
  resume?: RunState | undefined;
};

export function createDenoisingJob(run: DenoisingRun): DenoisingJob {
  const { scheduler, random, conditioning, dims } = run;
  const { latents, kept, channels } = run.initial;
  const { guidanceScale, inputs } = conditioning;
  const samples = guidanceScale === undefined ? 1 : 2;
  const size = latents.length;
  const area = dims[1] * dims[2];
  const extra = channels?.length ?? 0;
  const { timesteps, begin } = scheduler;
  /** Of this run: with strength, not from the first on. */
  const calls = timesteps.length - begin;
  const noised = kept && new Float32Array(size);
  let call = begin;
  let predicted: Float32Array | undefined;
  if (run.resume !== undefined) {
    checkFits(run.resume, calls, size);
    call = begin + run.resume.step;
    latents.set(run.resume.latents);
    scheduler.restore(run.resume.history);
  }

  /** Puts back what the mask keeps, under as much noise as the next call expects. */
  function keep(): void {
    if (kept === undefined || noised === undefined) return;
    const isLast = call === timesteps.length;
    if (!isLast) scheduler.addNoise(kept.original, kept.noise, call, noised);
    const from = isLast ? kept.original : noised;
    for (let i = 0; i < size; i++) if (kept.isKept[i % area] === 1) latents[i] = from[i]!;
  }

  return {
    shape: {
      samples,
      input: [dims[0] + extra / area, dims[1], dims[2]],
      output: dims,
      conditioning: inputs,
    },
    latents,
    get timestep() {
      return timesteps[call];
    },
    writeSample(out) {
      const first = samples === 1 && extra === 0 ? out : out.subarray(0, size);
      scheduler.scaleModelInput(call, latents, first);
      if (channels !== undefined) out.set(channels, size);
      if (samples === 2) out.copyWithin(size + extra, 0, size + extra);
    },
    accept(output) {
      if (guidanceScale !== undefined) {
        for (let i = 0; i < size; i++) {
          const unconditional = output[i]!;
          output[i] = unconditional + guidanceScale * (output[i + size]! - unconditional);
        }
      }
      const modelOutput = samples === 1 ? output : output.subarray(0, size);
      if (run.predicts !== undefined) {
        const from = { sample: latents, modelOutput };
        predicted = predictedOriginal(scheduler, run.predicts, call, from);
      }
      scheduler.step(call, modelOutput, latents);
      call += 1;
      keep();
      checkFinite(latents, `after step ${call - begin} of ${calls}`);
    },
    state: () => ({
      step: call - begin,
      steps: calls,
      latents: latents.slice(),
      ...(predicted && { predicted }),
      random: random.state(),
      history: scheduler.history(),
    }),
  };
}

function checkFits(state: RunState, calls: number, size: number): void {
  if (state.steps === calls && state.step <= calls && state.latents.length === size) return;
  throw new ModelError(
    'The run cannot go on from this state',
    `it was taken at step ${state.step} of ${state.steps} with ${state.latents.length} latents, and the request has ${calls} steps and ${size} latents`,
    'Resume with the request that the state was taken from',
  );
}
