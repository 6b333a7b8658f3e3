import { randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@darkroom/client/source';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { darkroom, type Running, start, startServing, stop } from './testing/darkroom.ts';

// Each command is a process of its own; on a busy machine some of them take their time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** One for all tests: making a database takes seconds. */
let folder: string;
let running: Running | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-serve-'));
});
afterEach(async () => {
  await stop(running);
  running = undefined;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('kill -9 at a random step loses nothing that was accepted', async () => {
  const serving = await startServing(folder, { env: { LOG_LEVEL: 'info' } });
  running = serving;
  const [, inferencePid = ''] = await serving.said(/"inferencePid":(\d+)/);
  const client = createClient({ url: serving.url });
  const accepted = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      client.generations.create.mutate({ prompt: `a red star ${index}`, seed: index, steps: 10 }),
    ),
  );

  // Of the first five pictures: those after it are surely unfinished.
  const killAt = { picture: randomInt(5), step: randomInt(11) };
  const { id = '' } = accepted[killAt.picture] ?? {};
  const stepsDone = async () => (await client.generations.get.query({ id })).progress.step;
  await expect
    .poll(stepsDone, { timeout: 60_000, interval: 5 })
    .toBeGreaterThanOrEqual(killAt.step);
  serving.process.kill('SIGKILL');
  const killed = new Date().toISOString();
  await serving.finished;
  await vi.waitFor(() => expect(isAlive(Number(inferencePid))).toBe(false), 5_000);

  const again = await startServing(folder);
  running = again;
  const survivor = createClient({ url: again.url });
  const ended = await Promise.all(accepted.map(({ id }) => survivor.waitFor(id)));
  for (const { state, images, request } of ended) {
    expect({ state, seeds: images.map(({ seed }) => seed), killAt }).toEqual({
      state: 'succeeded',
      seeds: [request.seed],
      killAt,
    });
  }
  const afterwards = ended.filter(({ finishedAt }) => finishedAt !== null && finishedAt > killed);
  expect(afterwards).not.toEqual([]);
  const { generations } = await survivor.generations.list.query({ limit: 100 });
  expect(generations.map(({ id }) => id).toSorted()).toEqual(
    accepted.map(({ id }) => id).toSorted(),
  );
}, 120_000);

test('SIGTERM turns it unready, and stops it with exit code 0 and no process left', async () => {
  const serving = await startServing(folder, { env: { LOG_LEVEL: 'info' } });
  const [, inferencePid = ''] = await serving.said(/"inferencePid":(\d+)/);
  const { generations } = createClient({ url: serving.url });
  const { id } = await generations.create.mutate({ prompt: 'a slow dot', steps: 150, count: 2 });
  const state = async () => (await generations.get.query({ id })).state;
  await expect.poll(state, { timeout: 30_000, interval: 20 }).toBe('running');
  serving.process.kill('SIGTERM');
  const readiness = async () => (await fetch(`${serving.url}/readyz`)).status;
  await expect.poll(readiness, { timeout: 30_000, interval: 10 }).toBe(503);
  expect(await serving.finished).toMatchObject({ code: 0, stdout: '' });
  expect(isAlive(Number(inferencePid))).toBe(false);
});

test('a folder that another process serves is refused, and the owner named', async () => {
  const serving = await startServing(folder);
  running = serving;
  const { code, stderr } = await darkroom(['serve', '--port', '0', '--data-dir', folder]);
  expect(code).toBe(1);
  expect(stderr).toContain(`served by process ${serving.process.pid} at ${serving.url}`);
  expect(stderr).toContain('--data-dir');
  expect(stderr).not.toMatch(/\n\s+at /);
});

test('a port in use is refused with the remedy', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const serving = start(['serve', '--data-dir', folder], { env: { PORT: String(port) } });
  const { code, stderr } = await serving.finished;
  other.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`cannot listen on 127.0.0.1:${port}.*PORT`));
  expect(stderr).not.toMatch(/\n\s+at /);
});

test('an address that others reach is refused without keys, and the remedies named', async () => {
  const args = ['serve', '--host', '0.0.0.0', '--port', '0', '--data-dir', folder];
  const { code, stderr } = await darkroom(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(/others reach 0\.0\.0\.0.*API_KEYS_FILE.*127\.0\.0\.1.*ALLOW_ANONYMOUS=1/);
  expect(stderr).not.toMatch(/\n\s+at /);
});

test('with keys it may listen anywhere, and only who has one may call', async () => {
  const made = await darkroom(['keys', 'create', '--tenant', 'acme', '--json']);
  const { key, entry } = JSON.parse(made.stdout);
  const file = join(folder, 'keys.json');
  await writeFile(file, JSON.stringify({ keys: [entry] }));
  const serving = start(['serve', '--host', '0.0.0.0', '--port', '0', '--data-dir', folder], {
    env: { API_KEYS_FILE: file },
  });
  running = serving;
  const [, port] = await serving.said(/serving on http:\/\/[^:]+:(\d+),/);
  const url = `http://127.0.0.1:${port}`;
  const withKey = createClient({ url, apiKey: key });
  expect((await withKey.generate({ prompt: 'a dot', steps: 1 })).state).toBe('succeeded');
  await expect(createClient({ url }).generate({ prompt: 'x' })).rejects.toMatchObject({
    data: { code: 'UNAUTHORIZED' },
  });
  const list = ['jobs', 'list', '--server', url];
  const refused = await darkroom(list);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/an API key is needed.*DARKROOM_API_KEY/);
  const listed = await darkroom(list, { env: { DARKROOM_API_KEY: key } });
  expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining('a dot') });
});

test('where a GPU is required and none is active it does not start', async () => {
  const env = { REQUIRE_GPU: '1' };
  const args = ['serve', '--port', '0', '--data-dir', folder];
  const { code, stderr } = await darkroom(args, { env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/REQUIRE_GPU is set and the models run on cpu.*EXECUTION_PROVIDERS/);
  expect(stderr).not.toMatch(/\n\s+at /);
});

test('wrong variables are all reported together', async () => {
  const env = { PORT: 'eighty', LOG_LEVEL: 'loud', REQUIRE_GPU: 'yes' };
  const { code, stderr } = await darkroom(['serve', '--data-dir', folder], { env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/PORT: must be a whole number/);
  expect(stderr).toMatch(/LOG_LEVEL: must be a log level/);
  expect(stderr).toMatch(/REQUIRE_GPU: must be 0 or 1/);
});
