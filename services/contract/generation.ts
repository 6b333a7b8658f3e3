import { z } from 'zod';
import { modelName } from './catalogue.ts';
import { failureCode } from './errors.ts';
import { inputObject } from './readable-issues.ts';
import { schedulerName } from './schedulers.ts';
import { seed, seedInput } from './seed.ts';
import { generationState } from './states.ts';
import { pictureInput, uploadReference } from './uploads.ts';

const text = z
  .string()
  .refine((value) => !value.includes('\0'), 'must not contain null bytes')
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');

/**
 * What a caller may send to `generations.create`. Bounds that depend on the model (steps, sizes,
 * count, prompt length) are checked against the catalogue by `resolveRequest`.
 */
export const generationInput = inputObject({
  /** A name of the catalogue. Absent: its first model. */
  model: z.string().optional(),
  prompt: text.refine((value) => value.trim() !== '', 'must not be empty'),
  negativePrompt: text.optional(),
  /**
   * What becomes of prompts that are longer than the model's text encoder takes, 75 tokens for CLIP:
   * `truncate` uses the beginning and tells the rest in `truncated`; `chunks` encodes as many tokens at a
   * time, puts the embeddings behind each other, and truncates after 8 chunks. Absent: truncate.
   */
  longPrompt: z.enum(['truncate', 'chunks']).optional(),
  /**
   * 0 to 2^64-1; a decimal string above 2^53-1. Absent or -1: drawn at random. Picture i uses seed + i,
   * each with its own generator, which as torch's takes the low 32 bits.
   */
  seed: seedInput.optional(),
  steps: z.int().min(1).optional(),
  guidanceScale: z.number().min(0).optional(),
  scheduler: schedulerName.optional(),
  /** Karras noise schedule, where the scheduler has one (euler, dpmpp-2m). */
  karras: z.boolean().optional(),
  /** In pixels. */
  width: z.int().min(1).optional(),
  /** In pixels. */
  height: z.int().min(1).optional(),
  /** Pictures per request. */
  count: z.int().min(1).optional(),
  /**
   * The picture to start from: an upload, or a small file as base64. Turned upright by its EXIF
   * orientation, laid over white and stretched to `width` and `height`.
   */
  initImage: pictureInput.optional(),
  /**
   * What of `initImage` to paint anew: white; black stays, and so does what is transparent. Turned by
   * its own EXIF orientation, and stretched as `initImage`.
   */
  mask: pictureInput.optional(),
  /**
   * Above 0, at most 1: the share of the steps that are run, the last ones; how little of `initImage` is
   * left. Absent: what diffusers' pipeline of the model's family takes.
   */
  strength: z.number().gt(0).max(1).optional(),
  /** Whether `watch` shows small, rough pictures of how it comes along; see `preview`. */
  previews: z.boolean().optional(),
  /** Repeating a create with the same key and body returns the same generation. */
  idempotencyKey: text.min(1).max(255).optional(),
  /**
   * RFC 3339, in the future. What no worker has begun by then fails as EXPIRED; what one is at may still succeed,
   * and fails should that worker be lost.
   */
  deadline: z.iso.datetime({ offset: true }).optional(),
  /** Told at the generation's end, in the form of Standard Webhooks; https, and a public address. */
  webhook: inputObject({ url: text.max(2_000) }).optional(),
});
export type GenerationInput = z.infer<typeof generationInput>;

/** A request with every choice made; what the record keeps and the engine runs. */
export const generationRequest = z.object({
  model: modelName,
  prompt: z.string(),
  negativePrompt: z.string(),
  /** Absent: truncate. */
  longPrompt: z.literal('chunks').optional(),
  seed,
  steps: z.int(),
  guidanceScale: z.number(),
  scheduler: schedulerName.optional(),
  karras: z.boolean().optional(),
  width: z.int(),
  height: z.int(),
  count: z.int(),
  initImage: uploadReference.optional(),
  mask: uploadReference.optional(),
  strength: z.number().optional(),
  /** Absent: none. */
  previews: z.literal(true).optional(),
});
export type GenerationRequest = z.infer<typeof generationRequest>;

/** Denoising steps of all pictures of a request. */
export const totalSteps = ({ steps, count }: Pick<GenerationRequest, 'steps' | 'count'>): number =>
  steps * count;

export const progress = z.object({
  /**
   * Steps done over all pictures of the request. Where a strength leaves steps out, those that are run
   * count for all, so that the last is always at `steps`.
   */
  step: z.int(),
  /** All that are to be done; see `totalSteps`. */
  steps: z.int(),
});
export type Progress = z.infer<typeof progress>;

/** How a picture looks on the way: small, rough, kept nowhere, and lost where there is no time for it. */
export const preview = z.object({
  /** Which of the request's pictures, from 0. */
  index: z.int(),
  /** Steps done over all pictures when it was taken, as `progress.step`. */
  step: z.int(),
  /** JPEG as `data:image/jpeg;base64,…`: 128 pixels a side at most, one for each latent. */
  url: z.string().max(65_536),
});
export type Preview = z.infer<typeof preview>;

/** A finished picture as the record names it. */
export const storedImage = z.object({
  /** In the object store; see `pictureKey`. */
  key: z.string(),
  sha256: z.string(),
  width: z.int(),
  height: z.int(),
  seed,
  /**
   * The runtime's provider that was seen to compute the model: `cpu`, `cuda`, `webgpu`. Absent where an
   * earlier release has made the picture.
   */
  provider: z.string().optional(),
});
export type StoredImage = z.infer<typeof storedImage>;

/** A finished picture as callers see it. */
const image = storedImage.omit({ key: true }).extend({
  /** A path on the frontend; fetched under the caller's own `Authorization` header. */
  url: z.string(),
});
export type Image = z.infer<typeof image>;

/** Milliseconds; null until known. */
const timings = z.object({
  queuedMs: z.number().nullable(),
  modelLoadMs: z.number().nullable(),
  inferenceMs: z.number().nullable(),
  storeMs: z.number().nullable(),
});
export type Timings = z.infer<typeof timings>;

/** How far the notice of a generation's end has come. */
const webhookStatus = z.object({
  /** `waiting` for the generation's end, then `pending` until `delivered` or given up (`failed`). */
  state: z.enum(['waiting', 'pending', 'delivered', 'failed']),
  attempts: z.int(),
  /** HTTP status of the last answer; null where none came. */
  lastStatus: z.int().nullable(),
  lastError: z.string().nullable(),
  /** When it is tried next, while pending. */
  nextAt: z.iso.datetime().nullable(),
});
export type WebhookStatus = z.infer<typeof webhookStatus>;

/** What a canceled generation has cost, and what its cancel has saved. */
const receipt = z.object({
  /** Denoising steps run, over all attempts. */
  stepsRun: z.int(),
  /** Steps that were left to run. */
  stepsSpared: z.int(),
  /** Milliseconds of the engine, over all attempts. */
  gpuMs: z.number(),
  /** The spared steps at what a step of this generation has cost; null where none was run. */
  gpuMsSpared: z.number().nullable(),
});
export type Receipt = z.infer<typeof receipt>;

/** An attempt that was lost with its worker or its engine. */
const evidence = z.object({
  attempt: z.int(),
  at: z.iso.datetime(),
  cause: z.enum([
    /** Its inference processes died of it, one after another. */
    'engine-died',
    /** The worker was silent until its lease ended: killed, hung or cut off. */
    'lease-ended',
    /** Written by earlier releases only: the broker had delivered the worker's message again. */
    'redelivered',
  ]),
});
export type Evidence = z.infer<typeof evidence>;

/** The same with what names hosts and shows the engine's output, for operators: `system.evidence`. */
export type EvidenceDetail = Evidence & {
  /** Its name, with host and process id. */
  worker: string;
  /** The end of the last inference process's stderr; null where no worker was left to send it. */
  lastWords: string | null;
};

/** Why a queued generation has not begun, and when it may. */
const waiting = z.object({
  /** Generations of the same model that are ahead; 0 is the next one. */
  position: z.int(),
  reason: z.enum([
    /** The model's workers are at others that came before. */
    'no-capacity',
    /** No worker for the model has been seen lately. */
    'cold-start',
    /** Workers are there and load the model. */
    'model-loading',
    /** The model's workers lose their engine again and again. */
    'workers-crashing',
    /** The queue cannot be reached; the request is safe in the record and goes on by itself. */
    'not-published',
  ]),
  /** Milliseconds from now until it begins, by the newest generations; null where unknown. */
  startMs: z.object({ low: z.number(), high: z.number() }).nullable(),
});
export type Waiting = z.infer<typeof waiting>;

/** A prompt that is longer than what is used of it, see `longPrompt`: only its beginning was. */
export const truncation = z.object({
  field: z.enum(['prompt', 'negativePrompt']),
  /** Tokens of the whole text. */
  tokens: z.int(),
  /** Tokens that are used. */
  limit: z.int(),
  /** The rest of the text, which has no effect on the picture. */
  dropped: z.string(),
});
export type Truncation = z.infer<typeof truncation>;

/** A generation as callers see it. */
const generation = z.object({
  id: z.uuid(),
  state: generationState,
  request: generationRequest,
  progress,
  /** How often a worker has taken it up; hand-backs do not count. */
  attempt: z.int(),
  images: z.array(image),
  error: z.object({ code: failureCode, message: z.string() }).nullable(),
  timings,
  /** What the text encoder did not see of the prompts; empty until the first picture is made. */
  truncated: z.array(truncation),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  cancelRequested: z.boolean(),
  /** Null unless queued; `get`, `list` and `watch` tell it, as it was about a second ago. */
  waiting: waiting.nullable(),
  /** Null unless it was canceled. */
  receipt: receipt.nullable(),
  /** Every attempt that was lost, oldest first; of what failed as ATTEMPTS, why. */
  evidence: z.array(evidence),
  /** The failed or canceled generation that this one repeats. */
  redriveOf: z.uuid().nullable(),
  /**
   * Told by `generations.watch` alone, where the request asks for previews, up to twice a second. It is
   * in the one event that brings it.
   */
  preview: preview.optional(),
  /** Told by `generations.get` alone; null without a webhook. */
  webhook: webhookStatus.nullable().optional(),
});
export type Generation = z.infer<typeof generation>;
