import type { DueWebhook, WebhookOutcome, WebhookStore } from '@darkroom/generations';
import { toGeneration } from '../accept/present.ts';
import { MAX_TRIES, retryDelay } from './retry-delay.ts';
import type { WebhookSecrets } from './secrets.ts';
import type { Answer, Sender } from './send.ts';
import { signed } from './sign.ts';

export type Delivery = { store: WebhookStore; secrets: WebhookSecrets; sender: Sender };

/**
 * Makes one attempt at a notice and records the outcome. Where that fails, the notice is sent once
 * more when its lease ends, under the same id.
 *
 * @throws DarkroomError `unavailable` from the store
 */
export async function deliver(
  due: DueWebhook,
  { store, secrets, sender }: Delivery,
): Promise<WebhookOutcome['state']> {
  const { id, tenant } = due.record;
  const keys = secrets(tenant);
  const body = JSON.stringify(messageOf(due));
  const answer =
    keys.length === 0
      ? { status: null, error: 'the tenant has no signing secret any more' }
      : await sender.send(due.url, signed({ id: `msg_${id}`, body, now: due.takenAt }, keys), body);
  const outcome = outcomeOf(answer, due.attempts);
  await store.settleWebhook({ id, attempts: due.attempts, outcome });
  return outcome.state;
}

/** Alike for every attempt: a generation that has ended changes no more. */
const messageOf = ({ record }: DueWebhook) => ({
  type: `generation.${record.state}`,
  timestamp: record.finishedAt,
  data: toGeneration(record),
});

/** 410 is a receiver's way to say that it wants no more. */
function outcomeOf({ status, error, retryAfterMs }: Answer, attempts: number): WebhookOutcome {
  if (error === null) return { status, error, state: 'delivered' };
  if (status === 410 || attempts >= MAX_TRIES) return { status, error, state: 'failed' };
  return { status, error, state: 'pending', retryInMs: retryDelay(attempts, retryAfterMs) };
}
