import { freshDatabase } from '@darkroom/testing';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { claim } from '../sql/claim.ts';
import { complete } from '../sql/complete.ts';
import { create } from '../sql/create.ts';
import { heartbeat } from '../sql/lease.ts';
import { markPublished } from '../sql/mark-published.ts';
import type { Database, Schema } from '../sql/schema.ts';
import { newGeneration, storedImage } from '../testing/new-generation.ts';
import { migratePostgres } from './postgres-store.ts';

/** One connection, so that what one statement does to its session the next one would see. */
let db: Database;
beforeAll(async () => {
  const connectionString = await freshDatabase(inject('databaseUrl'));
  await migratePostgres(connectionString);
  db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: new Pool({ connectionString, max: 1 }) }),
  });
});
afterAll(() => db.destroy());

/** The setting as it is within the statement's own transaction, at its end. */
async function commitOf(statement: (db: Database) => Promise<unknown>): Promise<string> {
  return await db.transaction().execute(async (transaction) => {
    await statement(transaction);
    const { rows } = await sql<{ setting: string }>`
      select current_setting('synchronous_commit') as setting`.execute(transaction);
    return rows[0]?.setting ?? '';
  });
}

test('only marks and heartbeats commit without waiting for the disk, and only they themselves', async () => {
  const input = newGeneration();
  const { id } = input;
  const images = [storedImage];
  const timings = { modelLoadMs: 0, inferenceMs: 0, storeMs: 0 };
  const claimOptions = { claimId: 'c', worker: 'w' };
  const statements: [string, (db: Database) => Promise<unknown>, string][] = [
    ['create', (db) => create(db, [input]), 'on'],
    ['mark', (db) => markPublished(db, [{ id, revision: 1 }]), 'off'],
    ['claim', (db) => claim(db, [{ id, ...claimOptions, leaseMs: 60_000, maxAttempts: 3 }]), 'on'],
    [
      'heartbeat',
      (db) => heartbeat(db, { id, fence: 1, leaseMs: 60_000, progress: { step: 1, steps: 2 } }),
      'off',
    ],
    ['complete', (db) => complete(db, [{ id, fence: 1, images, timings }]), 'on'],
  ];
  const seen = [];
  for (const [name, statement] of statements) seen.push([name, await commitOf(statement)]);
  expect(seen).toEqual(statements.map(([name, , setting]) => [name, setting]));
});
