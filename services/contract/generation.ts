import { z } from 'zod';
import { modelName } from './catalogue.ts';
import { failureCode } from './errors.ts';
import { inputObject } from './readable-issues.ts';
import { schedulerName } from './schedulers.ts';
import { generationState } from './states.ts';

export const MAX_SEED = 2 ** 32 - 1;

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
  /** Picture i of a request uses seed + i, each with its own generator. Absent: drawn at random. */
  seed: z.int().min(0).max(MAX_SEED).optional(),
  steps: z.int().min(1).optional(),
  guidanceScale: z.number().min(0).optional(),
  scheduler: schedulerName.optional(),
  /** Karras noise schedule, where the scheduler has one (euler, dpmpp-2m). */
  karras: z.boolean().optional(),
  /** In pixels. */
  width: z.int().positive().optional(),
  /** In pixels. */
  height: z.int().positive().optional(),
  /** Pictures per request. */
  count: z.int().min(1).optional(),
  /** Repeating a create with the same key and body returns the same generation. */
  idempotencyKey: text.min(1).max(255).optional(),
  /**
   * RFC 3339. What no worker has begun by then fails as EXPIRED; what one is at may still succeed,
   * and fails should that worker be lost.
   */
  deadline: z.iso
    .datetime({ offset: true })
    .refine((time) => !(Date.parse(time) <= 0), 'must lie after 1970')
    .optional(),
});
export type GenerationInput = z.infer<typeof generationInput>;

/** A request with every choice made; what the record keeps and the engine runs. */
const generationRequest = z.object({
  model: modelName,
  prompt: z.string(),
  negativePrompt: z.string(),
  seed: z.int(),
  steps: z.int(),
  guidanceScale: z.number(),
  scheduler: schedulerName.optional(),
  karras: z.boolean().optional(),
  width: z.int(),
  height: z.int(),
  count: z.int(),
});
export type GenerationRequest = z.infer<typeof generationRequest>;

export const progress = z.object({
  /** Steps done over all pictures of the request. */
  step: z.int(),
  /** steps × count. */
  steps: z.int(),
});
export type Progress = z.infer<typeof progress>;

const image = z.object({
  /** A path on the frontend; fetched under the caller's own `Authorization` header. */
  url: z.string(),
  sha256: z.string(),
  width: z.int(),
  height: z.int(),
  seed: z.int(),
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
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  cancelRequested: z.boolean(),
});
export type Generation = z.infer<typeof generation>;
