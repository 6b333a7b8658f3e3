import { generationInput, generationState, inputObject } from '@darkroom/contract';
import { z } from 'zod';

/** What callers send, beside the contract's `generationInput`; every adapter checks by these. */

export const generationId = inputObject({ id: z.uuid() });
export type GenerationId = z.infer<typeof generationId>;

/** `lastEventId` comes from a client that goes on with a broken watch. */
export const watchInput = inputObject({
  id: z.uuid(),
  lastEventId: z.string().max(100).optional(),
});
export type WatchInput = z.infer<typeof watchInput>;

export const listInput = inputObject({
  /** Generations a page. */
  limit: z.int().min(1).max(100).default(20),
  /** What the page before returned as `nextCursor`. */
  cursor: z.string().max(200).optional(),
  state: generationState.optional(),
}).prefault({});
export type ListInput = z.infer<typeof listInput>;

export const redriveInput = inputObject({
  id: z.uuid(),
  /** Repeating a redrive with the same key returns the same generation. */
  idempotencyKey: generationInput.shape.idempotencyKey,
});
export type RedriveInput = z.infer<typeof redriveInput>;
