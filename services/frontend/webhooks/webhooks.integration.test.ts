import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshBucket, freshDatabase, freshVhost } from '@darkroom/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { builtInCatalogue } from '../testing/start-frontend.ts';
import { type FrontendProcess, startProcess } from '../testing/start-process.ts';
import { newSecret, startReceiver } from './testing/start-receiver.ts';

const COUNT = 30;
const secret = newSecret();
const running: FrontendProcess[] = [];
let env: Record<string, string>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-webhooks-'));
  const secrets = join(folder, 'secrets.json');
  await writeFile(secrets, JSON.stringify({ default: [secret] }));
  const s3 = await freshBucket(inject('s3'));
  env = {
    HOST: '127.0.0.1',
    PORT: '0',
    PROBES_PORT: '0',
    SHUTDOWN_DELAY_MS: '0',
    AMQP_URL: await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl')),
    DATABASE_URL: await freshDatabase(inject('databaseUrl')),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    MODELS: builtInCatalogue,
    ALLOW_ANONYMOUS: '1',
    WEBHOOK_SECRETS_FILE: secrets,
    WEBHOOK_ALLOW_PRIVATE: '1',
  };
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await rm(folder, { recursive: true });
});

function start(): FrontendProcess {
  const started = startProcess(env);
  running.push(started);
  return started;
}

async function mutate<T>(origin: string, procedure: string, input: object): Promise<T> {
  const response = await fetch(`${origin}/trpc/${procedure}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  const body = await response.text();
  expect(response.status, body).toBe(200);
  return JSON.parse(body).result.data;
}

it('loses no webhook with a frontend that is killed amid delivering', async () => {
  let silent = true;
  const receiver = await startReceiver(secret, () => (silent ? () => {} : 204));
  const first = start();
  const origin = await first.listening;
  const created = await Promise.all(
    Array.from({ length: COUNT }, async () => {
      const input = { prompt: 'a red circle', webhook: { url: receiver.url } };
      const { id } = await mutate<{ id: string }>(origin, 'generations.create', input);
      await mutate(origin, 'generations.cancel', { id });
      return id;
    }),
  );
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(3), 10_000);
  first.child.kill('SIGKILL');
  await first.ended;
  const sentBefore = receiver.received.length;
  silent = false;

  const database = new pg.Client({ connectionString: env.DATABASE_URL });
  await database.connect();
  const states = async () =>
    (await database.query('select state, count(*)::integer from webhooks group by state')).rows;
  expect(await states()).toEqual([{ state: 'pending', count: COUNT }]);
  // As if its leases had run out since.
  await database.query('update webhooks set next_at = now()');

  // Two replicas, which deliver beside each other.
  await Promise.all([start().listening, start().listening]);
  await vi.waitFor(async () => {
    expect(await states()).toEqual([{ state: 'delivered', count: COUNT }]);
  }, 20_000);
  await database.end();
  receiver.close();

  const ids = (received: typeof receiver.received) => received.map(({ id }) => id).sort();
  expect(ids(receiver.received.slice(sentBefore))).toEqual(created.map((id) => `msg_${id}`).sort());
  for (const { message } of receiver.received) {
    expect(message).toMatchObject({ type: 'generation.canceled' });
  }
});
