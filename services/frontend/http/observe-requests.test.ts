import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { eventually } from '@darkroom/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWatch } from '../testing/open-watch.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
let origin: string;
let held: PromiseWithResolvers<void>;
beforeAll(async () => {
  const store = await openMemoryStore();
  const list: typeof store.list = async (...asked) => {
    await held.promise;
    return await store.list(...asked);
  };
  frontend = await startFrontend(undefined, { store: { ...store, list } });
  origin = await frontend.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => frontend.close());

/** Without the one that asks. */
const inFlight = async () => {
  const { body } = await frontend.app.inject('/metrics');
  return Number(/^darkroom_http_requests_in_flight (\d+)/m.exec(body)?.[1]) - 1;
};

it('counts requests in flight until they are answered or their callers are gone', async () => {
  held = Promise.withResolvers();
  const gone = new AbortController();
  const list = (signal?: AbortSignal) =>
    fetch(`${origin}/trpc/generations.list`, signal === undefined ? {} : { signal });
  const answered = list();
  const broken = list(gone.signal).catch(() => 'broken off');
  await eventually(inFlight).toBe(2);
  gone.abort();
  expect(await broken).toBe('broken off');
  await eventually(inFlight).toBe(1);
  held.resolve();
  expect((await answered).status).toBe(200);
  await eventually(inFlight).toBe(0);
});

it('does not count a watch', async () => {
  const { result } = await frontend.mutate('generations.create', { prompt: 'a red circle' });
  const end = new AbortController();
  const watch = openWatch(origin, result.data.id, { signal: end.signal });
  await watch.next();
  expect(await inFlight()).toBe(0);
  end.abort();
});
