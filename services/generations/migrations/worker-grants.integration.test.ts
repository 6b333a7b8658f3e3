import { randomUUID } from 'node:crypto';
import { freshDatabase } from '@darkroom/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectPostgresStore, migratePostgres } from '../postgres/postgres-store.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from '../testing/actors.ts';
import type { WorkerStore } from '../worker-store.ts';

describe("the worker's role", () => {
  const role = `worker-${randomUUID()}`;
  let admin: pg.Client;
  let asWorker: pg.Client;
  let frontend: GenerationStore;
  let worker: GenerationStore;

  beforeAll(async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    admin = new pg.Client({ connectionString });
    await admin.connect();
    await admin.query(`create role "${role}" login password 'secret'`);
    await migratePostgres(connectionString, { workerRole: role });

    const url = new URL(connectionString);
    url.username = role;
    url.password = 'secret';
    asWorker = new pg.Client({ connectionString: url.href });
    await asWorker.connect();
    frontend = await connectPostgresStore({ connectionString });
    worker = await connectPostgresStore({ connectionString: url.href });
  });
  afterAll(async () => {
    await Promise.all([frontend.close(), worker.close(), asWorker.end()]);
    await admin.query(`drop owned by "${role}"; drop role "${role}"`);
    await admin.end();
  });

  test('claims, heartbeats and completes, and sees what became of it', async () => {
    const { created } = actors(frontend);
    const { claimed, heartbeat, complete, look } = actors(worker);
    const record = await created();
    const { fence } = await claimed(record.id);
    expect(await heartbeat(record.id, fence)).toBe('held');
    expect(await complete(record.id, fence)).toBe(true);
    expect(await complete(record.id, fence)).toBe(true);
    expect((await look(record)).state).toBe('succeeded');
  });

  test('fails, settles cancels, releases and marks what it published', async () => {
    const { created, look } = actors(frontend);
    const { claimed } = actors(worker);
    const store: WorkerStore = worker;
    const failed = await created();
    const error = { code: 'MODEL', message: 'm' } as const;
    await store.fail({ id: failed.id, fence: (await claimed(failed.id)).fence, error });
    expect((await look(failed)).error).toEqual(error);

    const canceled = await created();
    const { fence } = await claimed(canceled.id);
    await frontend.requestCancel(canceled.tenant, canceled.id);
    expect(await store.settleCancel({ id: canceled.id, fence })).toBe(true);

    const handedBack = await created();
    const claim = await claimed(handedBack.id);
    const released = await store.release({
      id: handedBack.id,
      fence: claim.fence,
      countAttempt: false,
    });
    await store.markPublished(handedBack.id, released?.revision ?? 0);
    expect(await look(handedBack)).toMatchObject({ state: 'queued', published: true });
  });

  test('writes the notice of an end that it has no right to write itself', async () => {
    const { created } = actors(frontend);
    const { claimed, complete } = actors(worker);
    const { tenant, id } = await created({ webhookUrl: 'https://example.com' });
    await complete(id, (await claimed(id)).fence);
    expect(await frontend.getWebhook(tenant, id)).toMatchObject({ state: 'pending' });
  });

  test('saves what was run and what it died of, and tells that it is there', async () => {
    const { created, look } = actors(frontend);
    const { claimed } = actors(worker);
    const record = await created();
    const { fence } = await claimed(record.id);
    await worker.release({
      id: record.id,
      fence,
      countAttempt: true,
      lastWords: 'out of memory',
      ran: { steps: 3, gpuMs: 30 },
      checkpoint: { key: 'k', picture: 0, step: 3 },
    });
    expect(await look(record)).toMatchObject({
      progress: { step: 3 },
      evidence: [{ cause: 'engine-died' }],
    });
    await worker.announceWorker({ worker: role, models: [], state: 'ready', crashes: 0 });
    expect(await frontend.workers()).toMatchObject([{ worker: role }]);
    await worker.withdrawWorker(role);
    expect(await frontend.workers()).toEqual([]);
  });

  test('cannot create', async () => {
    await expect(actors(worker).created()).rejects.toMatchObject({ kind: 'configuration' });
  });

  test.each([
    'delete from generations',
    'truncate generations',
    'drop table generations',
    "update generations set request = '{}'",
    "update generations set tenant = 'mine'",
    'update generations set cancel_requested = true',
    'select idempotency_key from generations',
    'select webhook_url from generations',
    "update generations set webhook_url = 'mine'",
    'select url from webhooks',
    'delete from webhooks',
    'create temp table mine (id uuid); create trigger t after insert on mine execute function write_webhook()',
    'select name from kysely_migration',
    'alter table generations disable trigger generations_edges',
  ])('cannot: %s', async (statement) => {
    await actors(frontend).created();
    await expect(asWorker.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  test('cannot bring back what has ended', async () => {
    const { tenant, id } = await actors(frontend).created();
    await frontend.requestCancel(tenant, id);
    const revive = `update generations set state = 'queued', finished_at = null where id = '${id}'`;
    await expect(asWorker.query(revive)).rejects.toMatchObject({ code: '23514' });
  });
});
