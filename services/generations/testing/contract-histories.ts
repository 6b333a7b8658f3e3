import { isTerminal, stateEdges } from '@darkroom/contract';
import { createRandom } from '@darkroom/testing';
import { expect, test } from 'vitest';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { past } from './new-generation.ts';

const HISTORIES = 100;
const MOVES = 10;

/**
 * Two workers, a caller and a sweep do what they may in any order, with current and old fences,
 * with leases that last and leases that have run out; then everyone goes, and a cancel ends it.
 */
export function testHistories(store: () => GenerationStore): void {
  test(`${HISTORIES} at random take no illegal edge, and all can be ended`, {
    timeout: 120_000,
  }, async () => {
    for (let seed = 1; seed <= HISTORIES; seed++) await history(store(), seed);
  });
}

async function history(store: GenerationStore, seed: number): Promise<void> {
  const random = createRandom(seed, 'histories').next;
  const pick = <T>(options: readonly T[]): T => options[Math.floor(random() * options.length)] as T;
  const { created, claim, complete, heartbeat, sweep, look } = actors(store);

  const { tenant, id } = await created(random() < 0.1 ? { deadline: past } : {});
  const fences = [0];
  const claimIds = ['claim-1', 'claim-2', 'claim-3'];
  const tryClaim = async () => {
    const result = await claim(id, {
      claimId: pick(claimIds),
      leaseMs: pick([0, 60_000]),
    });
    if (!result.claimed) return;
    const { fence } = result.claim;
    // A claim repeated is the claim that was granted; any other has a new fence.
    if (fence === fences.at(-1)) return;
    expect(fence, `seed ${seed}`).toBe(Math.max(...fences) + 1);
    fences.push(fence);
  };
  const moves: (() => Promise<unknown>)[] = [
    tryClaim,
    tryClaim,
    () => heartbeat(id, pick(fences), pick([0, 60_000])),
    () => complete(id, pick(fences)),
    () => store.fail({ id, fence: pick(fences), error: { code: 'ENGINE', message: 'm' } }),
    () => store.settleCancel({ id, fence: pick(fences), ran: { steps: 7, gpuMs: 70 } }),
    () =>
      store.release({
        id,
        fence: pick(fences),
        countAttempt: pick([true, false]),
        lastWords: pick([undefined, 'words']),
        ran: pick([undefined, { steps: 7, gpuMs: 70 }]),
        checkpoint: pick([undefined, { key: 'k', picture: 1, step: 3 }]),
      }),
    () => store.requestCancel(tenant, id),
    () => sweep({ graceMs: 0, republishAfterMs: pick([0, 60_000]) }),
    () => store.expireAllLeases(),
  ];

  let before = await look({ tenant, id });
  for (let move = 0; move < MOVES; move++) {
    await pick(moves)();
    const after = await look({ tenant, id });
    judge(before, after, `seed ${seed}, move ${move}`);
    before = after;
  }

  await store.requestCancel(tenant, id);
  await store.expireAllLeases();
  await sweep();
  expect(isTerminal((await look({ tenant, id })).state), `seed ${seed}`).toBe(true);
}

function judge(before: GenerationRecord, after: GenerationRecord, when: string): void {
  const visible = ({ progress: _progress, published: _published, ...rest }: GenerationRecord) =>
    rest;
  if (after.state !== before.state) {
    expect(stateEdges[before.state], `${when}: ${before.state}`).toContain(after.state);
  }
  if (after.revision === before.revision) expect(visible(after), when).toEqual(visible(before));
  else expect(after.revision, when).toBeGreaterThan(before.revision);
  expect(after.attempt, when).toBeLessThanOrEqual(3);
  expect(after.images.length > 0, when).toBe(after.state === 'succeeded');
  expect(after.error !== null, when).toBe(after.state === 'failed');
  expect(after.receipt !== null, when).toBe(after.state === 'canceled');
  expect(after.evidence.slice(0, before.evidence.length), when).toEqual(before.evidence);
  const lost = after.evidence.length - before.evidence.length;
  expect(lost, when).toBeLessThanOrEqual(before.state === 'running' ? 1 : 0);
  expect(after.attempt - after.evidence.length, when).toBeGreaterThanOrEqual(0);
  expect(after.attempt - after.evidence.length, when).toBeLessThanOrEqual(1);
}
