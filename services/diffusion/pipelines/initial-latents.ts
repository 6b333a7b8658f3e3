import type { TorchGenerator } from '../random/torch-generator.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import type { LatentEncoder } from './latent-encoder.ts';
import type { PictureRequest } from './pipeline.ts';
import type { SampleDims } from './unet.ts';

/** What stays of the picture that a run starts from, put back after each step. */
export type Kept = {
  /** Of each latent, whether it stays; [H·W], the same for every channel. */
  isKept: Uint8Array;
  /** Latents of the picture, [C, H, W]. */
  original: Float32Array;
  /** The noise of the run, [C, H, W]. */
  noise: Float32Array;
};

export type InitialLatents = {
  latents: Float32Array;
  kept?: Kept;
  /** For models that are told of picture and mask: more channels of every sample, [1 + C, H, W]. */
  channels?: Float32Array;
};

export type Start = {
  request: PictureRequest;
  scheduler: Scheduler;
  random: TorchGenerator;
  dims: SampleDims;
};

/** Noise alone. */
export function textToImage({ scheduler, random, dims }: Start): InitialLatents {
  return { latents: scaledNoise(randn(random, dims), scheduler) };
}

/** Latents of the picture under as much noise as the first call expects. */
export async function imageToImage(start: Start, encoder: LatentEncoder): Promise<InitialLatents> {
  const { request, scheduler, random, dims } = start;
  const latents = await encoder.encode(request.initImage!, dims, random);
  scheduler.addNoise(latents, randn(random, dims), scheduler.begin, latents);
  return { latents };
}

/**
 * The order of the draws is that of diffusers' inpainting pipelines: picture, noise, masked picture.
 *
 * @param isTold whether the model takes picture and mask as channels; else what is to stay is put
 *   back after each step
 */
export async function inpainting(
  start: Start,
  encoder: LatentEncoder,
  isTold: boolean,
): Promise<InitialLatents> {
  const { request, scheduler, random, dims } = start;
  const image = request.initImage!;
  const mask = request.mask!;
  const isAllNoise = request.strength === 1;
  const original = isTold && isAllNoise ? undefined : await encoder.encode(image, dims, random);
  const noise = randn(random, dims);
  const latents = isAllNoise ? scaledNoise(noise, scheduler) : new Float32Array(noise.length);
  if (!isAllNoise) scheduler.addNoise(original!, noise, scheduler.begin, latents);
  const isKept = keptLatents(mask, dims, request.width);
  if (!isTold) {
    encoder.skip(dims, random);
    return { latents, kept: { isKept, original: original!, noise } };
  }
  const area = request.width * request.height;
  const masked = image.map((value, i) => (isPainted(mask[i % area]!) ? 0 : value));
  const around = await encoder.encode(masked, dims, random);
  const channels = new Float32Array(isKept.length + around.length);
  channels.set(isKept.map((kept) => 1 - kept));
  channels.set(around, isKept.length);
  return { latents, channels };
}

const isPainted = (value: number) => value >= 0.5;

/** The mask at the first pixel of each latent, as torch's nearest interpolation takes it. */
function keptLatents(
  mask: Float32Array,
  [, height, width]: SampleDims,
  pixels: number,
): Uint8Array {
  const factor = pixels / width;
  return Uint8Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    return isPainted(mask[y * factor * pixels + x * factor]!) ? 0 : 1;
  });
}

function randn(random: TorchGenerator, [channels, height, width]: SampleDims): Float32Array {
  const noise = new Float32Array(channels * height * width);
  random.randn(noise);
  return noise;
}

const scaledNoise = (noise: Float32Array, { initialNoiseSigma }: Scheduler): Float32Array =>
  initialNoiseSigma === 1 ? noise.slice() : noise.map((value) => value * initialNoiseSigma);
