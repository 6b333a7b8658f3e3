import process from 'node:process';
import { generationRequest } from '@darkroom/contract';
import { loadConfig } from '@darkroom/lifecycle';
import { z } from 'zod';
import { schema as worker } from '../config.ts';
import { oneModelForDigest } from '../model-cache/model-digest.ts';

const requests = z
  .array(
    generationRequest.omit({
      count: true,
      initImage: true,
      mask: true,
      strength: true,
      previews: true,
    }),
  )
  .min(1);

/** A program's settings are text; what is no JSON is refused as any other wrong value. */
const jsonOf = (text: string, context: z.core.$RefinementCtx): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `must be JSON: ${(error as Error).message}` });
    return z.NEVER;
  }
};

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    LOG_LEVEL: worker.shape.LOG_LEVEL,
    MODELS: worker.shape.MODELS,
    MODEL_DIR: worker.shape.MODEL_DIR,
    SERVE_MODELS: worker.shape.SERVE_MODELS,
    MODEL_DIGEST: worker.shape.MODEL_DIGEST,
    EXECUTION_PROVIDERS: worker.shape.EXECUTION_PROVIDERS,
    VAE_TILING: worker.shape.VAE_TILING,
    REQUIRE_GPU: worker.shape.REQUIRE_GPU,
    CANARY_REQUESTS: z
      .string()
      .transform(jsonOf)
      .pipe(requests)
      .meta({
        description:
          'the requests, one picture each, with every choice made as a record holds them',
        examples: [
          'CANARY_REQUESTS=[{"model":"pinhole","prompt":"a red star","negativePrompt":"","seed":7,"steps":20,"guidanceScale":1.5,"width":64,"height":64}]',
        ],
      }),
  })
  .refine(...oneModelForDigest);

export type CanaryConfig = z.output<typeof schema> & {
  environment: Readonly<Record<string, string | undefined>>;
};

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readCanaryConfig = (): CanaryConfig => ({
  ...loadConfig(schema, process.env),
  environment: process.env,
});
