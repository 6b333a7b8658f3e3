import { type Postgres, startPostgres } from '@darkroom/testing';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from '../testing/actors.ts';
import { connectPostgresStore, migratePostgres } from './postgres-store.ts';

const POLL = { timeout: 30_000, interval: 20 };

describe('a Postgres that goes away', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres({ private: true });
  });
  afterAll(() => server.stop());

  test('fails calls as unavailable, and serves them again when it is back', async () => {
    await migratePostgres(server.url);
    const store = await connectPostgresStore({ connectionString: server.url });
    const { created, look } = actors(store);
    const record = await created();

    await server.kill();
    await expect(created()).rejects.toMatchObject({ name: 'DarkroomError', kind: 'unavailable' });
    await expect(store.check()).rejects.toMatchObject({ kind: 'unavailable' });

    await server.start();
    await expect.poll(() => look(record), { timeout: 30_000 }).toEqual(record);
    await store.close();
  });

  test('is waited for by a start that has patience, as are its tables', async () => {
    const patience = { forMs: 60_000, onWait: vi.fn() };
    await server.kill();
    const connecting = connectPostgresStore({ connectionString: server.url, patience });
    const migrating = migratePostgres(server.url, { patience });
    await vi.waitFor(() => expect(patience.onWait).toHaveBeenCalledTimes(2), POLL);
    await server.start();
    await migrating;
    await (await connecting).close();
    expect(patience.onWait).toHaveBeenCalledTimes(2);
  });

  test('is not waited for where only a person can help, or longer than asked', async () => {
    const onWait = vi.fn();
    const nobody = server.url.replace(/\/\/[^@]+@/, '//nobody:wrong@');
    const start = (forMs: number, connectionString: string) =>
      connectPostgresStore({ connectionString, patience: { forMs, onWait } });
    await expect(start(60_000, nobody)).rejects.toMatchObject({ kind: 'configuration' });
    expect(onWait).not.toHaveBeenCalled();
    await server.kill();
    await expect(start(100, server.url)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(onWait).toHaveBeenCalledOnce();
    await server.start();
  });

  test('has what it has answered: records, claims and ends, though killed right after', async () => {
    await migratePostgres(server.url);
    const store = await connectPostgresStore({ connectionString: server.url });
    const { created, claimed, complete, heartbeat, look } = actors(store);
    const records = await Promise.all(Array.from({ length: 30 }, () => created()));
    await Promise.all(records.map(({ id, revision }) => store.markPublished(id, revision)));
    const running = await Promise.all(records.slice(0, 20).map(({ id }) => claimed(id)));
    await Promise.all(running.map(({ record, fence }) => heartbeat(record.id, fence)));
    await Promise.all(running.slice(0, 10).map(({ record, fence }) => complete(record.id, fence)));
    await server.kill();
    await server.start();

    const look30 = () => Promise.all(records.map(async (one) => (await look(one)).state));
    const states = await vi.waitFor(look30, 30_000);
    const expected = ['succeeded', 'running', 'queued'].flatMap((state) => Array(10).fill(state));
    expect(states).toEqual(expected);
    await store.close();
  });

  describe('that turns read-only', () => {
    let operator: Client;
    let store: GenerationStore;
    beforeEach(async () => {
      await migratePostgres(server.url);
      store = await connectPostgresStore({ connectionString: server.url });
      operator = new Client({ connectionString: server.url });
      await operator.connect();
    });
    afterEach(async () => {
      await setReadOnly('off');
      await operator.end();
      await store.close();
    });

    const setReadOnly = async (value: 'on' | 'off') => {
      await operator.query(`alter system set default_transaction_read_only = ${value}`);
      await operator.query('select pg_reload_conf()');
    };
    /** The server's processes that serve the store's connections. */
    const connections = async (): Promise<number[]> => {
      const { rows } = await operator.query(
        "select pid from pg_stat_activity where application_name = 'darkroom'",
      );
      return rows.map(({ pid }) => pid);
    };
    const failureOf = (call: () => Promise<unknown>) => () =>
      call().then(
        () => null,
        (error: unknown) => error,
      );
    const readOnly = { kind: 'unavailable', message: expect.stringContaining('is read-only') };

    test('fails its check and drops its connections, idle ones too', async () => {
      const { created } = actors(store);
      await Promise.all(Array.from({ length: 20 }, () => created()));
      const before = await connections();
      expect(before.length).toBeGreaterThan(0);
      await setReadOnly('on');
      await expect.poll(failureOf(store.check), POLL).toMatchObject(readOnly);
      const left = async () => (await connections()).filter((pid) => before.includes(pid));
      await expect.poll(left, POLL).toEqual([]);
      await setReadOnly('off');
      await expect.poll(failureOf(store.check), POLL).toBeNull();
    });

    test('fails writes as unavailable, drops its connections at the first, answers reads', async () => {
      const { created, claim, look } = actors(store);
      const record = await created();
      const before = await connections();
      await setReadOnly('on');
      await expect.poll(failureOf(created), POLL).toMatchObject(readOnly);
      const left = async () => (await connections()).filter((pid) => before.includes(pid));
      await expect.poll(left, POLL).toEqual([]);
      await expect(claim(record.id)).rejects.toMatchObject(readOnly);
      expect(await look(record)).toEqual(record);
      await setReadOnly('off');
      await expect.poll(failureOf(created), POLL).toBeNull();
    });
  });

  test('fails a call that it does not answer in time, and gives the next a fresh connection', async () => {
    await migratePostgres(server.url);
    const store = await connectPostgresStore({
      connectionString: server.url,
      maxConnections: 1,
      // Long enough for the calls that are to succeed, on a busy machine, too.
      callLimitMs: 3_000,
    });
    const blocker = new Client({ connectionString: server.url });
    await blocker.connect();
    await blocker.query('begin; lock table generations');
    const { created, look } = actors(store);
    await expect(created()).rejects.toMatchObject({ kind: 'unavailable' });
    await blocker.end();
    const record = await created();
    expect(await look(record)).toEqual(record);
    await store.close();
  });
});
