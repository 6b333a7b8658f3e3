import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isRunning } from './testing/processes.ts';
import { realServers, tenant } from './testing/real-servers.ts';
import { startService } from './testing/service-process.ts';

const get = async (port: unknown, path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
};

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

test('makes a picture, answers its probes and lets the engine see no credential', async () => {
  await using servers = await realServers();
  const worker = startService('worker', servers.environment);
  const { port } = await worker.line('worker started');
  const { inferencePid } = await worker.line('inference process ready');

  const { id } = await servers.submit(5, `00-${traceId}-00f067aa0ba902b7-01`);
  const record = await servers.finished(id);
  expect(record).toMatchObject({ state: 'succeeded', attempt: 1 });
  const [image] = record.images;
  expect(await servers.objects.get(image?.key ?? '')).toMatchObject({ contentType: 'image/png' });

  for (const said of ['job ended', 'picture done']) {
    expect(JSON.stringify(await worker.line(said))).toContain(traceId);
  }
  expect(await get(port, '/healthz')).toMatchObject({ status: 200 });
  expect(await get(port, '/readyz')).toMatchObject({ status: 200 });
  const { text } = await get(port, '/metrics');
  expect(text).toMatch(/darkroom_model_held\{model="pinhole",digest="sha256:[0-9a-f]{64}"\} 1/);
  expect(text).toContain('darkroom_model_provider{model="pinhole",provider="cpu"} 1');
  expect(text).toContain('darkroom_jobs_total{model="pinhole",end="succeeded"} 1');
  expect(text).toMatch(/^darkroom_engine_busy_seconds_total 0\.\d*[1-9]/m);

  const seen = await readFile(`/proc/${inferencePid}/environ`, 'utf8');
  expect(seen).toContain('PATH=');
  for (const name of Object.keys(servers.environment)) expect(seen).not.toContain(name);
});

test('SIGTERM: not ready, finishes the job in hand, ends with its child', async () => {
  await using servers = await realServers();
  const worker = startService('worker', servers.environment);
  const { port } = await worker.line('worker started');
  const { inferencePid } = await worker.line('inference process ready');
  const { id } = await servers.submit(150);
  await worker.line('picture started');
  worker.kill('SIGTERM');
  await worker.line('shutting down');
  expect(await get(port, '/readyz')).toMatchObject({ status: 503 });
  expect(await get(port, '/healthz')).toMatchObject({ status: 200 });
  expect(await worker.ended).toBe(0);
  expect(await servers.store.get(tenant, id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  expect(isRunning(Number(inferencePid))).toBe(false);
});

test('a second signal hands the job in hand back, and the next worker makes it', async () => {
  await using servers = await realServers();
  const worker = startService('worker', servers.environment);
  await worker.line('worker started');
  const { id } = await servers.submit(150);
  await worker.line('picture started');
  worker.kill('SIGTERM');
  await worker.line('shutting down');
  worker.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
  expect(await servers.store.get(tenant, id)).toMatchObject({ state: 'queued', attempt: 0 });

  const next = startService('worker', servers.environment);
  await next.line('worker started');
  expect(await servers.finished(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
});

test('a GPU that is gone: hands the job in hand back with its run, and ends with failure', async () => {
  await using servers = await realServers();
  const folder = await mkdtemp(join(tmpdir(), 'worker-gpu-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'gpu-0');
  await writeFile(file, '');
  const worker = startService('worker', { ...servers.environment, GPU_DEVICE_FILES: file });
  await worker.line('worker started');
  const { id } = await servers.submit(150, undefined, { count: 16 });
  await worker.line('picture started');
  await rm(file);
  expect(await worker.ended).toBe(1);
  expect(worker.stderr()).toMatch(
    /^darkroom worker: the GPU is gone: \S+\/gpu-0 cannot be opened any more \(ENOENT\)/,
  );
  const record = await servers.store.get(tenant, id);
  expect(record).toMatchObject({ state: 'queued', attempt: 0, evidence: [] });
  expect(record?.checkpoint?.key).toContain('checkpoint');
  // The next container's, without the GPU, says so and begins nothing.
  const next = startService('worker', { ...servers.environment, GPU_DEVICE_FILES: file });
  expect(await next.ended).toBe(1);
  expect(next.stderr()).toContain(`${file} (ENOENT)`);
});

test('with REQUIRE_GPU and no GPU provider it is not ready, and its log says why', async () => {
  await using servers = await realServers();
  const worker = startService('worker', { ...servers.environment, REQUIRE_GPU: '1' });
  const { port } = await worker.line('worker started');
  const { status, text } = await get(port, '/readyz');
  expect(status).toBe(503);
  expect(text).toContain('{"name":"gpu","ready":false}');
  const { reason } = await worker.line('check fails');
  expect(reason).toContain('REQUIRE_GPU is set and the models run on cpu');
});

test('a port in use is named with the remedy', async () => {
  await using servers = await realServers();
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const worker = startService('worker', { ...servers.environment, PORT: String(port) });
  expect(await worker.ended).toBe(1);
  expect(worker.stderr()).toMatch(/^darkroom worker: cannot listen on .*set PORT to a free port/);
  holder.close();
});
