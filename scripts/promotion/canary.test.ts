import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../render/manifest.ts';
import { canaryJob, runCanaries } from './canary.ts';
import type { GoldenPicture, GoldenRequest } from './golden.ts';
import { type Answer, serveApi } from './testing/api-server.ts';

type Template = Parameters<typeof canaryJob>[1];

const worker = (model: string): Template => ({
  metadata: {
    labels: { 'app.kubernetes.io/name': 'worker', 'darkroom.dev/model': model },
    annotations: { 'darkroom.dev/credentials': 'sha256:1' },
  },
  spec: {
    runtimeClassName: 'nvidia',
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
    initContainers: [{ name: 'fetch-model', image: 'worker@sha256:1' }],
    containers: [
      {
        name: 'worker',
        image: 'worker@sha256:1',
        env: [
          { name: 'SERVE_MODELS', value: model },
          { name: 'PORT', value: '8080' },
          { name: 'WORKER_ID', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        envFrom: [
          { configMapRef: { name: 'worker' } },
          { secretRef: { name: 'worker-credentials' } },
        ],
        ports: [{ containerPort: 8080 }],
        startupProbe: {},
        livenessProbe: {},
        readinessProbe: {},
        resources: { limits: { 'nvidia.com/gpu': '1' } },
        volumeMounts: [{ name: 'models', mountPath: '/models' }],
      },
      { name: 'sidecar', image: 'sidecar@sha256:2' },
    ],
    volumes: [{ name: 'models' }],
  },
});

describe('the job of a canary', () => {
  const job = canaryJob('pinhole', worker('pinhole'), [{ prompt: 'a lighthouse' }]);
  const { template, ...spec } = job['spec'] as { template: Template };
  const [canary] = template.spec.containers;

  test("is a worker's pod: its image, GPU, files, node and first containers", () => {
    const { containers: _, ...pod } = worker('pinhole').spec;
    expect(template.spec).toMatchObject(pod);
    expect(canary).toMatchObject({
      image: 'worker@sha256:1',
      resources: { limits: { 'nvidia.com/gpu': '1' } },
      volumeMounts: [{ name: 'models', mountPath: '/models' }],
    });
    expect(template.spec.containers[1]).toEqual({ name: 'sidecar', image: 'sidecar@sha256:2' });
  });

  test('runs its own program with the golden requests', () => {
    expect(canary?.['command']).toEqual(['node', 'services/worker/canary.ts']);
    expect(canary?.env).toEqual([
      { name: 'SERVE_MODELS', value: 'pinhole' },
      { name: 'CANARY_REQUESTS', value: '[{"prompt":"a lighthouse"}]' },
    ]);
    expect(template.spec).toMatchObject({ restartPolicy: 'Never' });
  });

  test('is made again where its node refused it or ended it, and not where it failed', () => {
    expect(spec).toMatchObject({
      backoffLimit: 2,
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
          { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [0] } },
        ],
      },
    });
  });

  test('is not asked how it is, and reaches neither broker nor database', () => {
    for (const field of ['ports', 'startupProbe', 'livenessProbe', 'readinessProbe']) {
      expect(canary).not.toHaveProperty(field);
    }
    expect(canary?.envFrom).toEqual([{ configMapRef: { name: 'worker' } }]);
  });

  test("is known as the promotion's own, and its pod as a worker that policies let through", () => {
    const own = { 'darkroom.dev/promotion': 'canary' };
    expect(job.metadata).toMatchObject({ name: 'canary-pinhole', labels: own });
    expect(template.metadata).toEqual({
      labels: { ...worker('pinhole').metadata?.labels, ...own },
      annotations: { 'darkroom.dev/credentials': 'sha256:1' },
    });
  });

  test('leaves the worker that it is made of as it was', () => {
    const before = worker('pinhole');
    canaryJob('pinhole', before, []);
    expect(before).toEqual(worker('pinhole'));
  });
});

describe('canaries that run', () => {
  const png = (value: number) =>
    encode({ width: 1, height: 1, channels: 3, data: Uint8Array.of(value, 0, 0) });
  const request = (model: string, prompt: string) =>
    ({ model, prompt, seed: 1 }) as unknown as GoldenRequest;
  /** In another order than that of the workers. */
  const golden: GoldenPicture[] = [
    { request: request('pinhole', 'a lighthouse'), png: png(1) },
    { request: request('aperture', 'a harbour'), png: png(2) },
    { request: request('pinhole', 'a bridge'), png: png(3) },
  ];
  const models = { aperture: 'sha256:a', pinhole: 'sha256:p' };
  const values: Record<string, number[]> = { aperture: [2], pinhole: [1, 3] };
  const logOf = (model: keyof typeof models, digest = models[model]) =>
    [
      'a line of another program',
      ...(values[model] ?? []).map((value, index) =>
        JSON.stringify({
          request: index,
          model: digest,
          provider: 'cpu',
          png: Buffer.from(png(value)).toString('base64'),
        }),
      ),
      '',
    ].join('\n');
  const done: object = { conditions: [{ type: 'Complete', status: 'True' }] };

  /** A cluster whose jobs end at once, each with a log. */
  const cluster = (
    logs: Record<string, string>,
    status = done,
    ofSteps: Record<string, string> = {},
    ofPod: object = {},
  ) =>
    serveApi(({ method, path, query, body }, objects): Answer | undefined => {
      if (method === 'PATCH') {
        objects.set(path, { ...(body as Manifest), status });
        return { status: 200, body };
      }
      if (path.endsWith('/log')) {
        const { container = '' } = query;
        const log = logs[path.split('/').at(-2) ?? ''];
        return { status: 200, body: ofSteps[container] ?? log ?? '' };
      }
      if (!path.endsWith('/pods')) return undefined;
      const name = query['labelSelector']?.replace('job-name=canary-', '');
      const pod = (name: string | undefined, at: string, status = {}) => ({
        metadata: { name, creationTimestamp: `2026-01-01T00:00:${at}Z` },
        status,
      });
      const items = [pod('before', '01'), pod(name, '12', ofPod), pod('first', '00')];
      return { status: 200, body: { items } };
    });
  const deployments = ['aperture', 'pinhole'].map((model) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `worker-${model}`, namespace: 'darkroom' },
    spec: { template: worker(model) },
  }));
  const run = async (server: Awaited<ReturnType<typeof cluster>>, changed = {}) =>
    runCanaries(server.open(), deployments, {
      requests: golden.map((each) => each.request),
      models,
      expected: Promise.resolve(golden),
      tolerance: 0,
      wait: { limitMs: 1_000, tell: () => {}, signal: new AbortController().signal },
      ...changed,
    });
  const logs = { aperture: logOf('aperture'), pinhole: logOf('pinhole') };

  test('give the pictures in the order of their requests, and leave no job', async () => {
    const server = await cluster(logs);
    const { pictures, providers } = await run(server);
    expect(pictures.map(({ request: { prompt } }) => prompt)).toEqual([
      'a lighthouse',
      'a harbour',
      'a bridge',
    ]);
    expect(pictures.map((each) => Buffer.from(each.png))).toEqual(
      golden.map((each) => Buffer.from(each.png)),
    );
    expect(providers).toEqual({ aperture: 'cpu', pinhole: 'cpu' });
    expect(server.objects.size).toBe(0);
  });

  test('refuse another picture than the source made, and other files of a model', async () => {
    const other = golden.map((each) => ({ ...each, png: png(9) }));
    const expected = Promise.resolve(other);
    await expect(run(await cluster(logs), { expected })).rejects.toThrow(
      'the canary of aperture makes another picture of "a harbour"',
    );
    const files = { ...logs, pinhole: logOf('pinhole', 'sha256:old') };
    await expect(run(await cluster(files))).rejects.toThrow(
      'the canary of pinhole has loaded sha256:old, and the release has sha256:p',
    );
  });

  test('need no picture to compare with, but all of their own', async () => {
    const options = { expected: undefined };
    expect((await run(await cluster(logs), options)).pictures).toHaveLength(3);
    const less = { ...logs, pinhole: logs.pinhole.split('\n').slice(0, 2).join('\n') };
    await expect(run(await cluster(less), options)).rejects.toThrow(
      'the canary of pinhole made 1 of 2 pictures',
    );
  });

  test('fail with what keeps the source from making its pictures', async () => {
    const expected = Promise.reject(new Error('staging does not make the picture'));
    await expect(run(await cluster(logs), { expected })).rejects.toThrow('staging does not make');
  });

  test('that fail are told with their own last words', async () => {
    const failed = { conditions: [{ type: 'Failed', status: 'True', message: 'backoff limit' }] };
    const server = await cluster({ aperture: 'darkroom canary: no GPU' }, failed);
    await expect(run(server)).rejects.toThrow(
      /the canary of aperture does not run: .*backoff limit\ndarkroom canary: no GPU/s,
    );
  });

  test('that were not begun are told with the last words of the step before', async () => {
    const failed = { conditions: [{ type: 'Failed', status: 'True' }] };
    const ofSteps = { 'fetch-model': 'darkroom fetch-model: the store cannot be reached' };
    const server = await cluster({}, failed, ofSteps);
    await expect(run(server)).rejects.toThrow(
      /the canary of aperture does not run: .*\ndarkroom fetch-model: the store cannot be reached/s,
    );
  });

  test('that no node takes are told with the words of the node', async () => {
    const failed = { conditions: [{ type: 'Failed', status: 'True' }] };
    const refused = { reason: 'UnexpectedAdmissionError', message: 'no GPU is free' };
    const server = await cluster({}, failed, {}, refused);
    await expect(run(server)).rejects.toThrow(
      /the canary of aperture does not run: .*\nUnexpectedAdmissionError: no GPU is free/s,
    );
  });
});
