import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { anonymousCallers } from '../access/callers.ts';
import { openWatch } from '../testing/open-watch.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
let port: number;
beforeAll(async () => {
  frontend = await startFrontend(anonymousCallers(), { maxEventLoopDelayMs: 100 });
  await frontend.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = frontend.app.server.address() as AddressInfo);
});
afterAll(() => frontend.close());

/** Keeps the event loop for so long, as a long computation in it would. */
const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

it('refuses calls while the event loop is late, but neither probes nor open watches', async () => {
  const { id } = (await frontend.mutate('generations.create', { prompt: 'x' })).result.data;
  const watch = openWatch(`http://127.0.0.1:${port}`, id);
  await watch.next();
  const { fence } = await claim(frontend, id);
  const accepted: string[] = [];

  // At every turn, so that the loop is late whenever it is judged, however long a call takes.
  const late = setInterval(() => block(150), 1);
  const refused = await vi
    .waitUntil(
      async () => {
        const answer = await frontend.mutate('generations.create', { prompt: 'y' });
        if (answer.status === 503) return answer;
        accepted.push(answer.result.data.id);
        return undefined;
      },
      { timeout: 20_000 },
    )
    .finally(() => clearInterval(late));
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect(refused.error.message).toMatch(
    /^this replica is overloaded: its event loop is \d+ ms late; try again shortly$/,
  );
  block(300);
  expect((await frontend.app.inject('/healthz')).statusCode).toBe(200);
  expect((await frontend.app.inject('/readyz')).statusCode).toBe(200);

  await frontend.store.complete({ id, fence, images: [], timings: TIMINGS });
  const states: string[] = [];
  for await (const { event, data } of watch) if (event === 'message') states.push(data.state);
  expect(states.at(-1)).toBe('succeeded');
  await vi.waitUntil(async () => (await frontend.query('generations.get', { id })).status === 200, {
    timeout: 20_000,
  });
  const ids = (await frontend.records()).map((record) => record.id);
  expect(ids.sort()).toEqual([id, ...accepted].sort());
});
