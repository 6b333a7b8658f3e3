import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { actors } from '../testing/actors.ts';
import { openPgliteStore } from './pglite-store.ts';

describe('a folder of PGlite', () => {
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'darkroom-pglite-'));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  test('keeps its records when closed and opened again', async () => {
    const folder = join(parent, 'state', 'records');
    const first = await openPgliteStore({ folder });
    const record = await actors(first).created();
    await first.close();
    const second = await openPgliteStore({ folder });
    expect(await actors(second).look(record)).toEqual(record);
    await second.close();
    expect(await readdir(join(parent, 'state'))).toEqual(['records']);
  });

  test('keeps every committed record when its process is killed', async () => {
    const folder = join(parent, 'records');
    const writer = fileURLToPath(new URL('../testing/write-until-killed.ts', import.meta.url));
    const child = spawn(process.execPath, [writer, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const committed: string[] = [];
    for await (const id of createInterface(child.stdout)) {
      committed.push(id);
      if (committed.length === 50) child.kill('SIGKILL');
    }
    await (child.signalCode ?? once(child, 'exit'));
    expect(child.signalCode).toBe('SIGKILL');

    const store = await openPgliteStore({ folder });
    const { records } = await store.list('tenant', { limit: 10_000, state: 'running' });
    expect(records.map(({ id }) => id)).toEqual(expect.arrayContaining(committed));
    await store.expireAllLeases();
    const requeued = await actors(store).sweep({ limit: 10_000 });
    expect(requeued.map(({ id }) => id)).toEqual(expect.arrayContaining(committed));
    await store.close();
  });

  test('starts again over what a killed first open left behind', async () => {
    const folder = join(parent, 'records');
    await mkdir(`${folder}.partial`);
    await writeFile(join(`${folder}.partial`, 'PG_VERSION'), '18\n');
    const store = await openPgliteStore({ folder });
    await store.check();
    await store.close();
    expect(await readdir(parent)).toEqual(['records']);
  });

  test("refuses a folder that holds someone's files", async () => {
    await writeFile(join(parent, 'thesis.txt'), 'text');
    await expect(openPgliteStore({ folder: parent })).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining(parent),
    });
    expect(await readdir(parent)).toEqual(['thesis.txt']);
  });
});
