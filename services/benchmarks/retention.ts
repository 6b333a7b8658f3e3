import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { connectPostgresStore, migratePostgres } from '@darkroom/generations';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { progressBar, startObjectStore, startPostgres, startRabbitmq } from '@darkroom/testing';
import pg from 'pg';
import { request } from './drain/systems.ts';
import type { Report } from './report.ts';
import { startService } from './service-processes.ts';

const TENANT = 'default';
const PICTURE = Buffer.alloc(10_000, 'png');
/** Records and objects that are made at once. */
const PART = 50;

/**
 * Generations that are all past their time, each with a picture: how long after the first of them is
 * hidden none is visible, and no object is left, while two replicas of the frontend collect.
 */
export async function measureRetention(options: { generations: number }): Promise<Report> {
  const { generations } = options;
  await using cleanup = new AsyncDisposableStack();
  const [rabbitmq, postgres, objectStore] = await Promise.all([
    startRabbitmq(),
    startPostgres(),
    startObjectStore(),
  ]);
  for (const server of [rabbitmq, postgres, objectStore]) cleanup.defer(() => server.stop());
  const { location: s3 } = objectStore;
  const { accessKeyId, secretAccessKey } = s3;
  const objects = createS3Store({ ...s3, credentials: { accessKeyId, secretAccessKey } });
  cleanup.defer(objects.close);
  await migratePostgres(postgres.url);
  const pool = new pg.Pool({ connectionString: postgres.url, max: 1 });
  cleanup.defer(() => pool.end());

  const store = await connectPostgresStore({ connectionString: postgres.url });
  const bar = progressBar('generations', generations);
  const make = async () => {
    const id = randomUUID();
    await store.create({ id, tenant: TENANT, request });
    await store.requestCancel(TENANT, id);
    await objects.put(`${TENANT}/${id}/0-picture.png`, PICTURE, 'image/png');
    bar.advance();
  };
  for (let made = 0; made < generations; made += PART) {
    await Promise.all(Array.from({ length: Math.min(PART, generations - made) }, make));
  }
  bar.stop();
  await store.close();
  await pool.query("update generations set finished_at = now() - interval '30 days'");

  const count = async (condition: string) => {
    const text = `select count(*)::int as count from generations where ${condition}`;
    return (await pool.query<{ count: number }>(text)).rows[0]?.count ?? 0;
  };
  const environment = {
    AMQP_URL: rabbitmq.url,
    DATABASE_URL: postgres.url,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    MODELS: pinhole.catalogue,
    ALLOW_ANONYMOUS: '1',
    RESULT_TTL_HOURS: '168',
  };
  const starting = Promise.all([
    startService('frontend', environment),
    startService('frontend', environment),
  ]);
  starting.catch(() => {});
  while ((await count('deleted_at is not null')) === 0) await wait(5);
  const began = performance.now();
  const secondsSince = () => (performance.now() - began) / 1e3;
  while ((await count('deleted_at is null')) > 0) await wait(5);
  const hiddenAfter = secondsSince();
  while ((await objects.list(`${TENANT}/`)).length > 0) await wait(250);
  const goneAfter = secondsSince();
  const frontends = await starting;
  const delays = await Promise.all(frontends.map((frontend) => frontend.stop()));
  const seconds = (what: string, value: number) =>
    ({ what, value, unit: 's', bar: { at: 'most', value: 60 } }) as const;
  return {
    benchmark: 'retention',
    setting: { generations, replicas: frontends.length },
    figures: [
      seconds('from the first hidden to none visible', hiddenAfter),
      seconds('from the first hidden to no object left', goneAfter),
      {
        what: 'frontend event-loop delay with its start, p99.9',
        value: Math.max(...delays.map(({ p999 }) => p999)),
        unit: 'ms',
      },
    ],
  };
}
