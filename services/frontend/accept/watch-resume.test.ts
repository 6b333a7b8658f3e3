import { createMetrics } from '@darkroom/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFrontend } from '../app.ts';
import { openWatch, restOf, type WatchEvent } from '../testing/open-watch.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';

const STEPS = 4;

let frontend: TestFrontend;
let replica: ReturnType<typeof createFrontend>;
let origins: [string, string];
beforeAll(async () => {
  frontend = await startFrontend();
  replica = createFrontend({ ...frontend, metrics: createMetrics() });
  const listen = { host: '127.0.0.1', port: 0 };
  origins = [await frontend.app.listen(listen), await replica.listen(listen)];
});
afterAll(async () => {
  await replica.close();
  await frontend.close();
});

const first = async (watch: AsyncGenerator<WatchEvent>): Promise<WatchEvent> => {
  const { value, done } = await watch.next();
  return done ? expect.fail('the watch ended') : value;
};

/** A generation that runs, how far its first watch came, and how to end it. */
async function running() {
  const created = await frontend.mutate('generations.create', { prompt: 'x', steps: STEPS });
  const { id } = created.result.data;
  const { fence, record } = await claim(frontend, id);
  const { revision } = record;
  const watch = openWatch(origins[0], id);
  await first(watch);
  frontend.broker.publishEvent({
    version: 1,
    type: 'progress',
    generationId: id,
    revision,
    progress: { step: 3, steps: STEPS },
  });
  const seen = await first(watch);
  await watch.return(undefined);
  const complete = async () => {
    await frontend.store.complete({ id, fence, images: [], timings: TIMINGS });
    const about = { version: 1, generationId: id, revision: revision + 1 } as const;
    frontend.broker.publishEvent({ ...about, type: 'state', state: 'succeeded' });
  };
  return { id, revision, seenId: seen.id ?? '', complete };
}

const endOf = (events: WatchEvent[]) =>
  events.slice(-2).map(({ event, data }) => [event, data?.state]);
const END = [
  ['message', 'succeeded'],
  ['return', undefined],
];

it('goes on at another replica, with no less progress, and sees the end', async () => {
  const { id, seenId, complete } = await running();
  const resumed = openWatch(origins[1], id, { lastEventId: seenId });
  expect(await first(resumed)).toMatchObject({
    id: seenId,
    data: { state: 'running', progress: { step: 3 } },
  });
  await complete();
  expect(endOf(await restOf(resumed))).toEqual(END);
});

it('sees the end though it came between two watches', async () => {
  const { id, seenId, complete } = await running();
  await complete();
  expect(endOf(await restOf(openWatch(origins[1], id, { lastEventId: seenId })))).toEqual(END);
});

describe('a forged Last-Event-ID never hides the end', () => {
  it.each([
    ['nonsense', () => 'nonsense'],
    ['empty', () => ''],
    ['negative', () => '-1.-1'],
    ['no numbers', () => 'NaN.Infinity'],
    ['all steps done', (revision: number) => `${revision}.${STEPS}`],
    ['more steps than there are', (revision: number) => `${revision}.999999999999999`],
    ['the revision of the end', (revision: number) => `${revision + 1}.${STEPS}`],
    ['the far future', () => '999999999999999.999999999999999'],
    ['numbers beyond all bounds', () => `${'9'.repeat(49)}.${'9'.repeat(49)}`],
    ["another row's text", () => "1.0' or '1'='1"],
  ])('%s', async (_, forge) => {
    const { id, revision, complete } = await running();
    const lastEventId = forge(revision);
    const open = openWatch(origins[1], id, { lastEventId });
    const present = await first(open);
    expect(present.data.state).toBe('running');
    expect(present.data.progress.step).toBeLessThanOrEqual(STEPS);
    await complete();
    expect(endOf(await restOf(open))).toEqual(END);
    expect(endOf(await restOf(openWatch(origins[1], id, { lastEventId })))).toEqual(END);
  });

  it('and one that is too long is refused, with the reason', async () => {
    const { id } = await running();
    const events = await restOf(openWatch(origins[1], id, { lastEventId: '1'.repeat(101) }));
    expect(events).toMatchObject([
      { event: 'serialized-error', data: { data: { code: 'BAD_REQUEST' } } },
    ]);
  });
});
