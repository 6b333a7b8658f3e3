import type { AppRouter } from '@darkroom/frontend';
import type { TRPCClient } from '@trpc/client';
import { type Patience, persist } from './persist.ts';
import type { Generation, GenerationInput } from './types.ts';
import { type WaitOptions, watchToEnd } from './watch-to-end.ts';

/** Longest wait for a cancel to arrive, in milliseconds. */
const CANCEL_PATIENCE_MS = 5_000;

export async function generate(
  trpc: TRPCClient<AppRouter>,
  input: GenerationInput,
  { onProgress, signal }: WaitOptions,
  patience: Patience,
): Promise<Generation> {
  // With a key, a repeat after a cut connection returns the generation that the first one made.
  const keyed = { ...input, idempotencyKey: input.idempotencyKey ?? crypto.randomUUID() };
  const created = await persist(() => trpc.generations.create.mutate(keyed), {
    ...patience,
    signal,
  });
  onProgress?.(created.progress, created);
  try {
    return await watchToEnd(trpc, created, { onProgress, signal }, patience);
  } catch (error) {
    if (signal?.aborted) {
      const cancel = () => trpc.generations.cancel.mutate({ id: created.id });
      await persist(cancel, { ...patience, patienceMs: CANCEL_PATIENCE_MS }).catch(() => {});
    }
    throw error;
  }
}
