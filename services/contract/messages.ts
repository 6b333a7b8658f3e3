import { z } from 'zod';
import { modelName } from './catalogue.ts';
import { preview, progress } from './generation.ts';
import { generationState } from './states.ts';

/**
 * Written are messages of version 1. Read are those of the version after, too, so that one release may
 * write what the one before it reads: a later version only adds fields, and unknown ones are dropped.
 */
const version = z.literal([1, 2]);

/** Messages are hints, the record is the truth. */
export const jobMessage = z.object({
  version,
  generationId: z.uuid(),
  /** The record's revision when this message was written; names this message in the lease. */
  revision: z.int(),
  model: modelName,
  /** W3C trace context, so that one trace spans HTTP, AMQP and the engine. */
  traceparent: z.string().optional(),
});
export type JobMessage = z.infer<typeof jobMessage>;

/** The message that puts a queued record on its model's queue. */
export const jobMessageOf = (record: {
  id: string;
  revision: number;
  request: { model: string };
  traceparent: string | null;
}): JobMessage => ({
  version: 1,
  generationId: record.id,
  revision: record.revision,
  model: record.request.model,
  ...(record.traceparent !== null && { traceparent: record.traceparent }),
});

/** What happened to a generation, told at most once; nothing depends on its arrival. */
export const generationEvent = z.discriminatedUnion('type', [
  z.object({
    version,
    type: z.literal('progress'),
    generationId: z.uuid(),
    revision: z.int(),
    progress,
    preview: preview.optional(),
  }),
  z.object({
    version,
    type: z.literal('state'),
    generationId: z.uuid(),
    revision: z.int(),
    state: generationState,
  }),
  /** The caller wants it stopped; the worker that holds it obeys between two steps. */
  z.object({
    version,
    type: z.literal('cancel'),
    generationId: z.uuid(),
    revision: z.int(),
  }),
]);
export type GenerationEvent = z.infer<typeof generationEvent>;
