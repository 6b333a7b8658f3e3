import { createHash } from 'node:crypto';
import type { Generation, ModelEntry } from '@darkroom/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS_TENANT } from '../access/callers.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
beforeAll(async () => {
  frontend = await startFrontend(undefined, {
    webhooks: { secrets: () => ['whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0'] },
  });
});
afterAll(() => frontend.close());

const ask = (input: object) => frontend.mutate('generations.create', input);

async function create(input: object): Promise<Generation> {
  const answer = await ask(input);
  expect(answer.status, JSON.stringify(answer)).toBe(200);
  return answer.result.data;
}

/** Until the block ends, as if the service had been started with another catalogue. */
function withModel(change: Partial<ModelEntry>): Disposable {
  const { models } = frontend.catalogue;
  const before = models[0] as ModelEntry;
  models[0] = { ...before, ...change };
  return {
    [Symbol.dispose]: () => {
      models[0] = before;
    },
  };
}

describe('the seed of a request', () => {
  it.each([
    ['18446744073709551615', '18446744073709551615'],
    ['7', 7],
    [2 ** 53 - 1, 2 ** 53 - 1],
  ])('of %j is recorded as %j', async (seed, kept) => {
    const { id, request } = await create({ prompt: 'x', seed });
    expect(request.seed).toBe(kept);
    const { result } = await frontend.query('generations.get', { id });
    expect(result.data.request.seed).toBe(kept);
  });

  it('of -1 is drawn, as without one', async () => {
    const seeds = [
      (await create({ prompt: 'x', seed: -1 })).request.seed,
      (await create({ prompt: 'x', seed: '-1' })).request.seed,
      (await create({ prompt: 'x' })).request.seed,
    ];
    expect(new Set(seeds).size).toBe(3);
    for (const seed of seeds) expect(seed).toBeGreaterThanOrEqual(0);
  });
});

describe('a deadline that has passed', () => {
  it.each(['2001-01-01T00:00:00Z', '0000-01-01T00:00:00+02:00'])(
    'is refused with the time of the service: %s',
    async (deadline) => {
      const { status, error } = await ask({ prompt: 'x', deadline });
      expect(status).toBe(400);
      expect(error.message).toMatch(
        /^deadline: .* has passed; the time here is \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
      );
      expect(error.message).toContain(deadline);
    },
  );
});

/** Every default of the model and another notation of every value. */
const explicit = {
  model: 'pinhole',
  negativePrompt: '',
  steps: 20,
  width: 64,
  height: 64,
  count: 1,
  guidanceScale: 1.5,
  scheduler: 'ddim',
};

describe('a repeat under an idempotency key', () => {
  it.each([
    ['the same body in another order', { steps: 3, seed: 4 }, { seed: 4, steps: 3 }],
    ['defaults that are spelled out', {}, explicit],
    ['a seed of -1 instead of none', {}, { seed: -1 }],
    ['a seed in another notation', { seed: 7 }, { seed: '007' }],
    [
      'the same time in another notation',
      { deadline: '2100-01-01T00:00:00Z' },
      { deadline: '2100-01-01T02:00:00.000+02:00' },
    ],
    [
      'the same receiver in another notation',
      { webhook: { url: 'https://example.com/hook' } },
      { webhook: { url: 'HTTPS://EXAMPLE.com:443/a/../hook' } },
    ],
  ])('is one with %s', async (_, first, second) => {
    const idempotencyKey = crypto.randomUUID();
    const made = await create({ prompt: 'x', idempotencyKey, ...first });
    const again = await create({ prompt: 'x', idempotencyKey, ...second });
    expect(again.id).toBe(made.id);
    expect(again.request.seed).toBe(made.request.seed);
  });

  it.each([
    ['prompt', { prompt: 'y' }],
    ['negativePrompt', { negativePrompt: 'y' }],
    ['seed', { seed: 8 }],
    ['seed, which was not drawn', { seed: -1 }],
    ['steps', { steps: 21 }],
    ['count', { count: 2 }],
    ['guidanceScale', { guidanceScale: 2 }],
    ['scheduler', { scheduler: 'euler' }],
    ['karras', { scheduler: 'euler', karras: true }],
    ['deadline', { deadline: '2100-01-01T00:00:01Z' }],
    ['webhook', { webhook: { url: 'https://example.com/another' } }],
  ])('is a conflict with another %s', async (_, change) => {
    const idempotencyKey = crypto.randomUUID();
    const first = { prompt: 'x', seed: 7, deadline: '2100-01-01T00:00:00Z', idempotencyKey };
    const { id } = await create({ ...first, webhook: { url: 'https://example.com/hook' } });
    const webhook = { url: 'https://example.com/hook' };
    const { status, error } = await ask({ ...first, webhook, ...change });
    expect(status).toBe(409);
    expect(error.message).toContain(id);
  });

  it('is one although the defaults or the limits of the model have changed since', async () => {
    const body = { prompt: 'x', steps: 100, idempotencyKey: crypto.randomUUID() };
    const { id, request } = await create(body);
    const [model] = frontend.catalogue.models as [ModelEntry];
    {
      using _ = withModel({ defaults: { ...model.defaults, guidanceScale: 9 } });
      expect(await create(body)).toMatchObject({ id, request });
    }
    {
      using _ = withModel({ limits: { ...model.limits, steps: 50 } });
      expect(await create(body)).toMatchObject({ id, request });
      const other = await ask({ ...body, idempotencyKey: crypto.randomUUID() });
      expect(other.error.message).toBe('model pinhole: steps is 100, at most 50 is allowed');
    }
    {
      using _ = withModel({ name: 'another' });
      expect(await create({ ...body, model: undefined })).toMatchObject({ id });
    }
  });

  /** Records a body as the release before did, which knew bodies alone, whatever the time now. */
  async function recordedBefore(body: object): Promise<{ key: string; id: string }> {
    const { request } = await create({ prompt: 'x' });
    const key = crypto.randomUUID();
    const fields = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1));
    const fingerprint = createHash('sha256').update(JSON.stringify(fields)).digest('hex');
    const idempotency = { key, fingerprint };
    const id = crypto.randomUUID();
    await frontend.store.create({ id, tenant: ANONYMOUS_TENANT, request, idempotency });
    return { key, id };
  }

  it('is one of what the release before recorded', async () => {
    const body = { steps: 3, prompt: 'x', deadline: '2100-01-01T01:00:00+01:00' };
    const { key, id } = await recordedBefore(body);
    expect((await create({ ...body, idempotencyKey: key })).id).toBe(id);
    expect((await ask({ ...body, prompt: 'y', idempotencyKey: key })).status).toBe(409);
  });

  it('is one although the deadline has passed since', async () => {
    const body = { prompt: 'x', deadline: '2001-01-01T00:00:00Z' };
    const { key, id } = await recordedBefore(body);
    expect((await create({ ...body, idempotencyKey: key })).id).toBe(id);
    expect((await ask({ ...body, prompt: 'y', idempotencyKey: key })).status).toBe(409);
  });
});
