import process from 'node:process';
import { modelName } from '@darkroom/contract';
import { credentialsTogether, loadConfig, variables } from '@darkroom/lifecycle';
import { z } from 'zod';
import { MODEL_SOURCE_PREFIX } from './manifest.ts';
import { modelDigestVariable, oneModelForDigest } from './model-digest.ts';

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    LOG_LEVEL: variables.LOG_LEVEL,
    S3_ENDPOINT: variables.S3_ENDPOINT,
    S3_BUCKET: variables.S3_BUCKET,
    AWS_REGION: variables.AWS_REGION,
    AWS_ACCESS_KEY_ID: variables.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: variables.AWS_SECRET_ACCESS_KEY,
    MODEL_DIR: z.string().meta({
      description: 'the folder that the models are brought into, by name',
      examples: ['MODEL_DIR=/models'],
    }),
    SERVE_MODELS: z
      .string()
      .transform((text) =>
        text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      )
      .refine(
        (names) => names.length > 0 && names.every((name) => modelName.safeParse(name).success),
        'must be names of models, with commas between',
      )
      .meta({
        description: 'the models that the worker after this runs',
        examples: ['SERVE_MODELS=sdxl'],
      }),
    MODEL_DIGEST: modelDigestVariable,
    MODEL_SOURCE_PREFIX: z
      .string()
      .regex(/^([A-Za-z0-9_][A-Za-z0-9._-]*\/)+$/, 'must be a prefix of object keys that ends in /')
      .meta({
        description: 'where the models are in the bucket',
        examples: [`MODEL_SOURCE_PREFIX=${MODEL_SOURCE_PREFIX}`],
      })
      .default(MODEL_SOURCE_PREFIX),
  })
  .refine(...credentialsTogether)
  .refine(...oneModelForDigest);

/** The settings of the step that brings models, each by the name of its variable. */
export type FetchConfig = z.output<typeof schema>;

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readFetchConfig = (): FetchConfig => loadConfig(schema, process.env);
