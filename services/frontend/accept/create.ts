import { createHash, randomInt, randomUUID } from 'node:crypto';
import {
  findModel,
  type Generation,
  type GenerationInput,
  type ModelEntry,
  resolveRequest,
} from '@darkroom/contract';
import type { NewGeneration } from '@darkroom/generations';
import { formatTraceparent } from '@darkroom/lifecycle';
import { acceptWebhook } from '../webhooks/accept.ts';
import { toGeneration } from './present.ts';
import { publishRecord } from './publish.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

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
  const model = findModel(services.catalogue, input.model);
  const { idempotencyKey, webhook } = input;
  const accepted = {
    request: resolveRequest(input, model, randomInt(2 ** 31)),
    deadline: input.deadline === undefined ? undefined : new Date(input.deadline).toISOString(),
    idempotency:
      idempotencyKey === undefined
        ? undefined
        : { key: idempotencyKey, fingerprint: fingerprintOf(input) },
    webhookUrl: webhook && acceptWebhook(webhook.url, requester.tenant, services.webhooks),
  };
  return await acceptRequest(accepted, model, requester, services);
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
  const { store, broker, metrics } = services;
  const { tenant } = requester;
  const { idempotency } = accepted;
  const { record, created } = await services.admission.admit(model, tenant, {
    record: () =>
      store.create({
        ...accepted,
        id: randomUUID(),
        tenant,
        traceparent: formatTraceparent(requester.trace),
      }),
    repeat: async () => {
      const record = idempotency && (await store.findRepeat(tenant, idempotency));
      return record && { record, created: false };
    },
  });
  if (!created) return toGeneration(record);

  const { id: generationId, revision } = record;
  metrics.created.add(1, { model: model.name });
  try {
    await publishRecord(record, broker);
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

/** Of what the caller sent, whatever the order of its fields. */
function fingerprintOf({ idempotencyKey: _, ...body }: GenerationInput): string {
  const fields = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
