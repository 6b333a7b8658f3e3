import { type Generation, generationInput, generationState, inputObject } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { tracked } from '@trpc/server';
import { z } from 'zod';
import type { Standing } from '../admission/queue-views.ts';
import { waitingOf } from '../admission/waiting.ts';
import { createGeneration } from '../create-generation.ts';
import { found, toGeneration } from '../present.ts';
import { procedures, router } from '../trpc.ts';
import { watchGeneration } from '../watch.ts';
import { deleteGeneration } from './delete.ts';
import { redriveProcedure } from './redrive.ts';
import type { RouterServices } from './services.ts';

const byId = inputObject({ id: z.uuid() });

/** `lastEventId` comes from a client that goes on with a broken watch. */
const watchInput = inputObject({ id: z.uuid(), lastEventId: z.string().max(100).optional() });

const listInput = inputObject({
  /** Generations a page. */
  limit: z.int().min(1).max(100).default(20),
  /** What the page before returned as `nextCursor`. */
  cursor: z.string().max(200).optional(),
  state: generationState.optional(),
}).prefault({});

export type GenerationPage = { generations: Generation[]; nextCursor: string | null };

export const generationsRouter = (services: RouterServices) => {
  const { store, broker, queues } = services;
  const whyWaits = (record: GenerationRecord, standing: Standing | undefined) =>
    waitingOf({ ...record, model: record.request.model }, standing, broker.isReady());
  /** Whatever cannot be found out about the queue, the record is told. */
  const waitingNow = async (records: readonly GenerationRecord[]) => {
    const anyWaits = records.some(({ state }) => state === 'queued');
    const standing = anyWaits ? await queues.read().catch(() => undefined) : undefined;
    return (record: GenerationRecord) => whyWaits(record, standing);
  };
  return router({
    create: procedures.write
      .input(generationInput)
      .mutation(({ input, ctx }): Promise<Generation> => createGeneration(input, ctx, services)),

    get: procedures.read.input(byId).query(async ({ input, ctx }): Promise<Generation> => {
      const [record, webhook = null] = await Promise.all([
        store.get(ctx.tenant, input.id),
        store.getWebhook(ctx.tenant, input.id),
      ]);
      const present = found(input.id, record);
      const waiting = await waitingNow([present]);
      return { ...toGeneration(present, waiting(present)), webhook };
    }),

    /** Newest first. */
    list: procedures.read
      .input(listInput)
      .query(async ({ input, ctx }): Promise<GenerationPage> => {
        const { records, nextCursor } = await store.list(ctx.tenant, input);
        const waiting = await waitingNow(records);
        const generations = records.map((record) => toGeneration(record, waiting(record)));
        return { generations, nextCursor };
      }),

    /** Asks for the end of a generation; the answer says how far that has come. */
    cancel: procedures.write.input(byId).mutation(async ({ input, ctx }): Promise<Generation> => {
      const record = found(input.id, await store.requestCancel(ctx.tenant, input.id));
      const { id: generationId, revision, state } = record;
      if (state === 'running') {
        broker.publishEvent({ version: 1, type: 'cancel', generationId, revision });
      } else {
        broker.publishEvent({ version: 1, type: 'state', generationId, revision, state });
      }
      return toGeneration(record);
    }),

    redrive: redriveProcedure(services),

    /** Removes a finished generation with its pictures, for good. */
    delete: procedures.write
      .input(byId)
      .mutation(
        ({ input, ctx }): Promise<{ id: string }> => deleteGeneration(input.id, ctx, services),
      ),

    /** The generation now, then whenever it has changed, until it is finished. */
    watch: procedures.read.input(watchInput).subscription(async function* ({ input, ctx, signal }) {
      services.figures.watches.inc();
      try {
        const read = async () => found(input.id, await store.get(ctx.tenant, input.id));
        const { revoked } = ctx.caller;
        // Only for what is queued: a look at the queues costs the database something.
        const waiting = (record: GenerationRecord) =>
          record.state === 'queued' ? whyWaits(record, queues.peek()) : null;
        const { lastEventId } = input;
        const options = { ...services, signal, revoked, waiting, lastEventId };
        for await (const { id, generation } of watchGeneration(input.id, read, options)) {
          yield tracked(id, generation);
        }
      } finally {
        services.figures.watches.dec();
      }
    }),
  });
};
