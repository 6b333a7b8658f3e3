import { z } from 'zod';
import { schedulerName } from './schedulers.ts';

const sideLimits = z
  .strictObject({
    min: z.int().positive(),
    max: z.int().positive(),
    /** Sides are whole multiples of this, at least the VAE's scale factor (8). */
    multipleOf: z.int().positive().default(8),
  })
  .refine((side) => side.min <= side.max, 'min must not be larger than max');

/** A model's name is part of queue names, paths and URLs, so it is a DNS label. */
export const modelName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'lower-case letters, digits and hyphens');

/** One model of the catalogue: what may be asked of it and what it does when not told. */
export const modelEntry = z.strictObject({
  name: modelName,
  description: z.string().max(500).default(''),
  limits: z.strictObject({
    steps: z.int().positive(),
    count: z.int().positive(),
    width: sideLimits,
    height: sideLimits,
    /** In characters (Unicode code points), of the prompt and of the negative prompt. */
    promptLength: z.int().positive().default(2_000),
    guidanceScale: z.number().min(1).default(30),
  }),
  /** Generations that may wait at once, of all callers; beyond, requests are refused for now. */
  maxQueued: z.int().positive().default(10_000),
  defaults: z.strictObject({
    steps: z.int().positive(),
    guidanceScale: z.number().min(0),
    width: z.int().positive(),
    height: z.int().positive(),
    /** Absent: the model's own `scheduler_config.json` decides. */
    scheduler: schedulerName.optional(),
    karras: z.boolean().optional(),
  }),
});
export type ModelEntry = z.infer<typeof modelEntry>;

/** The catalogue file (`MODELS`): every model that may be asked for, running or not. */
export const modelCatalogue = z
  .strictObject({ models: z.array(modelEntry).min(1) })
  .refine(
    ({ models }) => new Set(models.map((model) => model.name)).size === models.length,
    'model names must be unique',
  );
export type ModelCatalogue = z.infer<typeof modelCatalogue>;
