import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Generation } from '@darkroom/contract';
import { pinhole } from '@darkroom/pinhole';
import { freePort, freshBucket, freshDatabase, freshVhost } from '@darkroom/testing';
import { decode } from 'fast-png';
import type { StartedTestContainer } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { images } from './build-images.ts';
import { containerLog, docker } from './docker.ts';
import { ServiceContainer } from './service-container.ts';

const services = ['frontend', 'worker'] as const;
const catalogue = '/etc/darkroom/models.json';

let urls: Record<(typeof services)[number], string>;
let probes: typeof urls;
const containers: Partial<Record<(typeof services)[number], StartedTestContainer>> = {};

/** Resolves when the service takes work; fails with its log when it does not within a minute. */
async function untilReady(service: (typeof services)[number]): Promise<void> {
  const ready = async () => {
    const response = await fetch(`${probes[service]}/readyz`);
    if (!response.ok) throw new Error(await response.text());
  };
  await vi.waitFor(ready, { timeout: 60_000, interval: 200 }).catch((cause: unknown) => {
    const log = containerLog(containers[service]?.getId() ?? '');
    throw new Error(`the ${service} was not ready within a minute; its log:\n${log}`, { cause });
  });
}

beforeAll(async () => {
  const s3 = await freshBucket(inject('s3'));
  const ports = { frontend: await freePort(), worker: await freePort() };
  urls = {
    frontend: `http://127.0.0.1:${ports.frontend}`,
    worker: `http://127.0.0.1:${ports.worker}`,
  };
  const probesPort = await freePort();
  probes = { ...urls, frontend: `http://127.0.0.1:${probesPort}` };
  const environment = {
    HOST: '127.0.0.1',
    DATABASE_URL: await freshDatabase(inject('databaseUrl')),
    AMQP_URL: await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl')),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    MODELS: catalogue,
    ALLOW_ANONYMOUS: '1',
  };
  // The frontend first: it brings the database to this release's schema.
  for (const service of services) {
    containers[service] = await new ServiceContainer(
      service,
      { ...environment, PORT: String(ports[service]), PROBES_PORT: String(probesPort) },
      { [catalogue]: pinhole.catalogue },
    ).start();
    await untilReady(service);
  }
});

afterAll(async () => {
  await Promise.all(Object.values(containers).map((container) => container.stop()));
});

test('a prompt becomes a picture through the two containers', async () => {
  const call = async (path: string, init?: RequestInit): Promise<Generation> => {
    const response = await fetch(`${urls.frontend}/trpc/${path}`, init);
    const body = (await response.json()) as { result: { data: Generation } };
    expect(response.ok, JSON.stringify(body)).toBe(true);
    return body.result.data;
  };
  const created = await call('generations.create', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a large red circle on a blue background', seed: 7, steps: 5 }),
  });
  const get = () =>
    call(`generations.get?input=${encodeURIComponent(JSON.stringify({ id: created.id }))}`);
  await expect.poll(get, { timeout: 60_000 }).toMatchObject({ state: 'succeeded', error: null });

  const { images: pictures } = await get();
  expect(pictures).toHaveLength(1);
  for (const { url, sha256 } of pictures) {
    const response = await fetch(new URL(url, urls.frontend));
    expect(response.headers.get('content-type')).toBe('image/png');
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    const { width, height, channels, data } = decode(bytes);
    expect({ width, height, channels }).toEqual({ width: 64, height: 64, channels: 3 });
    expect(new Set(data).size).toBeGreaterThan(10);
  }
});

describe.each(services)('the %s container', (service) => {
  const run = async (...command: string[]) => {
    const result = await containers[service]?.exec(command);
    return { exitCode: result?.exitCode, output: result?.output.trim() };
  };

  test('runs as a user that is a number and not root', async () => {
    expect(docker('inspect', '--format', '{{.Config.User}}', images[service])).toBe('10001:10001');
    expect(await run('id', '-u')).toEqual({ exitCode: 0, output: '10001' });
  });

  test('writes under /tmp and nowhere else', async () => {
    expect(await run('touch', '/tmp/here')).toMatchObject({ exitCode: 0 });
    for (const folder of ['/', '/darkroom', `/darkroom/services/${service}`, '/var/tmp']) {
      expect(await run('touch', `${folder}/here`)).toMatchObject({ exitCode: 1 });
    }
  });

  test('has what it runs, and no tests, tools or foreign rooms', async () => {
    const { output = '' } = await run('ls', 'services', 'node_modules');
    const foreign = service === 'frontend' ? ['worker', 'diffusion'] : ['frontend'];
    for (const name of [...foreign, 'client', 'embedded', 'vitest', 'typescript', 'testcontainers'])
      expect(output.split(/\s+/)).not.toContain(name);
    const { output: tests } = await run('find', 'services', '-name', '*.test.ts');
    expect(tests).toBe('');
    const { output: broken } = await run('find', 'node_modules', '-xtype', 'l');
    expect(broken).toBe('');
  });

  test('says what it lacks when started without its configuration', async () => {
    const { status, stderr } = spawnSync('docker', ['run', '--rm', images[service]], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    for (const name of ['DATABASE_URL', 'AMQP_URL', 'S3_ENDPOINT']) expect(stderr).toContain(name);
  });

  test('ends within its grace when asked to', async () => {
    const container = containers[service];
    const id = container?.getId() ?? '';
    docker('stop', '--time', '20', id);
    expect(docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('0');
  });
});

describe.each(services)("the %s image's own words", (service) => {
  test('hold no credentials', () => {
    const history = docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', images[service]);
    const settings = docker('inspect', '--format', '{{json .Config}}', images[service]);
    expect(settings).not.toMatch(/password|secret|token|access_key|_URL=/i);
    expect(history).not.toMatch(/password|secret|_authToken/i);
  });
});
