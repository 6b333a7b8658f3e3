import type { Generation } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { waitingOf } from '../admission/waiting.ts';
import type { GenerationId, ListInput } from './inputs.ts';
import { found, toGeneration } from './present.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

export type GenerationPage = { generations: Generation[]; nextCursor: string | null };

type Services = Pick<AcceptServices, 'store' | 'broker' | 'queues'>;

/** @throws DarkroomError `not-found`, `unavailable` */
export async function getGeneration(
  { id }: GenerationId,
  { tenant }: Pick<Requester, 'tenant'>,
  services: Services,
): Promise<Generation> {
  const { store } = services;
  const [record, webhook = null] = await Promise.all([
    store.get(tenant, id),
    store.getWebhook(tenant, id),
  ]);
  const present = found(id, record);
  const waiting = await waitingNow([present], services);
  return { ...toGeneration(present, waiting(present)), webhook };
}

/**
 * A page, newest first.
 *
 * @throws DarkroomError `request` (cursor), `unavailable`
 */
export async function listGenerations(
  input: ListInput,
  { tenant }: Pick<Requester, 'tenant'>,
  services: Services,
): Promise<GenerationPage> {
  const { records, nextCursor } = await services.store.list(tenant, input);
  const waiting = await waitingNow(records, services);
  const generations = records.map((record) => toGeneration(record, waiting(record)));
  return { generations, nextCursor };
}

/** Whatever cannot be found out about the queue, the record is told. */
async function waitingNow(records: readonly GenerationRecord[], { queues, broker }: Services) {
  const anyWaits = records.some(({ state }) => state === 'queued');
  const standing = anyWaits ? await queues.read().catch(() => undefined) : undefined;
  return (record: GenerationRecord) =>
    waitingOf({ ...record, model: record.request.model }, standing, broker.isReady());
}
