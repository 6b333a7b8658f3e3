import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GenerationRecord, GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { createLogger, createMetrics, loadCatalogue } from '@darkroom/lifecycle';
import { createInProcessBroker } from '@darkroom/messaging';
import { createFsStore } from '@darkroom/storage';
import { ANONYMOUS_TENANT, anonymousCallers, type Callers } from '../access/callers.ts';
import { createFrontend } from '../app.ts';
import { createFrontendProbes } from '../frontend-probes.ts';
import { serveOperations } from '../http/operations.ts';
import type { WebhookSettings } from '../webhooks/settings.ts';

export const builtInCatalogue = fileURLToPath(
  new URL('../../pinhole/models.json', import.meta.url),
);

/** A frontend over the drivers that need no server, and a look behind it. */
export async function startFrontend(
  callers: Callers = anonymousCallers(),
  options: {
    webhooks?: WebhookSettings;
    store?: GenerationStore;
    maxEventLoopDelayMs?: number;
  } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-frontend-'));
  const store = options.store ?? (await openMemoryStore());
  const broker = createInProcessBroker();
  const objects = createFsStore({ folder });
  const catalogue = await loadCatalogue(builtInCatalogue);
  const logger = createLogger({ name: 'frontend', level: 'silent' });
  // A busy machine is no reason to refuse what a test asks for.
  const maxEventLoopDelayMs = options.maxEventLoopDelayMs ?? 60_000;
  const probes = createFrontendProbes({ store, broker, objects, logger });
  const services = {
    ...options,
    maxEventLoopDelayMs,
    store,
    broker,
    objects,
    catalogue,
    callers,
    logger,
    probes,
  };
  const metrics = createMetrics();
  const app = createFrontend({ ...services, metrics });
  serveOperations(app, probes, metrics);
  const call = async (method: 'GET' | 'POST', procedure: string, input?: unknown) => {
    const query = input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`;
    const response = await app.inject(
      method === 'GET'
        ? { method, url: `/trpc/${procedure}${query}` }
        : { method, url: `/trpc/${procedure}`, payload: input as object },
    );
    return { status: response.statusCode, headers: response.headers, ...response.json() };
  };
  return {
    ...services,
    app,
    /** Answers `{ status, headers, result: { data } }` or `{ status, headers, error }`. */
    query: (procedure: string, input?: unknown) => call('GET', procedure, input),
    mutate: (procedure: string, input: unknown) => call('POST', procedure, input),
    records: async (): Promise<GenerationRecord[]> =>
      (await store.list(ANONYMOUS_TENANT, { limit: 1_000 })).records,
    async close() {
      await app.close();
      await broker.close();
      await objects.close();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type TestFrontend = Awaited<ReturnType<typeof startFrontend>>;

/** Plays the worker: claims the generation, as a worker does. */
export async function claim({ store }: Pick<TestFrontend, 'store'>, id: string, worker = 'test') {
  const result = await store.claim({
    id,
    claimId: randomUUID(),
    worker,
    leaseMs: 60_000,
    maxAttempts: 5,
  });
  if (!result.claimed) throw new Error(`not claimed: ${result.reason}`);
  return result.claim;
}

export const TIMINGS = { modelLoadMs: 0, inferenceMs: 120, storeMs: 3 };
