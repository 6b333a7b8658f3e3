import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openWatch, restOf, type WatchEvent } from '../testing/open-watch.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
let origin: string;
beforeAll(async () => {
  frontend = await startFrontend();
  await frontend.app.listen({ host: '127.0.0.1', port: 0 });
  origin = `http://127.0.0.1:${(frontend.app.server.address() as AddressInfo).port}`;
});
afterAll(() => frontend.close());

const create = async (): Promise<string> =>
  (await frontend.mutate('generations.create', { prompt: 'x', steps: 4 })).result.data.id;

const next = async (watch: AsyncGenerator<WatchEvent>): Promise<WatchEvent> => {
  const { value, done } = await watch.next();
  return done ? expect.fail('the watch ended') : value;
};

/** A worker's words about a generation it has claimed. */
function worker(id: string, { fence, record }: Awaited<ReturnType<typeof claim>>) {
  const { store, broker } = frontend;
  const about = { version: 1, generationId: id, revision: record.revision } as const;
  return {
    tellProgress: (step: number) =>
      broker.publishEvent({ ...about, type: 'progress', progress: { step, steps: 4 } }),
    tellState: (state: 'running' | 'succeeded') =>
      broker.publishEvent({ ...about, type: 'state', state }),
    heartbeat: (step: number) =>
      store.heartbeat({ id, fence, leaseMs: 60_000, progress: { step, steps: 4 } }),
    complete: () => store.complete({ id, fence, images: [], timings: TIMINGS }),
  };
}

it('shows the present state first, then each change, and ends after the last', async () => {
  const id = await create();
  const watch = openWatch(origin, id);
  const first = await next(watch);
  expect(first).toMatchObject({ event: 'message', data: { id, state: 'queued' } });

  const { tellProgress, tellState, complete } = worker(id, await claim(frontend, id));
  tellState('running');
  const running = await next(watch);
  expect(running.data).toMatchObject({ state: 'running', progress: { step: 0, steps: 4 } });
  for (const step of [1, 2, 3]) {
    tellProgress(step);
    const event = await next(watch);
    expect(event.data.progress).toEqual({ step, steps: 4 });
    expect(event.id).toBe(`${running.id?.split('.')[0]}.${step}`);
  }
  await complete();
  tellState('succeeded');
  const last = await next(watch);
  expect(last.data).toMatchObject({ state: 'succeeded', progress: { step: 4 }, timings: TIMINGS });
  expect(await next(watch)).toMatchObject({ event: 'return' });
  expect(await watch.next()).toMatchObject({ done: true });
});

it('sees changes and the end though every event is lost', async () => {
  const id = await create();
  const watch = openWatch(origin, id);
  await next(watch);
  const { heartbeat, complete } = worker(id, await claim(frontend, id));
  await heartbeat(2);
  expect((await next(watch)).data).toMatchObject({ state: 'running', progress: { step: 2 } });
  await complete();
  expect((await next(watch)).data.state).toBe('succeeded');
  expect(await next(watch)).toMatchObject({ event: 'return' });
});

it('tells what a queued generation waits for, and when that changes', async () => {
  const id = await create();
  const watch = openWatch(origin, id);
  /** The first event from here on of a generation that waits for this reason, or for none. */
  const told = async (reason: string | undefined) => {
    for (;;) {
      const event = await next(watch);
      if (event.data.waiting?.reason === reason) return event;
    }
  };
  const cold = await told('cold-start');
  expect(cold.data.state).toBe('queued');
  const worker = { worker: 'w', models: ['pinhole'], crashes: 0 };
  await frontend.store.announceWorker({ ...worker, state: 'loading' });
  expect((await told('model-loading')).id).toBe(cold.id);
  await frontend.store.announceWorker({ ...worker, state: 'ready' });
  expect((await told('no-capacity')).id).toBe(cold.id);
  await claim(frontend, id);
  expect((await told(undefined)).data).toMatchObject({ state: 'running', waiting: null });
  await frontend.store.withdrawWorker('w');
  await watch.return(undefined);
}, 20_000);

it('shows a finished generation and ends', async () => {
  const id = await create();
  await frontend.mutate('generations.cancel', { id });
  const events = await restOf(openWatch(origin, id));
  expect(events.map(({ event, data }) => [event, data?.state])).toEqual([
    ['message', 'canceled'],
    ['return', undefined],
  ]);
});

it('goes on where a broken watch was, with the present state and no less progress', async () => {
  const id = await create();
  const { tellProgress, heartbeat } = worker(id, await claim(frontend, id));
  const broken = new AbortController();
  const watch = openWatch(origin, id, { signal: broken.signal });
  await next(watch);
  tellProgress(3);
  const seen = await next(watch);
  broken.abort();
  await expect(watch.next()).rejects.toThrow();

  await heartbeat(1);
  const resumed = openWatch(origin, id, { lastEventId: seen.id ?? '' });
  expect(await next(resumed)).toMatchObject({
    id: seen.id,
    data: { state: 'running', progress: { step: 3 } },
  });
  await resumed.return(undefined);

  const fromNothing = openWatch(origin, id, { lastEventId: 'nonsense' });
  expect((await next(fromNothing)).data.progress.step).toBe(1);
  await fromNothing.return(undefined);
});

it('lets go of a watch whose caller has gone', async () => {
  const id = await create();
  const watches = async () =>
    Number(/^darkroom_watches (\d+)/m.exec((await frontend.app.inject('/metrics')).body)?.[1]);
  const gone = new AbortController();
  const watch = openWatch(origin, id, { signal: gone.signal });
  await next(watch);
  expect(await watches()).toBe(1);
  gone.abort();
  await expect(watch.next()).rejects.toThrow();
  await vi.waitFor(async () => expect(await watches()).toBe(0));
});

it('reports a generation that is not there', async () => {
  const watch = openWatch(origin, crypto.randomUUID());
  expect(await next(watch)).toMatchObject({
    event: 'serialized-error',
    data: { data: { code: 'NOT_FOUND' } },
  });
});

// The last, since it closes the frontend that the others share.
it('breaks off when the frontend closes, and tells the caller when to come again', async () => {
  const id = await create();
  const watch = openWatch(origin, id);
  await next(watch);
  const rest = restOf(watch);
  const began = performance.now();
  await frontend.app.close();
  expect(performance.now() - began).toBeLessThan(2_000);
  expect((await rest).map(({ event }) => event)).toEqual(['retry']);
});
