import type { Family } from '../families/family.ts';
import type { ModelConfigs } from '../model-folder/model-configs.ts';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler, resolveScheduler } from '../schedulers/create-scheduler.ts';
import { predictionTypeOf } from '../schedulers/predicted-original.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import type { Conditioner } from './conditioning.ts';
import { createDenoisingJob, type DenoisingJob } from './denoising-job.ts';
import { imageToImage, inpainting, type Start, textToImage } from './initial-latents.ts';
import type { LatentDecoder } from './latent-decoder.ts';
import type { LatentEncoder } from './latent-encoder.ts';
import { latentRgbOf } from './latent-rgb.ts';
import { checkPictureSize, type PictureSizes, type Size } from './picture-size.ts';
import type { GenerateOptions, Picture, PictureRequest, Pipeline, Task } from './pipeline.ts';
import { encodePng } from './png.ts';
import { mostChunks } from './prompt-chunks.ts';
import { createStepBatcher } from './step-batcher.ts';
import { checkTask, taskOf } from './task.ts';
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
  /** Loads the encoder the first time. */
  encoder(task: Task): Promise<LatentEncoder>;
  latentChannels: number;
  /** Whether the UNet takes picture and mask as channels. */
  isInpainting: boolean;
  /** Pixels a side for one latent. */
  vaeScaleFactor: number;
  sizes: PictureSizes;
  /** @throws OverBudget where a picture of this size would be refused the memory for it */
  checkRoom(samples: number, size: Size): void;
  /** Keeps the UNet in memory for the calls of a picture. */
  holdUnet<T>(samples: number, size: Size, task: () => Promise<T>): Promise<T>;
  /** The same for its decoding. */
  holdDecoder<T>(size: Size, task: () => Promise<T>): Promise<T>;
  release(): Promise<void>;
};

/** The stages of diffusers' Stable Diffusion pipelines, the same for every family. */
export function createPipeline(model: Model): Pipeline {
  const { family, conditioner, decoder } = model;
  const batcher = createStepBatcher(model.unet);

  const schedulerConfig = (task: Task) => ({
    ...model.configs.scheduler,
    ...family.schedulerSettings(task),
  });

  async function prepare(
    asked: PictureRequest,
    { resume, previews = false }: Pick<GenerateOptions, 'resume' | 'previews'>,
  ): Promise<DenoisingJob> {
    // 1. Check inputs
    checkPictureSize(model.sizes, asked);
    const task = taskOf(asked);
    checkTask(asked, model.isInpainting);
    const request =
      task === 'text-to-image'
        ? { ...asked, strength: undefined }
        : { ...asked, strength: asked.strength ?? family.strength[task] };
    const dims: SampleDims = [
      model.latentChannels,
      request.height / model.vaeScaleFactor,
      request.width / model.vaeScaleFactor,
    ];

    // 2. Encode the prompt
    const conditioning = await conditioner.condition(request);

    // 3. Prepare timesteps. What a run that goes on begins with is drawn from the seed once more; what
    // its steps draw goes on from the state.
    const fresh = createTorchGenerator(request.seed);
    const random = resume === undefined ? fresh : createTorchGenerator(resume.random);
    const { scheduler: name, karras, steps, strength } = request;
    const spreadsSteps = family.spreadsSteps(task);
    const choice = { name, karras, steps, strength, spreadsSteps, random };
    const config = schedulerConfig(task);
    const scheduler = createScheduler(config, choice);

    // 4. Prepare latents
    const start: Start = { request, scheduler, random: fresh, dims };
    const initial =
      task === 'text-to-image'
        ? textToImage(start)
        : task === 'image-to-image'
          ? await imageToImage(start, await model.encoder(task))
          : await inpainting(start, await model.encoder(task), model.isInpainting);
    const used = previews ? resolveScheduler(config, { name, karras }) : undefined;
    const predicts = used && predictionTypeOf(used.config);
    return createDenoisingJob({
      scheduler,
      random,
      conditioning,
      dims,
      initial,
      predicts,
      resume,
    });
  }

  /** @param finish what is made of the pixels, before the next run begins */
  async function make<T>(
    request: PictureRequest,
    { onStep, signal, ...options }: GenerateOptions = {},
    finish: (pixels: Float32Array) => T,
  ): Promise<T> {
    signal?.throwIfAborted();
    const job = await prepare(request, options);

    // 5. Denoise, together with whoever else is at it. The runtime waits for the event loop before
    // each run, so signals and messages are seen between calls.
    const { samples } = job.shape;
    model.checkRoom(samples, request);
    await model.holdUnet(samples, request, () => batcher.denoise(job, { onStep, signal }));

    // 6. Decode
    signal?.throwIfAborted();
    return await model.holdDecoder(request, async () =>
      finish(await decoder.decode(job.latents, job.shape.output, request, signal)),
    );
  }

  function truncated(request: PictureRequest): Picture['truncated'] {
    return conditioner.fields(request).flatMap((field) => {
      const cut = model.tokenizers[0]?.cut(request[field], mostChunks(request));
      return cut === undefined ? [] : { field, ...cut };
    });
  }

  return {
    decode: (request, options) => make(request, options, (pixels) => pixels),
    generate: (request, options) =>
      make(request, options, (pixels): Picture => {
        const { width, height } = request;
        const png = encodePng(pixels, width, height);
        return { png, width, height, truncated: truncated(request) };
      }),
    usesTiles: decoder.usesTiles,
    latentRgb: latentRgbOf(family, model.configs.vae, model.latentChannels),
    schedulerOf: (request) => {
      const { scheduler: name, karras } = request;
      return resolveScheduler(schedulerConfig(taskOf(request)), { name, karras });
    },
    async warmUp() {
      await make(smallestPicture(model), {}, () => {});
    },
    release: () => model.release(),
  };
}

/** What every model takes, whatever its own scheduler. */
function smallestPicture({ sizes, isInpainting }: Model): PictureRequest {
  const { multipleOf, fixed } = sizes;
  const [width, height] = [fixed.width ?? multipleOf, fixed.height ?? multipleOf];
  const area = width * height;
  return {
    prompt: '',
    negativePrompt: '',
    seed: 0,
    steps: 1,
    guidanceScale: 1,
    scheduler: 'ddim',
    width,
    height,
    ...(isInpainting && {
      initImage: new Float32Array(3 * area),
      mask: new Float32Array(area).fill(1),
      strength: 1,
    }),
  };
}
