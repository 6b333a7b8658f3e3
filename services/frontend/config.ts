import process from 'node:process';
import {
  credentialsTogether,
  loadConfig,
  milliseconds,
  someoneMayCall,
  tracingVariables,
  variables,
} from '@darkroom/lifecycle';
import { z } from 'zod';

/** The variables by name, also for who checks what the process is given. */
export const schema = z
  .object({
    HOST: variables.HOST,
    PORT: variables.PORT,
    PROBES_PORT: variables.PROBES_PORT,
    LOG_LEVEL: variables.LOG_LEVEL,
    ...tracingVariables,
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
    REPUBLISH_AFTER_MS: milliseconds(
      10_000,
      'how long ago a message must have been sent to be missed on its queue and sent again',
    ),
    SHUTDOWN_DELAY_MS: z
      .string()
      .regex(/^\d{1,9}$/, 'must be a whole number of milliseconds')
      .transform(Number)
      .meta({
        description:
          'how long requests are still taken after SIGTERM, until no load balancer sends any',
        examples: ['SHUTDOWN_DELAY_MS=3000'],
      })
      .default(3_000),
    SHUTDOWN_GRACE_MS: milliseconds(
      20_000,
      'how long after SIGTERM the connections of requests that are still unanswered are closed',
    ),
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
  .refine(...someoneMayCall)
  .refine(({ PORT, PROBES_PORT }) => PORT !== PROBES_PORT || PORT === 0, {
    path: ['PROBES_PORT'],
    message: 'must be another port than PORT',
  })
  .refine(({ SHUTDOWN_DELAY_MS, SHUTDOWN_GRACE_MS }) => SHUTDOWN_DELAY_MS < SHUTDOWN_GRACE_MS, {
    path: ['SHUTDOWN_DELAY_MS'],
    message: 'must be less than SHUTDOWN_GRACE_MS, so that requests in flight have time to finish',
  });

export type FrontendConfig = z.infer<typeof schema>;

/** @throws DarkroomError (`configuration`) that tells every variable that is missing or wrong */
export const readConfig = (): FrontendConfig => loadConfig(schema, process.env);
