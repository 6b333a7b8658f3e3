import { createHash, randomInt, randomUUID } from 'node:crypto';
import {
  DarkroomError,
  findModel,
  type Generation,
  type GenerationInput,
  type ModelEntry,
  resolveRequest,
} from '@darkroom/contract';
import type { NewGeneration } from '@darkroom/generations';
import { inSpan, traceparentOf, within } from '@darkroom/lifecycle';
import { acceptWebhook } from '../webhooks/accept.ts';
import { toGeneration } from './present.ts';
import { publishRecord } from './publish.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';
import { useUploads } from './uploads.ts';

/**
 * Accepts a request: fixes its id and seed, records it, and puts it on its queue. Accepted is what
 * is recorded: when the broker is away the sweep publishes it later.
 *
 * @throws DarkroomError `request`, `conflict` (idempotency key), `too-many` or `unavailable` (no
 * record made)
 */
export async function createGeneration(
  input: GenerationInput,
  requester: Requester,
  services: AcceptServices,
): Promise<Generation> {
  const { idempotencyKey: key, ...body } = input;
  const repeated = key === undefined ? undefined : { key, fingerprint: digestOf(body) };
  let resolved: Resolved;
  try {
    resolved = await resolve(body, requester, services);
  } catch (error) {
    // What was accepted stays accepted: since the first time the deadline may have passed, or a limit
    // changed.
    const record = repeated && (await services.store.findRepeat(requester.tenant, repeated));
    if (record !== undefined) return toGeneration(record);
    throw error;
  }
  const { model, meaning, ...accepted } = resolved;
  const idempotency = repeated && { ...repeated, meaning };
  return await acceptRequest({ ...accepted, idempotency }, model, requester, services);
}

type Resolved = Pick<NewGeneration, 'request' | 'deadline' | 'webhookUrl'> & {
  model: ModelEntry;
  /** The same for all bodies that ask for the same. */
  meaning: string;
};

/** @throws DarkroomError `request`, `unavailable` */
async function resolve(
  input: Omit<GenerationInput, 'idempotencyKey'>,
  requester: Requester,
  services: AcceptServices,
): Promise<Resolved> {
  const { tenant } = requester;
  const { catalogue, webhooks } = services;
  const model = findModel(catalogue, input.model);
  const given = resolveRequest(input, model, randomInt(2 ** 32));
  const deadline = input.deadline === undefined ? undefined : futureTime(input.deadline);
  const webhookUrl = input.webhook && acceptWebhook(input.webhook.url, tenant, webhooks);
  // Last, when nothing else can be refused.
  const request = await useUploads(given, requester, services);
  // Every draw means the same: any seed.
  const meaning = digestOf({ ...request, seed: input.seed, deadline, webhookUrl });
  return { model, request, deadline, webhookUrl, meaning };
}

/** @throws DarkroomError `request` for a deadline that has passed */
function futureTime(deadline: string): string {
  const now = new Date();
  const time = new Date(deadline);
  if (time > now) return time.toISOString();
  throw new DarkroomError(
    'request',
    `deadline: ${deadline} has passed; the time here is ${now.toISOString()}`,
  );
}

/**
 * Records a request that is as it is to be, and puts it on its queue.
 *
 * @throws DarkroomError `conflict` (idempotency key), `too-many` or `unavailable` (no record made)
 */
export async function acceptRequest(
  accepted: Omit<NewGeneration, 'id' | 'tenant' | 'traceparent'>,
  model: ModelEntry,
  requester: Requester,
  services: AcceptServices,
): Promise<Generation> {
  const { store, metrics, spans } = services;
  const { tenant, span } = requester;
  const { idempotency } = accepted;
  const { record, created } = await services.admission.admit(model, tenant, {
    record: () => {
      const id = randomUUID();
      const attributes = { 'darkroom.generation.id': id, 'darkroom.model': model.name };
      const recording = spans.startSpan('record generation', { attributes }, within(span));
      return inSpan(recording, () =>
        store.create({ ...accepted, id, tenant, traceparent: traceparentOf(span) }),
      );
    },
    repeat: async () => {
      const record = idempotency && (await store.findRepeat(tenant, idempotency));
      return record && { record, created: false };
    },
  });
  if (!created) return toGeneration(record);

  const { id: generationId, revision } = record;
  metrics.created.add(1, { model: model.name });
  try {
    await publishRecord(record, services);
    requester.log.info({ generationId }, 'queued');
  } catch (err) {
    metrics.publishFailures.add(1);
    const problem = 'recorded but not published; the sweep will publish it';
    requester.log.warn({ err, generationId }, problem);
    return toGeneration(record);
  }
  // Recorded and confirmed: the answer need not wait for the mark.
  store.markPublished(generationId, revision).catch((err: unknown) => {
    const problem = 'published but not marked so; the sweep will publish it once more';
    requester.log.warn({ err, generationId }, problem);
  });
  return toGeneration(record);
}

/** Of fields and their values, whatever their order; those that are undefined do not count. */
function digestOf(fields: object): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex');
}
