import type { Family } from '../families/family.ts';
import type { ModelConfigs } from '../model-folder/model-configs.ts';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler, resolveScheduler } from '../schedulers/create-scheduler.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import type { Conditioner } from './conditioning.ts';
import { createDenoisingJob, type DenoisingJob } from './denoising-job.ts';
import { imageToImage, inpainting, type Start, textToImage } from './initial-latents.ts';
import type { LatentDecoder } from './latent-decoder.ts';
import type { LatentEncoder } from './latent-encoder.ts';
import { checkPictureSize, type PictureSizes } from './picture-size.ts';
import type { GenerateOptions, Picture, PictureRequest, Pipeline, Task } from './pipeline.ts';
import { encodePng } from './png.ts';
import type { RunState } from './run-state.ts';
import { createStepBatcher } from './step-batcher.ts';
import { checkTask, taskOf } from './task.ts';
import type { SampleDims, Unet } from './unet.ts';

/** In pixels. */
export type Size = { width: number; height: number };

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

  async function prepare(asked: PictureRequest, resume?: RunState): Promise<DenoisingJob> {
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
    const config = schedulerConfig(task);
    const scheduler = createScheduler(config, { name, karras, steps, strength, random });

    // 4. Prepare latents
    const start: Start = { request, scheduler, random: fresh, dims };
    const initial =
      task === 'text-to-image'
        ? textToImage(start)
        : task === 'image-to-image'
          ? await imageToImage(start, await model.encoder(task))
          : await inpainting(start, await model.encoder(task), model.isInpainting);
    return createDenoisingJob({ scheduler, random, conditioning, dims, initial, resume });
  }

  async function decode(
    request: PictureRequest,
    { onStep, signal, resume }: GenerateOptions = {},
  ): Promise<Float32Array> {
    signal?.throwIfAborted();
    const job = await prepare(request, resume);

    // 5. Denoise, together with whoever else is at it. The runtime waits for the event loop before
    // each run, so signals and messages are seen between calls.
    const { samples } = job.shape;
    model.checkRoom(samples, request);
    await model.holdUnet(samples, request, () => batcher.denoise(job, { onStep, signal }));

    // 6. Decode
    signal?.throwIfAborted();
    return await model.holdDecoder(request, () =>
      decoder.decode(job.latents, job.shape.output, request),
    );
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
    schedulerOf: (request) => {
      const { scheduler: name, karras } = request;
      return resolveScheduler(schedulerConfig(taskOf(request)), { name, karras });
    },
    release: () => model.release(),
  };
}
