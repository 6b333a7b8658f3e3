import {
  DarkroomError,
  type Generation,
  generationInput,
  generationState,
  inputObject,
} from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { tracked } from '@trpc/server';
import { z } from 'zod';
import { createGeneration } from '../create-generation.ts';
import { toGeneration } from '../present.ts';
import { procedures, router } from '../trpc.ts';
import { watchGeneration } from '../watch.ts';
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
  const { store, broker } = services;
  return router({
    create: procedures.write
      .input(generationInput)
      .mutation(({ input, ctx }): Promise<Generation> => createGeneration(input, ctx, services)),

    get: procedures.read.input(byId).query(async ({ input, ctx }): Promise<Generation> => {
      const [record, webhook = null] = await Promise.all([
        store.get(ctx.tenant, input.id),
        store.getWebhook(ctx.tenant, input.id),
      ]);
      return { ...toGeneration(found(input.id, record)), webhook };
    }),

    /** Newest first. */
    list: procedures.read
      .input(listInput)
      .query(async ({ input, ctx }): Promise<GenerationPage> => {
        const { records, nextCursor } = await store.list(ctx.tenant, input);
        return { generations: records.map(toGeneration), nextCursor };
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

    /** The generation now, then whenever it has changed, until it is finished. */
    watch: procedures.read.input(watchInput).subscription(async function* ({ input, ctx, signal }) {
      services.figures.watches.inc();
      try {
        const read = async () => found(input.id, await store.get(ctx.tenant, input.id));
        const { revoked } = ctx.caller;
        const options = { ...services, signal, revoked, lastEventId: input.lastEventId };
        for await (const { id, generation } of watchGeneration(input.id, read, options)) {
          yield tracked(id, generation);
        }
      } finally {
        services.figures.watches.dec();
      }
    }),
  });
};

function found(id: string, record: GenerationRecord | undefined): GenerationRecord {
  if (record !== undefined) return record;
  throw new DarkroomError('not-found', `there is no generation ${id}; generations.list has yours`);
}
