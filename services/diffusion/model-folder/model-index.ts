import { z } from 'zod';

/** `model_index.json`: the pipeline's class and what that is constructed with. */
export const modelIndex = z.looseObject({
  _class_name: z.string(),
  force_zeros_for_empty_prompt: z.boolean().optional(),
  requires_aesthetics_score: z.boolean().nullish(),
});
export type ModelIndex = z.infer<typeof modelIndex>;
