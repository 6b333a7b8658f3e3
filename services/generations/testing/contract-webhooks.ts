import { expect, test, vi } from 'vitest';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import type { DueWebhook, WebhookOutcome } from '../webhook-store.ts';
import { actors } from './actors.ts';
import { past } from './new-generation.ts';

const webhookUrl = 'https://example.com/hook?of=mine';

const delivered: WebhookOutcome = { state: 'delivered', status: 204, error: null };
const again = (retryInMs: number): WebhookOutcome => ({
  state: 'pending',
  status: 503,
  error: 'it answered 503',
  retryInMs,
});

export function testWebhooks(store: () => GenerationStore): void {
  const take = (over: Partial<Parameters<GenerationStore['takeWebhooks']>[0]> = {}) =>
    store().takeWebhooks({ limit: 1_000, leaseMs: 60_000, except: [], ...over });

  const settle = ({ record, attempts }: DueWebhook, outcome: WebhookOutcome) =>
    store().settleWebhook({ id: record.id, attempts, outcome });

  const status = ({ tenant, id }: GenerationRecord) => store().getWebhook(tenant, id);

  /** What is due of one generation; what is due of others is taken and left lying. */
  const taken = async ({ id }: GenerationRecord, leaseMs = 60_000) =>
    (await take({ leaseMs })).find(({ record }) => record.id === id);

  const due = async (leaseMs?: number): Promise<DueWebhook> => {
    const record = await actors(store()).created({ webhookUrl });
    await store().requestCancel(record.tenant, record.id);
    return (await taken(record, leaseMs)) ?? expect.fail('not due');
  };

  /** Every statement that ends a generation. */
  const ends: Record<string, (record: GenerationRecord) => Promise<unknown>> = {
    'completed by its worker': async ({ id }) => {
      const { claimed, complete } = actors(store());
      await complete(id, (await claimed(id)).fence);
    },
    'failed by its worker': async ({ id }) => {
      const { fence } = await actors(store()).claimed(id);
      await store().fail({ id, fence, error: { code: 'ENGINE', message: 'no' } });
    },
    'canceled while it waits': ({ tenant, id }) => store().requestCancel(tenant, id),
    'canceled and settled by its worker': async ({ tenant, id }) => {
      const { fence } = await actors(store()).claimed(id);
      await store().requestCancel(tenant, id);
      await store().settleCancel({ id, fence });
    },
    'canceled and handed back': async ({ tenant, id }) => {
      const { fence } = await actors(store()).claimed(id);
      await store().requestCancel(tenant, id);
      await store().release({ id, fence, countAttempt: false });
    },
    'canceled and swept, its worker gone': async ({ tenant, id }) => {
      await actors(store()).claimed(id, { leaseMs: 0 });
      await store().requestCancel(tenant, id);
      await actors(store()).sweep();
    },
    'out of attempts at a claim': async ({ id }) => {
      await actors(store()).claim(id, { maxAttempts: 0 });
    },
  };

  test.each(Object.entries(ends))('is due at once when %s, and not before', async (_, end) => {
    const record = await actors(store()).created({ webhookUrl });
    expect(await taken(record)).toBeUndefined();
    expect(await status(record)).toEqual({
      state: 'waiting',
      attempts: 0,
      lastStatus: null,
      lastError: null,
      nextAt: null,
    });
    await end(record);
    const ended = await store().get(record.tenant, record.id);
    const takenAt = expect.any(Date);
    expect(await taken(record)).toEqual({ record: ended, url: webhookUrl, attempts: 1, takenAt });
    expect(await taken(record)).toBeUndefined();
  });

  test('is due when a deadline passes', async () => {
    const record = await actors(store()).created({ webhookUrl, deadline: past });
    await actors(store()).sweep();
    expect(await taken(record)).toMatchObject({ record: { error: { code: 'EXPIRED' } } });
  });

  test('is not written for who asked for none', async () => {
    const record = await actors(store()).created();
    await store().requestCancel(record.tenant, record.id);
    expect(await taken(record)).toBeUndefined();
    expect(await status(record)).toBeUndefined();
  });

  test('is not shown to another tenant', async () => {
    const { record } = await due();
    expect(await store().getWebhook('another', record.id)).toBeUndefined();
  });

  test('is sent no more once its generation is deleted', async () => {
    const { record } = await due(0);
    await store().hide(record.tenant, record.id);
    expect(await taken(record)).toBeUndefined();
    expect(await status(record)).toBeUndefined();
  });

  test('is over when delivered', async () => {
    const webhook = await due(0);
    expect(await settle(webhook, delivered)).toBe(true);
    expect(await taken(webhook.record)).toBeUndefined();
    expect(await status(webhook.record)).toEqual({
      state: 'delivered',
      attempts: 1,
      lastStatus: 204,
      lastError: null,
      nextAt: null,
    });
  });

  test('is over when given up', async () => {
    const webhook = await due(0);
    await settle(webhook, { state: 'failed', status: 410, error: 'gone' });
    expect(await taken(webhook.record)).toBeUndefined();
    expect(await status(webhook.record)).toMatchObject({ state: 'failed', lastError: 'gone' });
  });

  test('is due again when its next time has come', async () => {
    const webhook = await due();
    await settle(webhook, again(3_600_000));
    expect(await taken(webhook.record)).toBeUndefined();
    const waiting = await status(webhook.record);
    expect(waiting).toMatchObject({ state: 'pending', attempts: 1, lastStatus: 503 });
    expect(Date.parse(waiting?.nextAt ?? '') - Date.now()).toBeGreaterThan(3_500_000);

    const other = await due();
    await settle(other, again(0));
    expect(await taken(other.record)).toMatchObject({ attempts: 2 });
  });

  test('is leased for milliseconds', async () => {
    const { record, takenAt } = await due(60_000);
    const { nextAt } = (await status(record)) ?? {};
    const leasedMs = Date.parse(nextAt ?? '') - takenAt.getTime();
    expect(leasedMs).toBeGreaterThan(59_000);
    expect(leasedMs).toBeLessThan(61_000);
  });

  test('is not settled again once it is delivered', async () => {
    const webhook = await due();
    expect(await settle(webhook, delivered)).toBe(true);
    expect(await settle(webhook, again(0))).toBe(false);
    expect(await status(webhook.record)).toMatchObject({ state: 'delivered' });
  });

  test('is taken by another when its lease has run out, and the first can settle no more', async () => {
    const first = await due(1);
    const second = await vi.waitFor(async () => {
      return (await taken(first.record)) ?? expect.fail('still leased');
    }, 10_000);
    expect(second).toEqual({ ...first, attempts: 2, takenAt: expect.any(Date) });
    expect(second.takenAt.getTime()).toBeGreaterThan(first.takenAt.getTime());
    expect(await settle(first, { state: 'failed', status: null, error: 'late' })).toBe(false);
    expect(await settle(second, delivered)).toBe(true);
    expect(await status(first.record)).toMatchObject({ state: 'delivered', lastError: null });
  });

  test('leaves tenants out that have enough in hand, and takes no more than asked', async () => {
    await take();
    const { record } = await due(0);
    const more = await due(0);
    expect(await take({ except: [record.tenant, more.record.tenant] })).toEqual([]);
    // Which of the two comes first is open: they were taken, and became due again, together.
    expect(await take({ limit: 1 })).toHaveLength(1);
  });
}
