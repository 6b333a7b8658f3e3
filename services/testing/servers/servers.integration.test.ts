import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, inject, test, vi } from 'vitest';
import { callManagement, freshBucket, freshDatabase, freshVhost } from '../index.ts';

test('a fresh database is empty and apart from the others', async () => {
  const [one, other] = await Promise.all([
    freshDatabase(inject('databaseUrl')),
    freshDatabase(inject('databaseUrl')),
  ]);
  expect(one).not.toBe(other);
  const client = new pg.Client({ connectionString: one });
  await client.connect();
  const { rows } = await client.query(
    "select count(*)::int as tables from information_schema.tables where table_schema = 'public'",
  );
  await client.end();
  expect(rows).toEqual([{ tables: 0 }]);
});

test('a fresh virtual host exists and has no queue', async () => {
  const managementUrl = inject('amqpManagementUrl');
  const vhost = new URL(await freshVhost(inject('amqpUrl'), managementUrl)).pathname.slice(1);
  expect(await callManagement(managementUrl, 'GET', `queues/${vhost}`)).toEqual([]);
});

test('a fresh bucket is on the same store under another name', async () => {
  const s3 = inject('s3');
  const fresh = await freshBucket(s3);
  expect(fresh.endpoint).toBe(s3.endpoint);
  expect(fresh.bucket).not.toBe(s3.bucket);
});

test('the keeper ends what an interrupted run leaves behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-keeper-'));
  const orphan = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const orphanEnded = new Promise((resolve) => {
    orphan.once('exit', (_code, signal) => resolve(signal));
  });
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts')], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  keeper.stdin.end(`group ${orphan.pid}\nfolder ${folder}\n`);
  expect(await orphanEnded).toBe('SIGKILL');
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), 5_000);
});

test('a program that cannot be had is named with its remedy', async () => {
  const script = [
    "import { startObjectStore } from './object-store.ts';",
    'await startObjectStore().catch((error) => console.log(error.message));',
  ].join('\n');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module-typescript', '-e', script],
    { cwd: import.meta.dirname, env: { S3_ENDPOINT: 'http://127.0.0.1:1' } },
  );
  expect(stdout).toContain('set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
});
