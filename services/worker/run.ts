import { createHash } from 'node:crypto';
import {
  type Progress,
  pictureKey,
  type StoredImage,
  seedAt,
  type Truncation,
  totalSteps,
} from '@darkroom/contract';
import type { RunState } from '@darkroom/diffusion';
import type { GenerationRecord, Ran } from '@darkroom/generations';
import { inSpan, type Spans, traceparentOf, within } from '@darkroom/lifecycle';
import type { Span } from '@opentelemetry/api';
import type { Inference } from './inference/inference-process.ts';
import { stepsDone } from './inference/steps-done.ts';
import type { Inputs } from './inputs.ts';
import { traceSteps } from './trace-steps.ts';

/** A picture with its file, or, where an earlier attempt stored it, without. */
export type MadePicture = StoredImage & { png?: Uint8Array };

/** How far a generation has come: all that is needed to go on from there, here or elsewhere. */
export type Run = {
  /** Those that are done, in order. */
  readonly pictures: MadePicture[];
  /** Of the picture in the making; undefined before its first step. */
  state: RunState | undefined;
  /** Told by the engine with each picture, the same for all. */
  truncated: Truncation[];
  /** By this attempt. */
  ran: Ran;
};

export const newRun = (): Run => ({
  pictures: [],
  state: undefined,
  truncated: [],
  ran: { steps: 0, gpuMs: 0 },
});

/** Steps done over all pictures. */
export const progressOf = ({ pictures, state }: Run, { request }: GenerationRecord): Progress => ({
  step: pictures.length * request.steps + stepsDone(state, request.steps),
  steps: totalSteps(request),
});

/**
 * Makes the pictures that a run lacks, one after another, and keeps the run up to date as it goes;
 * picture i uses the seed that `seedAt` gives.
 *
 * @param options.onStep told after each step; the run shows how far it is
 * @returns milliseconds of this attempt
 * @throws as `Inference.generate`
 */
export async function makePictures(options: {
  inference: Inference;
  record: GenerationRecord;
  /** What `record.request` names. */
  inputs: Inputs;
  run: Run;
  signal: AbortSignal;
  /** Whether `run.state` has `predicted`. */
  previews: boolean;
  onStep: () => void;
  span: Span;
  spans: Spans;
}): Promise<{ modelLoadMs: number; inferenceMs: number }> {
  const { inference, record, inputs, run, signal, previews, onStep, spans } = options;
  const { count, initImage, mask, previews: _, ...request } = record.request;
  const uploads = { initImage, mask };
  const { model, scheduler, steps, width, height } = request;
  const providerOfModel = () =>
    inference.identity().models.find(({ name }) => name === model)?.provider;
  const startPicture = (index: number) => {
    const provider = providerOfModel();
    return spans.startSpan(
      'generate picture',
      {
        attributes: {
          'darkroom.model': model,
          'darkroom.picture': index,
          'darkroom.steps': steps,
          'darkroom.width': width,
          'darkroom.height': height,
          ...(scheduler !== undefined && { 'darkroom.scheduler': scheduler }),
          ...(provider !== undefined && { 'darkroom.provider': provider }),
        },
      },
      within(options.span),
    );
  };
  let modelLoadMs = 0;
  let inferenceMs = 0;
  for (let index = run.pictures.length; index < count; index++) {
    const seed = seedAt(request.seed, index);
    const before = run.ran;
    const startTime = performance.timeOrigin + performance.now();
    const picture = startPicture(index);
    const steps = traceSteps(spans, picture);
    const making = inference.generate(
      { ...request, ...inputs, uploads, seed: BigInt(seed) },
      {
        signal,
        previews,
        traceparent: traceparentOf(picture),
        ...(run.state !== undefined && { resume: run.state }),
        onRan: (ran) => {
          run.ran = { steps: before.steps + ran.steps, gpuMs: before.gpuMs + ran.engineMs };
          steps.ran(ran);
        },
        onStep: (state) => {
          run.state = state;
          onStep();
        },
      },
    );
    const made = await inSpan(picture, () => making);
    if (made.modelLoadMs >= 1) {
      const load = spans.startSpan('load model', { startTime }, within(picture));
      load.end(startTime + made.modelLoadMs);
    }
    const { png, width, height } = made;
    const sha256 = createHash('sha256').update(png).digest('hex');
    const key = pictureKey(record, index, sha256);
    const provider = providerOfModel();
    const image = { key, sha256, width, height, seed, ...(provider !== undefined && { provider }) };
    run.pictures.push({ ...image, png });
    run.state = undefined;
    run.truncated = made.truncated;
    modelLoadMs += made.modelLoadMs;
    inferenceMs += made.inferenceMs;
  }
  return { modelLoadMs, inferenceMs };
}
