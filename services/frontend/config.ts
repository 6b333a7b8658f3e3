import process from 'node:process';
import { credentialsTogether, loadConfig, someoneMayCall, variables } from '@darkroom/lifecycle';
import { z } from 'zod';

const schema = z
  .object({
    HOST: variables.HOST,
    PORT: variables.PORT,
    LOG_LEVEL: variables.LOG_LEVEL,
    DATABASE_URL: variables.DATABASE_URL,
    DATABASE_WORKER_ROLE: z
      .string()
      .regex(/^[\p{L}_][\p{L}\p{N}_$-]*$/u, 'must be the name of a role')
      .refine((role) => Buffer.byteLength(role) <= 63, 'must be at most 63 bytes')
      .meta({
        description: 'the role that workers connect as, granted their rights at the start',
        examples: ['DATABASE_WORKER_ROLE=darkroom_worker'],
      })
      .optional(),
    AMQP_URL: variables.AMQP_URL,
    S3_ENDPOINT: variables.S3_ENDPOINT,
    S3_BUCKET: variables.S3_BUCKET,
    AWS_REGION: variables.AWS_REGION,
    AWS_ACCESS_KEY_ID: variables.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: variables.AWS_SECRET_ACCESS_KEY,
    MODELS: variables.MODELS,
    REPUBLISH_AFTER_MS: z
      .string()
      .regex(/^[1-9]\d{0,8}$/, 'must be a whole number of milliseconds')
      .transform(Number)
      .meta({
        description:
          'how long ago a message must have been sent to be missed on its queue and sent anew',
        examples: ['REPUBLISH_AFTER_MS=10000'],
      })
      .default(10_000),
    WEBHOOK_SECRETS_FILE: variables.WEBHOOK_SECRETS_FILE,
    WEBHOOK_ALLOW_PRIVATE: variables.WEBHOOK_ALLOW_PRIVATE,
    WEBHOOK_PORTS: variables.WEBHOOK_PORTS,
    MAX_EVENT_LOOP_DELAY_MS: z
      .string()
      .transform(Number)
      .refine((ms) => ms >= 10 && ms <= 60_000, 'must be a number from 10 to 60000')
      .meta({
        description: 'how late the event loop may be before calls are refused with 503',
        examples: ['MAX_EVENT_LOOP_DELAY_MS=200'],
      })
      .optional(),
    RESULT_TTL_HOURS: variables.RESULT_TTL_HOURS.default(168),
    API_KEYS_FILE: variables.API_KEYS_FILE,
    ALLOW_ANONYMOUS: variables.ALLOW_ANONYMOUS,
    ALLOWED_HOSTS: variables.ALLOWED_HOSTS,
  })
  .refine(...credentialsTogether)
  .refine(...someoneMayCall);

export type FrontendConfig = z.infer<typeof schema>;

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readConfig = (): FrontendConfig => loadConfig(schema, process.env);
