import { delimiter } from 'node:path';
import process from 'node:process';

const { env } = process;

/** Servers that somebody else runs: taken as they are, never started, stopped or killed. */
export const given = {
  amqpUrl: env.AMQP_URL,
  /** RabbitMQ's management API of that server, with the same user and password. */
  amqpManagementUrl: env.AMQP_MANAGEMENT_URL,
  databaseUrl: env.DATABASE_URL,
  s3Endpoint: env.S3_ENDPOINT,
  s3Bucket: env.S3_BUCKET ?? 'darkroom',
  awsRegion: env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1',
  awsAccessKeyId: env.AWS_ACCESS_KEY_ID,
  awsSecretAccessKey: env.AWS_SECRET_ACCESS_KEY,
};

/** The folders where installed programs are looked for. */
export const programFolders = (env.PATH ?? '').split(delimiter);

/** What started programs inherit. */
export const inherited: NodeJS.ProcessEnv = env;

const FAILED_IMAGES = 'DARKROOM_TEST_FAILED_IMAGES';

/**
 * Images that this run could not start. Kept in the environment, which the processes of a run (test
 * workers, what they start) inherit, because a pull that fails behind a firewall takes long each time.
 */
export const failedImages = {
  has: (image: string): boolean => (env[FAILED_IMAGES] ?? '').split(' ').includes(image),
  add(image: string): void {
    env[FAILED_IMAGES] = `${env[FAILED_IMAGES] ?? ''} ${image}`.trim();
  },
};
