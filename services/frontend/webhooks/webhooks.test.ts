import { randomUUID } from 'node:crypto';
import type { Generation } from '@darkroom/contract';
import { createMetrics } from '@darkroom/lifecycle';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { anonymousCallers } from '../access/callers.ts';
import { startWebhooks, type WebhookOptions } from '../background/start-webhooks.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';
import { MAX_TRIES } from './retry-delay.ts';
import { createSender } from './send.ts';
import { newSecret, startReceiver } from './testing/start-receiver.ts';

const secret = newSecret();
const PATIENCE_MS = 15_000;
const settings = {
  allowPrivate: true,
  secrets: (tenant: string) => (tenant === 'nobody' ? [] : [newSecret(), secret]),
};

let frontend: TestFrontend;
const open: { stop?(): unknown; close?(): unknown }[] = [];
beforeAll(async () => {
  frontend = await startFrontend(anonymousCallers(), { webhooks: settings });
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await (one.stop?.() ?? one.close?.());
});
afterAll(() => frontend.close());

const receiver = async (...args: Parameters<typeof startReceiver>) => {
  const started = await startReceiver(...args);
  open.push(started);
  return started;
};

const deliveries = (over: Partial<WebhookOptions> = {}) => {
  const { store, logger } = frontend;
  const metrics = createMetrics();
  const started = startWebhooks({ store, settings, logger, metrics, intervalMs: 20, ...over });
  open.push(started);
  return { ...started, metrics };
};

const create = async (url: string, over: object = {}): Promise<Generation> => {
  const answer = await frontend.mutate('generations.create', {
    prompt: 'a red circle',
    webhook: { url },
    ...over,
  });
  expect(answer.status, JSON.stringify(answer)).toBe(200);
  return answer.result.data;
};

const get = async (id: string): Promise<Generation> =>
  (await frontend.query('generations.get', { id })).result.data;

const cancel = (id: string) => frontend.mutate('generations.cancel', { id });

describe('a webhook', () => {
  it('tells a success as callers see it, signed, once', async () => {
    const { url, received } = await receiver(secret);
    const { metrics } = deliveries();
    const { id } = await create(url);
    expect((await get(id)).webhook).toMatchObject({ state: 'waiting', attempts: 0 });
    const { fence } = await claim(frontend, id);
    await frontend.store.complete({ id, fence, images: [], timings: TIMINGS });

    await vi.waitFor(
      async () => expect((await get(id)).webhook?.state).toBe('delivered'),
      PATIENCE_MS,
    );
    const { webhook, ...seen } = await get(id);
    expect(webhook).toEqual({
      state: 'delivered',
      attempts: 1,
      lastStatus: 204,
      lastError: null,
      nextAt: null,
    });
    expect(received).toEqual([
      {
        id: `msg_${id}`,
        message: { type: 'generation.succeeded', timestamp: seen.finishedAt, data: seen },
      },
    ]);
    expect(await metrics.metrics()).toContain('outcome="delivered"} 1');
  });

  it.each([
    [
      'generation.failed',
      async (id: string) => {
        const { fence } = await claim(frontend, id);
        await frontend.store.fail({ id, fence, error: { code: 'ENGINE', message: 'no' } });
      },
    ],
    ['generation.canceled', cancel],
  ])('tells %s', async (type, end) => {
    const { url, received } = await receiver(secret);
    deliveries();
    const { id } = await create(url);
    await end(id);
    await vi.waitFor(() => expect(received).toMatchObject([{ message: { type } }]), PATIENCE_MS);
  });

  it('is tried again, under the same id, when the receiver cannot take it', async () => {
    const { url, received } = await receiver(secret, (number) => (number === 1 ? 503 : 200));
    deliveries();
    const { id } = await create(url);
    await cancel(id);
    await vi.waitFor(async () => {
      expect((await get(id)).webhook).toMatchObject({
        state: 'pending',
        attempts: 1,
        lastStatus: 503,
        lastError: 'it answered 503',
      });
    }, PATIENCE_MS);
    await vi.waitFor(
      async () => expect((await get(id)).webhook?.state).toBe('delivered'),
      PATIENCE_MS,
    );
    expect(received.map((one) => one.id)).toEqual([`msg_${id}`, `msg_${id}`]);
    expect(received[1]?.message).toEqual(received[0]?.message);
  });

  it.each([429, 503])('waits as long as a receiver asks that answers %i', async (status) => {
    const { url } = await receiver(secret, () => (response) => {
      response.writeHead(status, { 'retry-after': '3600' }).end();
    });
    deliveries();
    const { id } = await create(url);
    await cancel(id);
    const inMs = async () => Date.parse((await get(id)).webhook?.nextAt ?? '') - Date.now();
    await vi.waitFor(async () => expect(await inMs()).toBeGreaterThan(3_500_000), PATIENCE_MS);
    expect(await inMs()).toBeLessThan(3_600_000 * 1.25);
    expect((await get(id)).webhook).toMatchObject({ state: 'pending', lastStatus: status });
  });

  it.each([
    [MAX_TRIES - 1, 'pending'],
    [MAX_TRIES, 'failed'],
  ])('is %i times refused: %s', async (tries, state) => {
    const { url, received } = await receiver(secret, () => 500);
    const { id } = await create(url);
    await cancel(id);
    // The attempts before the last, as frontends make them that end before they settle one.
    for (let attempt = 1; attempt < tries; attempt++) {
      const taken = await frontend.store.takeWebhooks({ limit: 1_000, leaseMs: 0, except: [] });
      expect(taken.find(({ record }) => record.id === id)?.attempts).toBe(attempt);
    }
    deliveries();
    await vi.waitFor(async () => {
      expect((await get(id)).webhook).toMatchObject({ state, attempts: tries, lastStatus: 500 });
    }, PATIENCE_MS);
    expect(received).toHaveLength(1);
  });

  it("is signed with the time of the database's clock", async () => {
    const { store } = frontend;
    const takenAt = new Date(Date.now() + 3_600_000);
    const ahead = {
      ...store,
      takeWebhooks: async (options: Parameters<typeof store.takeWebhooks>[0]) =>
        (await store.takeWebhooks(options)).map((due) => ({ ...due, takenAt })),
    };
    const seen: Record<string, string>[] = [];
    const sender = {
      send: async (_url: string, headers: Record<string, string>) => {
        seen.push(headers);
        return { status: 204, error: null };
      },
      close: async () => {},
    };
    deliveries({ store: ahead, sender });
    const { id } = await create('https://example.com/');
    await cancel(id);
    const timestamp = String(Math.floor(takenAt.getTime() / 1_000));
    await vi.waitFor(
      () => expect(seen).toMatchObject([{ 'webhook-timestamp': timestamp }]),
      PATIENCE_MS,
    );
  });

  it('is tried no more when the receiver says that it is gone', async () => {
    const { url, received } = await receiver(secret, () => 410);
    deliveries();
    const { id } = await create(url);
    await cancel(id);
    await vi.waitFor(async () => {
      expect((await get(id)).webhook).toMatchObject({ state: 'failed', lastStatus: 410 });
    }, PATIENCE_MS);
    expect(received).toHaveLength(1);
  });

  it('reaches the receiver again when it was sent and not noted, under the same id', async () => {
    const { url, received } = await receiver(secret);
    const { store } = frontend;
    // As where the database is away at that moment, or the process ends.
    const forgetful = { ...store, settleWebhook: () => Promise.reject(new Error('away')) };
    const first = deliveries({ store: forgetful, leaseMs: 1 });
    const { id } = await create(url);
    await cancel(id);
    await vi.waitFor(() => expect(received.length).toBeGreaterThan(0), PATIENCE_MS);
    await first.stop();
    deliveries();
    await vi.waitFor(
      async () => expect((await get(id)).webhook?.state).toBe('delivered'),
      PATIENCE_MS,
    );
    expect(received.length).toBeGreaterThan(1);
    expect(new Set(received.map((one) => one.id))).toEqual(new Set([`msg_${id}`]));
  });

  it('does not wait for the slow receiver of another tenant', async () => {
    const slow = await receiver(secret, () => () => {});
    const { url, received } = await receiver(secret);
    const { request } = await create(url);
    for (let i = 0; i < 50; i++) {
      const input = { id: randomUUID(), tenant: 'slow', request, webhookUrl: slow.url };
      const { record } = await frontend.store.create(input);
      await frontend.store.requestCancel('slow', record.id);
    }
    deliveries({ sender: createSender(settings, { timeoutMs: 60_000 }) });
    await vi.waitFor(() => expect(slow.received.length).toBeGreaterThan(0), PATIENCE_MS);
    const { id } = await create(url);
    await cancel(id);
    await vi.waitFor(
      async () => expect((await get(id)).webhook?.state).toBe('delivered'),
      PATIENCE_MS,
    );
    expect(received).toHaveLength(1);
    expect(slow.received.length).toBeLessThan(20);
    slow.close();
  });
});

describe('generations.create refuses a webhook', () => {
  const refusal = async (webhook: unknown) => {
    const { status, error } = await frontend.mutate('generations.create', { prompt: 'x', webhook });
    return `${status}: ${error?.message}`;
  };

  it.each([
    ['that is only a URL', 'https://example.com', '400: webhook: must be an object, not string'],
    ['without a URL', {}, '400: webhook.url: is missing'],
    ['with more', { url: 'https://a.b', retries: 9 }, '400: "retries": unknown field; the fields'],
    ['with a user', { url: 'https://me@example.com' }, '400: webhook.url: must not contain a user'],
    ['to a file', { url: 'file:///etc/passwd' }, '400: webhook.url: must begin with https://'],
    ['that is too long', { url: `https://a.b/${'x'.repeat(2_000)}` }, '400: webhook.url: must be'],
  ])('%s', async (_, webhook, why) => {
    expect(await refusal(webhook)).toContain(why);
  });

  it('to a private address, unless that is switched on', async () => {
    const strict = await startFrontend(anonymousCallers(), {
      webhooks: { secrets: () => [secret] },
    });
    open.push(strict);
    const { status, error } = await strict.mutate('generations.create', {
      prompt: 'x',
      webhook: { url: 'https://169.254.169.254/' },
    });
    expect(status).toBe(400);
    expect(error.message).toBe('webhook.url: must not name a private address');
    expect(await strict.records()).toEqual([]);
  });

  it('where there is nothing to sign it with', async () => {
    const without = await startFrontend();
    open.push(without);
    const { status, error } = await without.mutate('generations.create', {
      prompt: 'x',
      webhook: { url: 'https://example.com' },
    });
    expect(status).toBe(400);
    expect(error.message).toContain('no secret to sign your webhooks with');
  });
});
