import type { Generation } from '@darkroom/contract';
import type { JobDelivery } from '@darkroom/messaging';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { claim, startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
const deliveries: JobDelivery[] = [];
beforeAll(async () => {
  frontend = await startFrontend();
  await frontend.broker.consumeJobs({ model: 'pinhole', prefetch: 100 }, async (delivery) => {
    deliveries.push(delivery);
    return 'acknowledge';
  });
});
afterAll(() => frontend.close());

const create = async (input: object): Promise<Generation> => {
  const answer = await frontend.mutate('generations.create', input);
  expect(answer.status, JSON.stringify(answer)).toBe(200);
  return answer.result.data;
};

describe('generations.create', () => {
  it('records the request with every choice made, and queues it', async () => {
    const created = await create({
      prompt: 'a red circle',
      seed: 7,
      deadline: '2100-01-01T00:00:00+01:00',
    });
    expect(created).toMatchObject({
      state: 'queued',
      request: {
        model: 'pinhole',
        prompt: 'a red circle',
        seed: 7,
        steps: 20,
        width: 64,
        count: 1,
      },
      progress: { step: 0, steps: 20 },
      images: [],
      error: null,
    });
    const delivery = await vi.waitUntil(() =>
      deliveries.find(({ job }) => job.generationId === created.id),
    );
    expect(delivery.job).toMatchObject({ version: 1, model: 'pinhole' });
    const record = (await frontend.records()).find(({ id }) => id === created.id);
    expect(record).toMatchObject({ published: true, deadline: '2099-12-31T23:00:00.000Z' });
    const answer = await frontend.query('generations.get', { id: created.id });
    expect(created.waiting).toBeNull();
    expect(answer.result.data).toEqual({
      ...created,
      waiting: { position: 0, reason: 'cold-start', startMs: null },
      webhook: null,
    });
  });

  it('keeps an emoji prompt as it was written', async () => {
    const prompt = 'a 🔴 on 背景';
    expect((await create({ prompt })).request.prompt).toBe(prompt);
  });

  it('draws a seed where none is given, another for each request', async () => {
    const seeds = await Promise.all(
      Array.from({ length: 5 }, async () => (await create({ prompt: 'x' })).request.seed),
    );
    expect(new Set(seeds).size).toBe(5);
    for (const seed of seeds) expect(seed).toBeGreaterThanOrEqual(0);
  });

  it("goes on with the caller's trace, in the record and in the message", async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const response = await frontend.app.inject({
      method: 'POST',
      url: '/trpc/generations.create',
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
      payload: { prompt: 'x' },
    });
    const { id } = response.json().result.data;
    const record = (await frontend.records()).find((each) => each.id === id);
    expect(record?.traceparent).toBe(`00-${traceId}-00f067aa0ba902b7-01`);
    const delivery = await vi.waitUntil(() =>
      deliveries.find(({ job }) => job.generationId === id),
    );
    expect(delivery.job.traceparent).toBe(record?.traceparent);
  });

  it('returns the first generation to a repeat with the same key, whatever the order of fields', async () => {
    const first = await create({ prompt: 'x', steps: 3, idempotencyKey: 'order-1' });
    const again = await create({ idempotencyKey: 'order-1', steps: 3, prompt: 'x' });
    expect(again.id).toBe(first.id);
    expect(again.request.seed).toBe(first.request.seed);
    const other = await frontend.mutate('generations.create', {
      prompt: 'y',
      steps: 3,
      idempotencyKey: 'order-1',
    });
    expect(other).toMatchObject({
      status: 409,
      error: { message: expect.stringContaining('order-1'), data: { code: 'CONFLICT' } },
    });
  });
});

describe('generations.list', () => {
  it('gives pages, newest first, each generation once', async () => {
    const { result } = await frontend.query('generations.list', { limit: 2 });
    expect(result.data.generations).toHaveLength(2);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await frontend.query('generations.list', { limit: 3, cursor });
      seen.push(...page.result.data.generations.map(({ id }: Generation) => id));
      cursor = page.result.data.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual((await frontend.records()).map(({ id }) => id));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('needs no input and filters by state', async () => {
    expect((await frontend.query('generations.list')).status).toBe(200);
    const { result } = await frontend.query('generations.list', { state: 'succeeded' });
    expect(result.data).toEqual({ generations: [], nextCursor: null });
  });
});

describe('generations.cancel', () => {
  it('ends what is queued at once', async () => {
    const { id } = await create({ prompt: 'x' });
    const answer = await frontend.mutate('generations.cancel', { id });
    expect(answer.result.data).toMatchObject({ id, state: 'canceled', cancelRequested: true });
  });

  it('asks the worker to stop what is running, and tells it by an event', async () => {
    const { id } = await create({ prompt: 'x' });
    await claim(frontend, id);
    const cancels: string[] = [];
    const heard = await frontend.broker.subscribeEvents('cancel', (event) => {
      cancels.push(event.generationId);
    });
    const answer = await frontend.mutate('generations.cancel', { id });
    expect(answer.result.data).toMatchObject({ state: 'running', cancelRequested: true });
    await vi.waitUntil(() => cancels.includes(id));
    await heard.stop();
  });
});

describe('the service about itself', () => {
  it('lists its models with limits and defaults', async () => {
    const { result } = await frontend.query('models.list');
    expect(result.data).toEqual(frontend.catalogue.models);
  });

  it('tells its version, readiness and queues', async () => {
    // The queues as they were a moment ago.
    const { result } = await vi.waitUntil(
      async () => {
        const answer = await frontend.query('system.status');
        return answer.result.data.models[0].running === 1 && answer;
      },
      { timeout: 5_000 },
    );
    expect(result.data).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      ready: true,
      checks: ['database', 'broker', 'storage'].map((name) => ({ name, ready: true })),
      models: [
        {
          name: 'pinhole',
          queued: expect.any(Number),
          running: 1,
          maxQueued: 10_000,
          workers: { ready: 0, loading: 0, draining: 0 },
          waiting: { position: expect.any(Number), reason: 'cold-start', startMs: null },
        },
      ],
    });
    expect(result.data.models[0].queued).toBeGreaterThan(0);
  });

  it('answers several queries in one batch', async () => {
    const response = await frontend.app.inject(
      '/trpc/models.list,system.status?batch=1&input=%7B%7D',
    );
    expect(response.statusCode).toBe(200);
    expect(response.json()).toHaveLength(2);
  });

  it('is alive and ready, and exports its metrics', async () => {
    expect((await frontend.app.inject('/healthz')).statusCode).toBe(200);
    expect((await frontend.app.inject('/readyz')).statusCode).toBe(200);
    const { body } = await frontend.app.inject('/metrics');
    expect(body).toMatch(/darkroom_generations\{model="pinhole",state="running"\} 1/);
    expect(body).toMatch(/darkroom_queue_oldest_seconds\{model="pinhole"\} \d/);
    expect(body).toMatch(/darkroom_generations_created_total\{model="pinhole"\} \d+/);
    expect(body).toMatch(
      /darkroom_http_request_seconds_count\{route="generations.create",method="POST",status="200"\}/,
    );
  });
});
