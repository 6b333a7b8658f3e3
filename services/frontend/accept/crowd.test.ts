import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { testCallers } from '../testing/keyed-callers.ts';
import { openWatch, restOf } from '../testing/open-watch.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';

const WATCHES = 60;
const STEPS = 150;

const { callers, grant } = testCallers();
const crowdOf = grant({ tenant: 'crowd' });
const other = grant({ tenant: 'other' });

let frontend: TestFrontend;
let origin: string;
beforeAll(async () => {
  frontend = await startFrontend(callers);
  origin = await frontend.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => frontend.close());

const create = (authorization: string) =>
  frontend.app.inject({
    method: 'POST',
    url: '/trpc/generations.create',
    headers: { authorization },
    payload: { prompt: 'x', steps: STEPS },
  });

it('reads and serialises a generation once for all its watches, and refuses nobody', async () => {
  const { id } = (await create(crowdOf)).json().result.data;
  const { fence, record } = await claim(frontend, id);
  const { revision } = record;
  const watches = Array.from({ length: WATCHES }, () =>
    openWatch(origin, id, { authorization: crowdOf }),
  );
  for (const watch of watches) await watch.next();

  const reads = vi.spyOn(frontend.store, 'get');
  const serialise = vi.spyOn(JSON, 'stringify');
  const answers: number[] = [];
  for (let step = 1; step <= STEPS; step += 1) {
    const progress = { step, steps: STEPS };
    const about = { version: 1, generationId: id, revision } as const;
    frontend.broker.publishEvent({ ...about, type: 'progress', progress });
    if (step % 15 === 0) answers.push((await create(other)).statusCode);
  }
  await frontend.store.complete({ id, fence, images: [], timings: TIMINGS });
  const about = { version: 1, generationId: id, revision: revision + 1 } as const;
  frontend.broker.publishEvent({ ...about, type: 'state', state: 'succeeded' });
  const seen = await Promise.all(watches.map(restOf));

  for (const events of seen) {
    expect(events.at(-2)?.data.state).toBe('succeeded');
    expect(events.at(-1)?.event).toBe('return');
  }
  const most = Math.max(...seen.map(({ length }) => length));
  const serialised = serialise.mock.calls.filter(
    ([value]) => (value as { id?: string } | undefined)?.id === id,
  );
  expect(serialised.length).toBeGreaterThan(0);
  expect(serialised.length).toBeLessThanOrEqual(most + 1);
  expect(reads.mock.calls.length).toBeLessThanOrEqual(3);
  expect(answers).toEqual(Array.from({ length: 10 }, () => 200));
  vi.restoreAllMocks();
});

it('looks for lost events in one query for all that is watched', async () => {
  const ids = await Promise.all(
    Array.from({ length: 5 }, async () => (await create(crowdOf)).json().result.data.id as string),
  );
  const watches = ids.map((id) => openWatch(origin, id, { authorization: crowdOf }));
  for (const watch of watches) await watch.next();
  const [first = ''] = ids;
  const positions = vi.spyOn(frontend.store, 'positions');
  const reads = vi.spyOn(frontend.store, 'get');
  await vi.waitFor(() => expect(positions.mock.calls.length).toBeGreaterThanOrEqual(2), 10_000);
  expect(positions.mock.calls.every(([asked]) => asked.length === ids.length)).toBe(true);
  expect(reads).not.toHaveBeenCalled();

  await frontend.store.requestCancel('crowd', first);
  const rest = await restOf(watches[0] ?? expect.fail());
  expect(rest.map(({ event, data }) => data?.state ?? event)).toContain('canceled');
  expect(reads).toHaveBeenCalledTimes(1);
  for (const watch of watches) await watch.return(undefined);
  vi.restoreAllMocks();
});
