import { randomUUID } from 'node:crypto';
import { type GenerationRequest, isTerminal } from '@darkroom/contract';
import {
  connectPostgresStore,
  type GenerationRecord,
  migratePostgres,
} from '@darkroom/generations';
import { connectRabbitmq } from '@darkroom/messaging';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { eventually, freshBucket, freshDatabase, freshVhost } from '@darkroom/testing';
import { expect, inject } from 'vitest';
import { pinholeRequest } from './pinhole-inference.ts';

/** The frontend's. */
export const tenant = 'default';

/** A database, a virtual host and a bucket of this test alone, and clients of them. */
export async function realServers() {
  const [databaseUrl, amqpUrl, s3] = await Promise.all([
    freshDatabase(inject('databaseUrl')),
    freshVhost(inject('amqpUrl'), inject('amqpManagementUrl')),
    freshBucket(inject('s3')),
  ]);
  await migratePostgres(databaseUrl);
  const { accessKeyId, secretAccessKey } = s3;
  const store = await connectPostgresStore({ connectionString: databaseUrl });
  const objects = createS3Store({ ...s3, credentials: { accessKeyId, secretAccessKey } });
  const broker = await connectRabbitmq({ url: amqpUrl, models: ['pinhole'] });
  const steps = new Map<string, number>();
  await broker.subscribeEvents('all', (event) => {
    const { generationId } = event;
    if (event.type === 'progress') steps.set(generationId, event.progress.step);
    // Not every step is told, the last ones before the end may be missing.
    if (event.type === 'state' && isTerminal(event.state)) steps.set(generationId, Infinity);
  });
  return {
    databaseUrl,
    amqpUrl,
    store,
    objects,
    broker,
    /** For a service's process. */
    environment: {
      HOST: '127.0.0.1',
      PORT: '0',
      PROBES_PORT: '0',
      MODELS: pinhole.catalogue,
      ALLOW_ANONYMOUS: '1',
      LOG_LEVEL: 'debug',
      AMQP_URL: amqpUrl,
      DATABASE_URL: databaseUrl,
      S3_ENDPOINT: s3.endpoint,
      S3_BUCKET: s3.bucket,
      AWS_REGION: s3.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    /** The last step that was told of; infinite after the end. */
    stepOf: (id: string) => steps.get(id),
    submit: async (
      steps: number,
      traceparent?: string,
      over: Partial<GenerationRequest> = {},
    ): Promise<GenerationRecord> => {
      const id = randomUUID();
      const request = { ...pinholeRequest, steps, count: 1, ...over };
      const { record } = await store.create({ id, tenant, request, traceparent });
      const { revision } = record;
      const job = { version: 1, generationId: id, revision, model: request.model } as const;
      await broker.publishJob({ ...job, traceparent });
      await store.markPublished(id, revision);
      return record;
    },
    finished: async (id: string): Promise<GenerationRecord> => {
      const get = () => store.get(tenant, id);
      await eventually(async () => (await get())?.finishedAt).toEqual(expect.any(String));
      return (await get()) as GenerationRecord;
    },
    [Symbol.asyncDispose]: async () => {
      await broker.close();
      await objects.close();
      await store.close();
    },
  };
}

export type RealServers = Awaited<ReturnType<typeof realServers>>;
