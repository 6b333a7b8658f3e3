import { expect, vi } from 'vitest';
import type { Broker, JobDelivery, Outcome } from '../broker.ts';

export type ByHandOptions = { model?: string; prefetch?: number };

/** Consumes with handlers that stay in hand until the test settles them. */
export async function consumeByHand(broker: Broker, options: ByHandOptions = {}) {
  const inHand: {
    delivery: JobDelivery;
    settle: (outcome: Outcome) => void;
    keep: () => void;
  }[] = [];
  const subscription = await broker.consumeJobs(
    { model: 'pinhole', prefetch: 10, ...options },
    (delivery, keep) => new Promise((settle) => inHand.push({ delivery, settle, keep })),
  );
  const takeNext = () => vi.waitFor(() => inHand.shift() ?? expect.fail('no delivery'), 10_000);
  return { subscription, inHand, takeNext };
}
