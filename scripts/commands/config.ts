import { existsSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EmbeddedOptions } from '@darkroom/embedded';
import type { HubOptions } from '@darkroom/hub';
import {
  credentialsTogether,
  loadConfig,
  type ObjectStoreSettings,
  objectStoreSettings,
  tracingSettings,
  tracingVariables,
  variables,
} from '@darkroom/lifecycle';
import { z } from 'zod';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const schema = z.object({
  PORT: variables.PORT,
  LOG_LEVEL: variables.LOG_LEVEL.unwrap().default('warn'),
  ...tracingVariables,
  DARKROOM_API_KEY: z.string().optional(),
  COSIGN_PASSWORD: z.string().optional(),
  MODELS: variables.MODELS.optional(),
  MODEL_DIR: z.string().optional(),
  EXECUTION_PROVIDERS: z.string().optional(),
  MODEL_MEMORY: variables.MODEL_MEMORY,
  OPTIMIZED_MODEL_DIR: variables.OPTIMIZED_MODEL_DIR,
  PICTURE_METADATA: variables.PICTURE_METADATA,
  RESULT_TTL_HOURS: variables.RESULT_TTL_HOURS.optional(),
  API_KEYS_FILE: variables.API_KEYS_FILE,
  ALLOW_ANONYMOUS: variables.ALLOW_ANONYMOUS,
  ALLOWED_HOSTS: variables.ALLOWED_HOSTS,
  WEBHOOK_SECRETS_FILE: variables.WEBHOOK_SECRETS_FILE,
  WEBHOOK_ALLOW_PRIVATE: variables.WEBHOOK_ALLOW_PRIVATE,
  WEBHOOK_PORTS: variables.WEBHOOK_PORTS,
  REQUIRE_GPU: z
    .enum(['0', '1'], 'must be 0 or 1')
    .transform((value) => value === '1')
    .default(false),
  /** Where the user stood when npm changed to the project's folder. */
  INIT_CWD: z.string().optional(),
});

const objectStoreSchema = z
  .object({
    S3_ENDPOINT: variables.S3_ENDPOINT,
    S3_BUCKET: variables.S3_BUCKET,
    AWS_REGION: variables.AWS_REGION,
    AWS_ACCESS_KEY_ID: variables.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: variables.AWS_SECRET_ACCESS_KEY,
  })
  .refine(...credentialsTogether);

/**
 * Where objects are kept, for the commands that work on them.
 * @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong
 */
export const readObjectStoreConfig = (): ObjectStoreSettings =>
  objectStoreSettings(loadConfig(objectStoreSchema, process.env));

const hubSchema = z.object({
  HF_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .refine((url) => !/^[^/]*\/\/[^/]*@/.test(url), 'must have no user in it')
    .meta({
      description: 'the hub that models are pulled from',
      examples: ['HF_ENDPOINT=https://huggingface.co'],
    })
    .default('https://huggingface.co'),
  HF_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be a token: visible ASCII characters')
    .meta({ description: 'of an account of the hub, for models that not everyone may read' })
    .optional(),
});

/**
 * The hub that models are pulled from.
 * @throws DarkroomError (`configuration`) that tells every variable that is wrong
 */
export function readHubConfig(): HubOptions {
  const { HF_ENDPOINT, HF_TOKEN } = loadConfig(hubSchema, process.env);
  return { endpoint: HF_ENDPOINT, token: HF_TOKEN };
}

export type CliConfig = {
  port: number;
  logLevel: z.output<typeof schema>['LOG_LEVEL'];
  apiKey: string | undefined;
  /** The passphrase of the key that releases are signed with. */
  cosignPassword: string | undefined;
  /** What the embedded service takes from the environment. */
  embedded: Pick<
    EmbeddedOptions,
    | 'models'
    | 'modelDir'
    | 'executionProviders'
    | 'modelMemory'
    | 'optimizedModelDir'
    | 'requireGpu'
    | 'pictureMetadata'
    | 'apiKeysFile'
    | 'allowAnonymous'
    | 'allowedHosts'
    | 'resultTtlHours'
    | 'webhookSecretsFile'
    | 'webhookAllowPrivate'
    | 'webhookPorts'
    | 'tracing'
    | 'environment'
  >;
  /** A path of the command line, relative to where the user stands; a separator at its end is kept. */
  userPath(path: string): string;
  /** A path of this project. */
  projectPath(path: string): string;
};

/** What the command line takes from the environment. */
export function readConfig(): CliConfig {
  const env = loadConfig(schema, process.env);
  const throughNpm = process.cwd() === root && env.INIT_CWD !== undefined;
  const userFolder = throughNpm && existsSync(env.INIT_CWD ?? '') ? env.INIT_CWD : undefined;
  return {
    port: env.PORT,
    logLevel: env.LOG_LEVEL,
    apiKey: env.DARKROOM_API_KEY,
    cosignPassword: env.COSIGN_PASSWORD,
    embedded: {
      models: env.MODELS,
      modelDir: env.MODEL_DIR,
      executionProviders: env.EXECUTION_PROVIDERS?.split(',').map((name) => name.trim()),
      modelMemory: env.MODEL_MEMORY,
      optimizedModelDir: env.OPTIMIZED_MODEL_DIR,
      requireGpu: env.REQUIRE_GPU,
      pictureMetadata: env.PICTURE_METADATA,
      apiKeysFile: env.API_KEYS_FILE,
      allowAnonymous: env.ALLOW_ANONYMOUS,
      allowedHosts: env.ALLOWED_HOSTS,
      resultTtlHours: env.RESULT_TTL_HOURS,
      webhookSecretsFile: env.WEBHOOK_SECRETS_FILE,
      webhookAllowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
      webhookPorts: env.WEBHOOK_PORTS,
      tracing: tracingSettings(env, 'darkroom'),
      environment: process.env,
    },
    userPath: (path) => resolve(userFolder ?? '.', path) + (/[\\/]$/.test(path) ? sep : ''),
    projectPath: (path) => join(root, path),
  };
}
