import { expect, test } from 'vitest';
import { type DriftResult, offerResult } from './offer-result.ts';

const checkedAt = new Date('2026-01-02T03:04:05Z');

/** Offers it, and gives the address. */
async function offered(result: DriftResult, { forMs = 60_000 } = {}) {
  const stop = new AbortController();
  const listening = Promise.withResolvers<string>();
  const read = offerResult(result, {
    ...{ host: '127.0.0.1', port: 0, forMs, signal: stop.signal },
    onListening: (port) => listening.resolve(`http://127.0.0.1:${port}`),
  });
  return { read, url: await listening.promise, stop };
}

test('a result is offered until it was read, and then no more', async () => {
  const { read, url } = await offered({ differences: 3, checkedAt });
  expect((await fetch(`${url}/healthz`)).status).toBe(404);
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(/^darkroom_drift_differences 3$/m);
  expect(text).toMatch(/^darkroom_drift_checked_timestamp_seconds 1767323045$/m);
  expect(await read).toBe(true);
  await expect(fetch(`${url}/metrics`)).rejects.toThrow();
});

test('without a release there is a time, and no number of differences', async () => {
  const { read, url } = await offered({ differences: undefined, checkedAt });
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toContain('darkroom_drift_checked_timestamp_seconds 1767323045');
  expect(text).not.toContain('darkroom_drift_differences');
  expect(await read).toBe(true);
});

test('a result that nobody reads is taken back after its time', async () => {
  const { read } = await offered({ differences: 0, checkedAt }, { forMs: 50 });
  expect(await read).toBe(false);
});

test('a signal ends it', async () => {
  const { read, stop } = await offered({ differences: 0, checkedAt });
  stop.abort(new Error('no more'));
  await expect(read).rejects.toThrow('no more');
});
