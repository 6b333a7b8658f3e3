import type { Family } from '../families/family.ts';
import { ModelError } from '../model-error.ts';
import type { ModelConfigs } from '../model-folder/model-configs.ts';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler } from '../schedulers/create-scheduler.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import type { Conditioner } from './conditioning.ts';
import { checkFinite, createDenoisingJob, type DenoisingJob } from './denoising-job.ts';
import type { LatentDecoder } from './latent-decoder.ts';
import { checkPictureSize, type PictureSizes } from './picture-size.ts';
import type { GenerateOptions, Picture, PictureRequest, Pipeline } from './pipeline.ts';
import { encodePng } from './png.ts';
import type { RunState } from './run-state.ts';
import { createStepBatcher } from './step-batcher.ts';
import type { SampleDims, Unet } from './unet.ts';

/** A loaded model, its parts checked against each other. */
export type Model = {
  family: Family;
  configs: ModelConfigs;
  /** The first tells what was cut off a prompt. */
  tokenizers: readonly ClipTokenizer[];
  conditioner: Conditioner;
  unet: Unet;
  decoder: LatentDecoder;
  latentChannels: number;
  /** Pixels a side for one latent. */
  vaeScaleFactor: number;
  sizes: PictureSizes;
  release(): Promise<void>;
};

/** The stages of diffusers' Stable Diffusion pipelines, the same for every family. */
export function createPipeline(model: Model): Pipeline {
  const { conditioner, decoder } = model;
  const batcher = createStepBatcher(model.unet);

  /** Everything before the first model call. */
  async function prepare(request: PictureRequest, resume?: RunState): Promise<DenoisingJob> {
    // 1. Check inputs
    checkPictureSize(model.sizes, request);
    const dims: SampleDims = [
      model.latentChannels,
      request.height / model.vaeScaleFactor,
      request.width / model.vaeScaleFactor,
    ];
    const size = dims[0] * dims[1] * dims[2];
    if (resume !== undefined) checkFits(resume, request.steps, size);

    // 2. Encode the prompt
    const conditioning = await conditioner.condition(request);

    // 3. Prepare timesteps
    const random = createTorchGenerator(resume?.random ?? request.seed);
    const { scheduler: name, karras, steps } = request;
    const settings = { ...model.configs.scheduler, ...model.family.schedulerSettings() };
    const scheduler = createScheduler(settings, { name, karras, steps, random });

    // 4. Prepare latents
    const latents = new Float32Array(size);
    if (resume === undefined) {
      random.randn(latents);
      for (let i = 0; i < size; i++) latents[i] = latents[i]! * scheduler.initialNoiseSigma;
    } else {
      latents.set(resume.latents);
      scheduler.restore(resume.history);
    }
    const step = resume?.step ?? 0;
    return createDenoisingJob({ scheduler, steps, random, conditioning, dims, latents, step });
  }

  async function decode(
    request: PictureRequest,
    { onStep, signal, resume }: GenerateOptions = {},
  ): Promise<Float32Array> {
    signal?.throwIfAborted();
    const job = await prepare(request, resume);

    // 5. Denoise, together with whoever else is at it. The runtime waits for the event loop before
    // each run, so signals and messages are seen between calls.
    await batcher.denoise(job, { onStep, signal });

    // 6. Decode
    signal?.throwIfAborted();
    const pixels = await decoder.decode(job.latents, job.shape.output);
    checkFinite(pixels, 'in the decoded picture');
    return pixels;
  }

  function truncated(request: PictureRequest): Picture['truncated'] {
    return conditioner.fields(request).flatMap((field) => {
      const cut = model.tokenizers[0]?.cut(request[field]);
      return cut === undefined ? [] : { field, ...cut };
    });
  }

  return {
    decode,
    async generate(request, options): Promise<Picture> {
      const { width, height } = request;
      const pixels = await decode(request, options);
      const png = encodePng(pixels, width, height);
      return { png, width, height, truncated: truncated(request) };
    },
    release: () => model.release(),
  };
}

function checkFits(state: RunState, steps: number, size: number): void {
  if (state.steps === steps && state.step <= steps && state.latents.length === size) return;
  throw new ModelError(
    'The run cannot go on from this state',
    `it was taken at step ${state.step} of ${state.steps} with ${state.latents.length} latents, and the request has ${steps} steps and ${size} latents`,
    'Resume with the request that the state was taken from',
  );
}
