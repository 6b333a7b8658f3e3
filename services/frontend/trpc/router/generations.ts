import { type Generation, generationInput } from '@darkroom/contract';
import { tracked } from '@trpc/server';
import type { Accept } from '../../accept/accept.ts';
import { generationId, listInput, redriveInput, watchInput } from '../../accept/inputs.ts';
import type { GenerationPage } from '../../accept/read.ts';
import { procedures, router } from '../trpc.ts';

const { read, write } = procedures;

export const generationsRouter = (accept: Accept) =>
  router({
    create: write
      .input(generationInput)
      .mutation(({ input, ctx }): Promise<Generation> => accept.create(input, ctx)),

    get: read
      .input(generationId)
      .query(({ input, ctx }): Promise<Generation> => accept.get(input, ctx)),

    /** Newest first. */
    list: read
      .input(listInput)
      .query(({ input, ctx }): Promise<GenerationPage> => accept.list(input, ctx)),

    /** Asks for the end of a generation; the answer says how far that has come. */
    cancel: write
      .input(generationId)
      .mutation(({ input, ctx }): Promise<Generation> => accept.cancel(input, ctx)),

    /** Makes a new generation of the request of one that failed or was canceled. */
    redrive: write
      .input(redriveInput)
      .mutation(({ input, ctx }): Promise<Generation> => accept.redrive(input, ctx)),

    /** Removes a finished generation with its pictures, for good. */
    delete: write
      .input(generationId)
      .mutation(({ input, ctx }): Promise<{ id: string }> => accept.delete(input, ctx)),

    /** The generation now, then whenever it has changed, until it is finished. */
    watch: read.input(watchInput).subscription(async function* ({ input, ctx, signal }) {
      for await (const { id, generation } of accept.watch(input, ctx, signal)) {
        yield tracked(id, generation);
      }
    }),
  });
