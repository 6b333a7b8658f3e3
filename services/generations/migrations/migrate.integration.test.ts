import { readFile } from 'node:fs/promises';
import { stateEdges } from '@darkroom/contract';
import { freshDatabase } from '@darkroom/testing';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { connectPostgresStore, migratePostgres } from '../postgres/postgres-store.ts';
import { newGeneration } from '../testing/new-generation.ts';

const query = async (connectionString: string, text: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
};

describe('migrations', () => {
  test('a database without tables is told apart from one that is away', async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await expect(connectPostgresStore({ connectionString })).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('Migrate'),
    });
    const nowhere = 'postgres://postgres@127.0.0.1:1/postgres';
    await expect(migratePostgres(nowhere)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(connectPostgresStore({ connectionString: nowhere })).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  test('replicas that start together migrate once, and a later start changes nothing', async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await Promise.all(Array.from({ length: 5 }, () => migratePostgres(connectionString)));
    const applied = () => query(connectionString, 'select * from kysely_migration');
    const before = await applied();
    expect(before).toContainEqual(expect.objectContaining({ name: '0001-generations' }));

    const store = await connectPostgresStore({ connectionString });
    const input = newGeneration();
    const { record } = await store.create(input);
    await migratePostgres(connectionString);
    expect(await store.get(input.tenant, input.id)).toEqual(record);
    expect(await applied()).toEqual(before);
    await store.close();
  });

  test('a release that was rolled back starts on the newer schema', async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    await query(
      connectionString,
      `insert into kysely_migration values ('9999-later', '2120-01-01T00:00:00.000Z')`,
    );
    await expect(migratePostgres(connectionString)).resolves.toBeUndefined();
  });

  test('finds the indexes that the page on upgrades has an operator build before', async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    const indexes = () =>
      query(
        connectionString,
        `select indexdef from pg_indexes
          where indexname in ('generations_initimage', 'generations_mask') order by indexname`,
      );
    const migrated = await indexes();
    expect(migrated).toHaveLength(2);
    await query(
      connectionString,
      `drop table uploads; drop index generations_initimage, generations_mask;
        delete from kysely_migration where name = '0006-uploads'`,
    );
    const page = await readFile(new URL('../../../docs/upgrade.md', import.meta.url), 'utf8');
    const [, statements = ''] = page.match(/For migration 0006:\s+```sql\n(.*?)```/s) ?? [];
    // One by one: such a statement runs in no transaction.
    for (const statement of statements.split(';').filter((text) => text.trim() !== '')) {
      await query(connectionString, statement);
    }
    expect(await indexes()).toEqual(migrated);
    await migratePostgres(connectionString);
    expect(await indexes()).toEqual(migrated);
  });

  test('the database itself lets no edge pass but the legal ones', async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    const states = Object.keys(stateEdges) as (keyof typeof stateEdges)[];
    // `user` disables only the trigger under test for the way to the state that is left.
    const columns = (state: string) => `
      state = '${state}',
      lease_expires_at = ${state === 'running' ? 'now()' : 'null'},
      finished_at = ${['queued', 'running'].includes(state) ? 'null' : 'now()'},
      error_code = ${state === 'failed' ? "'ENGINE'" : 'null'}`;
    const client = new pg.Client({ connectionString });
    await client.connect();
    await client.query(`insert into generations (id, tenant, model, request, steps)
      values (gen_random_uuid(), 't', 'm', '{}', 1)`);
    const passed: Record<string, string[]> = {};
    for (const from of states) {
      passed[from] = [];
      for (const to of states.filter((state) => state !== from)) {
        await client.query(`alter table generations disable trigger generations_edges`);
        await client.query(`update generations set ${columns(from)}`);
        await client.query(`alter table generations enable trigger generations_edges`);
        const legal = await client.query(`update generations set ${columns(to)}`).then(
          () => true,
          (error: { code: string }) => {
            expect(error.code).toBe('23514');
            return false;
          },
        );
        if (legal) passed[from].push(to);
      }
    }
    await client.end();
    const sorted = (edges: Readonly<Record<string, readonly string[]>>) =>
      Object.fromEntries(Object.entries(edges).map(([from, to]) => [from, [...to].sort()]));
    expect(sorted(passed)).toEqual(sorted(stateEdges));
  });
});
