import type { WebhookStore } from '@darkroom/generations';
import type { Logger, Metrics } from '@darkroom/lifecycle';
import { sleep } from '@darkroom/timing';
import { deliver } from '../webhooks/deliver.ts';
import { createSender, type Sender } from '../webhooks/send.ts';
import type { WebhookSettings } from '../webhooks/settings.ts';

export type WebhookOptions = {
  store: WebhookStore;
  settings: WebhookSettings;
  logger: Logger;
  metrics: Metrics;
  /** Between two looks for what is due; each waits between half and one and a half of it. */
  intervalMs?: number;
  /** Longer than an attempt may take. */
  leaseMs?: number;
  sender?: Sender;
};

/** Attempts at once, and of them those for one tenant, whose receiver may be slow: less than twice. */
const CONCURRENCY = 32;
const OF_ONE_TENANT = 8;

/** Delivers in the background what falls due, on every replica. */
export function startWebhooks(options: WebhookOptions): { stop(): Promise<void> } {
  const { store, settings, logger, metrics, intervalMs = 1_000, leaseMs = 30_000 } = options;
  const sender = options.sender ?? createSender(settings);
  const stopping = new AbortController();
  /** With the tenant of each. */
  const inHand = new Map<Promise<void>, string>();
  const attempts = metrics.meter.createCounter('darkroom_webhook_attempts_total', {
    description:
      'Attempts to deliver a webhook, by outcome: delivered, pending (tried again), failed.',
  });
  // Shown from the start, so that the first failure is seen as an increase.
  for (const outcome of ['delivered', 'pending', 'failed']) attempts.add(0, { outcome });

  const attempt = async (due: Parameters<typeof deliver>[0]) => {
    const log = logger.child({ generationId: due.record.id, attempts: due.attempts });
    try {
      const outcome = await deliver(due, { store, secrets: settings.secrets, sender });
      attempts.add(1, { outcome });
      log.info({ outcome }, 'webhook attempted');
    } catch (error) {
      log.warn({ err: error }, 'what became of a webhook was not noted; it is sent again');
    }
  };

  /** @returns whether there may be more */
  const takeSome = async (): Promise<boolean> => {
    const limit = Math.min(CONCURRENCY - inHand.size, OF_ONE_TENANT);
    const except = busyTenants(inHand.values());
    const due = limit > 0 ? await store.takeWebhooks({ limit, leaseMs, except }) : [];
    for (const one of due) {
      const attempting = attempt(one).finally(() => inHand.delete(attempting));
      inHand.set(attempting, one.record.tenant);
    }
    return due.length === limit;
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      const more = await takeSome().catch((error: unknown) => {
        logger.warn({ err: error }, 'webhooks broken off; the next round goes on');
        return false;
      });
      if (more && inHand.size >= CONCURRENCY) await Promise.race(inHand.keys());
      if (more) continue;
      const pauseMs = intervalMs * (0.5 + Math.random());
      await sleep(pauseMs, stopping.signal);
    }
    await Promise.all(inHand.keys());
    await sender.close();
  };
  const running = run();
  return {
    /** Waits for the attempts in hand. */
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

function busyTenants(tenants: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const tenant of tenants) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= OF_ONE_TENANT).map(([tenant]) => tenant);
}
