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
import type { RequestContext } from './context.ts';
import { toGeneration } from './present.ts';
import { publishRecord } from './publish.ts';
import type { RouterServices } from './router/services.ts';
import { acceptWebhook } from './webhooks/accept.ts';

/**
 * Accepts a request: fixes its id and seed, records it, and puts it on its queue. Accepted is what
 * is recorded: when the broker is away the sweep publishes it later.
 *
 * @throws DarkroomError `request`, `conflict` (idempotency key), `too-many` or `unavailable` (no
 * record made)
 */
export async function createGeneration(
  input: GenerationInput,
  context: RequestContext,
  services: RouterServices,
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
    webhookUrl: webhook && acceptWebhook(webhook.url, context.tenant, services.webhooks),
  };
  return await acceptRequest(accepted, model, context, services);
}

/**
 * Records a request that is as it is to be, and puts it on its queue.
 *
 * @throws DarkroomError `conflict` (idempotency key), `too-many` or `unavailable` (no record made)
 */
export async function acceptRequest(
  accepted: Omit<NewGeneration, 'id' | 'tenant' | 'traceparent'>,
  model: ModelEntry,
  context: RequestContext,
  services: RouterServices,
): Promise<Generation> {
  const { store, broker, figures } = services;
  const { tenant } = context;
  const { idempotency } = accepted;
  const { record, created } = await services.admission.admit(model, tenant, {
    record: () =>
      store.create({
        ...accepted,
        id: randomUUID(),
        tenant,
        traceparent: formatTraceparent(context.trace),
      }),
    repeat: async () => {
      const record = idempotency && (await store.findRepeat(tenant, idempotency));
      return record && { record, created: false };
    },
  });
  if (!created) return toGeneration(record);

  const { id: generationId, revision } = record;
  figures.created.inc({ model: model.name });
  try {
    await publishRecord(record, broker);
    context.log.info({ generationId }, 'queued');
  } catch (err) {
    figures.publishFailures.inc();
    const problem = 'recorded but not published; the sweep will publish it';
    context.log.warn({ err, generationId }, problem);
    return toGeneration(record);
  }
  // Recorded and confirmed: the answer need not wait for the mark.
  store.markPublished(generationId, revision).catch((err: unknown) => {
    const problem = 'published but not marked so; the sweep will publish it once more';
    context.log.warn({ err, generationId }, problem);
  });
  return toGeneration(record);
}

/** Of what the caller sent, whatever the order of its fields. */
function fingerprintOf({ idempotencyKey: _, ...body }: GenerationInput): string {
  const fields = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
