import type { GenerationStore } from '@darkroom/generations';
import type { AnyProcedure, AnyRouter } from '@trpc/server';
import type { Accept } from '../../accept/accept.ts';
import { createRouter } from '../../trpc/router/index.ts';
import { testCallers } from '../keyed-callers.ts';
import { claim, startFrontend, TIMINGS } from '../start-frontend.ts';
import type { Procedures } from './requests.ts';

/** Every procedure there is, as the router tells it: a new one is attacked without being named. */
export const procedures: Procedures = Object.fromEntries(
  Object.entries(
    (createRouter({} as Accept) as AnyRouter)._def.procedures as Record<string, AnyProcedure>,
  ).map(([name, { _def }]) => [name, _def.type]),
);

/** A frontend that listens, with two tenants, and nothing that bounds how often they call. */
export async function startTarget(store: GenerationStore) {
  const { callers, grant } = testCallers({
    limits: { requestsPerMinute: 1e12, active: 1e9, watches: 1e9 },
  });
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  const frontend = await startFrontend(callers, { store, webhooks: { secrets: () => [secret] } });
  // In place of a worker, so that generations of every state are asked for.
  await frontend.broker.consumeJobs({ model: 'pinhole', prefetch: 20 }, async ({ job }) => {
    const id = job.generationId;
    const claimed = await claim(frontend, id).catch(() => undefined);
    if (claimed !== undefined && claimed.record.request.count === 1) {
      await frontend.store.complete({ id, fence: claimed.fence, images: [], timings: TIMINGS });
    }
    return 'acknowledge';
  });
  const origin = await frontend.app.listen({ host: '127.0.0.1', port: 0 });
  return {
    ...frontend,
    origin,
    authorizations: { acme: grant({ tenant: 'acme' }), other: grant({ tenant: 'other' }) },
  };
}

export type Target = Awaited<ReturnType<typeof startTarget>>;

/** Ids of all that is recorded for a tenant. */
export async function recordedIds({ store }: Target, tenant: string): Promise<Set<string>> {
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await store.list(tenant, { limit: 1_000, cursor });
    for (const { id } of page.records) ids.add(id);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}
