import { z } from 'zod';
import { limitProblems, limits } from './limits.ts';
import { schedulerName } from './schedulers.ts';

/** A model's name is part of queue names, paths and URLs, so it is a DNS label. */
export const modelName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'lower-case letters, digits and hyphens');

/** One model of the catalogue: what may be asked of it and what it does when not told. */
export const modelEntry = z
  .strictObject({
    name: modelName,
    description: z.string().max(500).default(''),
    limits,
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
  })
  // Such a model would refuse every request that leaves the field out.
  .superRefine(({ name, limits, defaults }, context) => {
    const request = { ...defaults, prompt: '', negativePrompt: '', count: 1 };
    for (const { field, message } of limitProblems(request, limits)) {
      const text = `model ${name} breaks its own limits: ${message}`;
      context.addIssue({ code: 'custom', path: ['defaults', field], message: text });
    }
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
