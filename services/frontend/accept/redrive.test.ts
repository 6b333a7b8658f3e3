import { randomUUID } from 'node:crypto';
import type { ModelEntry } from '@darkroom/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { claim, startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(() => frontend.close());

const create = async () =>
  (await frontend.mutate('generations.create', { prompt: 'a red circle', count: 2 })).result.data;

/** Created, taken up, and failed by its worker. */
async function failed() {
  const { id } = await create();
  const { fence } = await claim(frontend, id);
  await frontend.store.fail({ id, fence, error: { code: 'ENGINE', message: 'it broke' } });
  return (await frontend.query('generations.get', { id })).result.data;
}

it('makes a new generation of the same request, which names the old', async () => {
  const old = await failed();
  const { result } = await frontend.mutate('generations.redrive', { id: old.id });
  expect(result.data).toMatchObject({
    state: 'queued',
    request: old.request,
    redriveOf: old.id,
    attempt: 0,
    error: null,
  });
  expect(result.data.id).not.toBe(old.id);
  expect((await frontend.query('generations.get', { id: old.id })).result.data).toEqual(old);
});

it('repeats the request as it was recorded, whatever the defaults are now', async () => {
  const old = await failed();
  const { models } = frontend.catalogue;
  const [model] = models as [ModelEntry];
  const { scheduler: _, ...defaults } = model.defaults;
  models[0] = { ...model, defaults };
  const leftToModel = await failed();
  expect(leftToModel.request).not.toHaveProperty('scheduler');
  models[0] = {
    ...model,
    defaults: { ...defaults, scheduler: 'euler', karras: true, steps: 9, guidanceScale: 7 },
  };
  try {
    for (const { id, request } of [old, leftToModel]) {
      const { result } = await frontend.mutate('generations.redrive', { id });
      expect(result.data.request).toEqual(request);
    }
  } finally {
    models[0] = model;
  }
});

it('refuses a request that the model no longer allows, and says what is beyond its limits', async () => {
  const { id } = await failed();
  const { models } = frontend.catalogue;
  const [model] = models as [ModelEntry];
  models[0] = { ...model, limits: { ...model.limits, count: 1 } };
  try {
    const { status, error } = await frontend.mutate('generations.redrive', { id });
    expect(status).toBe(409);
    expect(error.message).toBe(
      `the request of generation ${id} is no longer allowed: model pinhole: count is 2, at most 1 is allowed. Create a new one within the limits.`,
    );
    models[0] = { ...model, name: 'another' };
    const gone = await frontend.mutate('generations.redrive', { id });
    expect(gone.error.message).toContain(
      'model: "pinhole" is not in the catalogue; it has another',
    );
  } finally {
    models[0] = model;
  }
});

it('makes one generation of repeats with the same key', async () => {
  const { id } = await failed();
  const redrive = () =>
    frontend.mutate('generations.redrive', { id, idempotencyKey: `again ${id}` });
  const [first, second] = [await redrive(), await redrive()];
  expect(second.result.data.id).toBe(first.result.data.id);
});

it('redrives what was canceled', async () => {
  const { id } = await create();
  await frontend.mutate('generations.cancel', { id });
  const { result } = await frontend.mutate('generations.redrive', { id });
  expect(result.data).toMatchObject({ state: 'queued', redriveOf: id });
});

it('refuses what has not ended or has succeeded, and says what to do', async () => {
  const { id } = await create();
  const queued = await frontend.mutate('generations.redrive', { id });
  expect(queued.error).toMatchObject({
    message: expect.stringContaining('cancel it first'),
    data: { code: 'CONFLICT' },
  });
  const { fence } = await claim(frontend, id);
  const timings = { modelLoadMs: 0, inferenceMs: 1, storeMs: 1 };
  await frontend.store.complete({ id, fence, images: [], timings });
  const succeeded = await frontend.mutate('generations.redrive', { id });
  expect(succeeded.error).toMatchObject({
    message: expect.stringContaining('has succeeded'),
    data: { code: 'CONFLICT' },
  });
});

it('does not know what was never asked for', async () => {
  const { error } = await frontend.mutate('generations.redrive', { id: randomUUID() });
  expect(error.data).toMatchObject({ code: 'NOT_FOUND', httpStatus: 404 });
});
