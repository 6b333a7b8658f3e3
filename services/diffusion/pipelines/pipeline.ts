import type { SchedulerUsed } from '../schedulers/create-scheduler.ts';
import type { Cut } from '../tokenizer/clip-tokenizer.ts';
import type { LatentRgb } from './latent-rgb.ts';
import type { RunState } from './run-state.ts';

/** What a picture is made from beside the prompt: nothing, a picture, or a picture and a mask. */
export type Task = 'text-to-image' | 'image-to-image' | 'inpainting';

/** What the engine needs for one picture. Scheduler names are the catalogue's. */
export type PictureRequest = {
  prompt: string;
  /** Empty: none. Families that have an embedding for "no prompt" take that. */
  negativePrompt: string;
  /**
   * What becomes of a prompt that is longer than the text encoder takes: cut off, which is told, or
   * encoded in chunks whose embeddings are put behind each other, up to 8 of them.
   */
  longPrompt?: 'truncate' | 'chunks' | undefined;
  /** Seeds PyTorch's CPU generator: 0 to 2^64-1, a bigint above 2^53-1. */
  seed: number | bigint;
  steps: number;
  /** Classifier-free guidance; 1 or less runs without it. */
  guidanceScale: number;
  /** Absent: the class that `scheduler_config.json` names. */
  scheduler?: string | undefined;
  karras?: boolean | undefined;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** The picture to start from, RGB, [3, height, width] in −1 to 1. */
  initImage?: Float32Array | undefined;
  /** What of it to paint anew: [1, height, width], 0.5 to 1; what is below stays. */
  mask?: Float32Array | undefined;
  /**
   * Above 0, at most 1: share of the steps that are taken, the last ones. At 1 nothing of the picture
   * is left but what the mask keeps. Absent: the default of diffusers' pipeline of this family.
   */
  strength?: number | undefined;
};

export type Picture = {
  /** PNG file, RGB, 8 bit. */
  png: Uint8Array;
  width: number;
  height: number;
  /** The prompts that are longer than the text encoder takes. */
  truncated: Truncation[];
};

/** A prompt of which only the beginning was used, with what was not. */
export type Truncation = Cut & { field: 'prompt' | 'negativePrompt' };

export type GenerateOptions = {
  /** Called after each model call with all that is needed to go on from there. */
  onStep?: (state: RunState) => void;
  /** Whether the states that `onStep` gets have `predicted`. */
  previews?: boolean | undefined;
  /** Looked at between model calls; an aborted run rejects with `signal.reason`. */
  signal?: AbortSignal;
  /** Goes on after the call that this state was taken at, to the same bits. */
  resume?: RunState;
};

/** A model that is loaded. Runs may overlap; the runtime computes one call at a time. */
export type Pipeline = {
  generate(request: PictureRequest, options?: GenerateOptions): Promise<Picture>;
  /** The decoder's pixels before they are clamped, [3, height, width]. */
  decode(request: PictureRequest, options?: GenerateOptions): Promise<Float32Array>;
  /** Whether the VAE decodes this picture in tiles, for a record of how it is made. */
  usesTiles(request: PictureRequest): boolean;
  /** How latents on the way are seen, see `latentPreview`; undefined where that is not known. */
  readonly latentRgb: LatentRgb | undefined;
  /**
   * The scheduler that a request runs with, for a record of how its picture is made.
   * @throws ModelError where it cannot be used
   */
  schedulerOf(request: PictureRequest): SchedulerUsed;
  /** Makes a small picture of one step and throws it away, so that every network has run once. */
  warmUp(): Promise<void>;
  /** Frees the sessions' memory. */
  release(): Promise<void>;
};
