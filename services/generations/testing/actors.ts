import { randomUUID } from 'node:crypto';
import type { NewGeneration } from '../frontend-store.ts';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import type { Claim, ClaimResult } from '../worker-store.ts';
import { newGeneration, storedImage } from './new-generation.ts';

type ClaimOptions = Parameters<GenerationStore['claim']>[0];
type SweepOptions = Parameters<GenerationStore['sweep']>[0];

/** Shorthand for what frontends and workers do to a store, so that tests name only what matters. */
export const actors = (store: GenerationStore) => {
  const created = async (over: Partial<NewGeneration> = {}): Promise<GenerationRecord> =>
    (await store.create(newGeneration(over))).record;

  const claim = (id: string, over: Partial<ClaimOptions> = {}): Promise<ClaimResult> =>
    store.claim({
      id,
      claimId: randomUUID(),
      worker: 'worker-1',
      leaseMs: 60_000,
      maxAttempts: 3,
      ...over,
    });

  const claimed = async (id: string, over: Partial<ClaimOptions> = {}): Promise<Claim> => {
    const result = await claim(id, over);
    if (!result.claimed) throw new Error(`not claimed: ${result.reason}`);
    return result.claim;
  };

  const complete = (id: string, fence: number): Promise<boolean> =>
    store.complete({
      id,
      fence,
      images: [storedImage],
      timings: { modelLoadMs: 1.5, inferenceMs: 20.25, storeMs: 3 },
    });

  const heartbeat = (id: string, fence: number, leaseMs = 60_000) =>
    store.heartbeat({ id, fence, leaseMs, progress: { step: 5, steps: 20 } });

  /** Everything due is in its round; by default the queue is empty, and nothing is missed yet. */
  const sweep = (over: Partial<SweepOptions> = {}): Promise<GenerationRecord[]> =>
    store.sweep({
      limit: 1_000,
      messages: [{ model: 'pinhole', count: 0 }],
      republishAfterMs: 3_600_000,
      maxAttempts: 3,
      ...over,
    });

  const look = async ({
    tenant,
    id,
  }: {
    tenant: string;
    id: string;
  }): Promise<GenerationRecord> => {
    const record = await store.get(tenant, id);
    if (record === undefined) throw new Error(`no record ${id}`);
    return record;
  };

  return { created, claim, claimed, complete, heartbeat, sweep, look };
};
