import { hostname } from 'node:os';
import process from 'node:process';
import {
  credentialsTogether,
  loadConfig,
  milliseconds,
  tracingVariables,
  variables,
} from '@darkroom/lifecycle';
import { z } from 'zod';
import { HEARTBEAT_MS, LEASE_MS } from './lease.ts';
import { modelDigestVariable, oneModelForDigest } from './model-cache/model-digest.ts';

const names = (text: string) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    PORT: variables.PORT,
    HOST: variables.HOST,
    LOG_LEVEL: variables.LOG_LEVEL,
    ...tracingVariables,
    AMQP_URL: variables.AMQP_URL,
    DATABASE_URL: variables.DATABASE_URL,
    S3_ENDPOINT: variables.S3_ENDPOINT,
    S3_BUCKET: variables.S3_BUCKET,
    AWS_REGION: variables.AWS_REGION,
    AWS_ACCESS_KEY_ID: variables.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: variables.AWS_SECRET_ACCESS_KEY,
    MODELS: variables.MODELS.optional(),
    MODEL_DIR: z
      .string()
      .meta({
        description: 'a folder of models in the Hugging Face ONNX layout, by name',
        examples: ['MODEL_DIR=/models'],
      })
      .optional(),
    SERVE_MODELS: z
      .string()
      .transform(names)
      .refine((list) => list.length > 0, 'must name a model')
      .meta({
        description: 'those models of the catalogue that this worker runs, all unless told',
        examples: ['SERVE_MODELS=pinhole'],
      })
      .optional(),
    MODEL_DIGEST: modelDigestVariable,
    EXECUTION_PROVIDERS: z
      .string()
      .transform(names)
      .refine((list) => list.length > 0, 'must name a provider')
      .meta({
        description: "the runtime's providers in order of preference",
        examples: ['EXECUTION_PROVIDERS=cuda,cpu'],
      })
      .default(['cpu']),
    MODEL_MEMORY: variables.MODEL_MEMORY,
    OPTIMIZED_MODEL_DIR: variables.OPTIMIZED_MODEL_DIR,
    PICTURE_METADATA: variables.PICTURE_METADATA,
    VAE_TILING: variables.VAE_TILING,
    REQUIRE_GPU: z
      .enum(['0', '1'], 'must be 0 or 1')
      .transform((value) => value === '1')
      .meta({
        description: '1: not ready unless a GPU provider is active',
        examples: ['REQUIRE_GPU=1'],
      })
      .default(false),
    GPU_DEVICE_FILES: z
      .string()
      .transform(names)
      .meta({
        description:
          'the files by which the GPU is reached; when one cannot be opened any more, the worker ' +
          "hands its job back and ends. Unless set: NVIDIA's, where a GPU provider is asked for",
        examples: ['GPU_DEVICE_FILES=/dev/nvidiactl,/dev/nvidia0'],
      })
      .optional(),
    BATCH_SLOTS: z.coerce
      .number()
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(64, 'must be at most 64')
      .meta({
        description:
          'jobs that the engine runs at once, joined in one run of the network where model and size ' +
          'are the same: a GPU makes more pictures a second of them, each takes longer, and each needs ' +
          'memory of its own',
        examples: ['BATCH_SLOTS=4'],
      })
      .default(1),
    LEASE_MS: milliseconds(
      LEASE_MS,
      'how long a job stays with a worker that the database does not hear of: the longest cut that ' +
        'costs no attempt, and the wait before another worker begins after a crash',
    ),
    HEARTBEAT_MS: milliseconds(HEARTBEAT_MS, 'between two renewals of the lease'),
    STEP_TIMEOUT_MS: milliseconds(60_000, 'longest step before the engine counts as hung'),
    MODEL_LOAD_TIMEOUT_MS: milliseconds(300_000, 'longest time to load the models'),
    SHUTDOWN_GRACE_MS: milliseconds(
      20_000,
      'how long SIGTERM leaves the job in hand before it is handed back with its run saved',
    ),
    WORKER_ID: z
      .string()
      .meta({ description: 'named in leases and logs', examples: ['WORKER_ID=worker-0'] })
      .default(() => `${hostname()}-${process.pid}`),
  })
  .refine(...credentialsTogether)
  .refine(...oneModelForDigest)
  .refine((config) => config.HEARTBEAT_MS * 3 <= config.LEASE_MS, {
    path: ['HEARTBEAT_MS'],
    message: 'must be at most a third of LEASE_MS, so that two lost heartbeats cost no job',
  });

/** The worker's settings, each by the name of its variable, and what its child may be shown of. */
export type WorkerConfig = z.output<typeof schema> & {
  environment: Readonly<Record<string, string | undefined>>;
};

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readConfig = (
  environment: WorkerConfig['environment'] = process.env,
): WorkerConfig => ({
  ...loadConfig(schema, environment),
  environment,
});
