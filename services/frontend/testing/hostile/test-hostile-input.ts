import type { GenerationStore } from '@darkroom/generations';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assault } from './assault.ts';
import { procedures, recordedIds, startTarget, type Target } from './start-target.ts';

/** The same calls again: `HOSTILE_SEED=<the printed seed>`. */
const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);

/** No 5xx, no crash, no hang, no other tenant's records, and all that was accepted is recorded. */
export function testHostileInput(options: {
  calls: number;
  timeout: number;
  store: () => Promise<GenerationStore>;
}): void {
  const { calls, timeout, store } = options;
  let target: Target;
  beforeAll(async () => {
    target = await startTarget(await store());
  });
  afterAll(() => target.close());

  test(`${calls} hostile calls are answered, seed ${seed}`, { timeout }, async () => {
    const { origin, authorizations } = target;
    const done = await assault({ origin, seed, calls, procedures, authorizations });
    const { passed, reached, tenants, seconds } = done;
    console.log(
      `${done.calls} calls in ${seconds.toFixed(1)} s (${Math.round(done.calls / seconds)}/s), ` +
        `seed ${seed}: ${((100 * passed) / done.calls).toFixed(1)} % passed validation`,
    );
    expect(passed / done.calls).toBeGreaterThan(0.3);
    expect([...reached].sort()).toEqual(Object.keys(procedures).sort());
    for (const [tenant, { seen, deleted }] of tenants) {
      expect(seen.size).toBeGreaterThan(calls / 100);
      expect(await recordedIds(target, tenant)).toEqual(seen.difference(deleted));
    }
    expect((await fetch(`${origin}/readyz`)).status).toBe(200);
  });
}
