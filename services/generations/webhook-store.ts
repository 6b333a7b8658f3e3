import type { WebhookStatus } from '@darkroom/contract';
import type { GenerationRecord } from './record.ts';

export type DueWebhook = {
  /** The generation that has ended. */
  record: GenerationRecord;
  url: string;
  /** This attempt included, from 1; settles it, as a fencing number would. */
  attempts: number;
  /** When it was taken, by the database's clock. */
  takenAt: Date;
};

export type WebhookOutcome = {
  /** HTTP status; null where no answer came. */
  status: number | null;
  error: string | null;
} & ({ state: 'delivered' | 'failed' } | { state: 'pending'; retryInMs: number });

/** The outbox of webhooks; a notice is in it as soon as its generation has ended. */
export type WebhookStore = {
  /** Undefined where there is no such generation or it has no webhook. */
  getWebhook(tenant: string, id: string): Promise<WebhookStatus | undefined>;
  /**
   * Takes notices that are due and leases them to the caller: what is not settled by then falls due
   * again. Each goes to one replica alone, longest due first.
   */
  takeWebhooks(options: {
    limit: number;
    leaseMs: number;
    /** Tenants that have enough in hand. */
    except: readonly string[];
  }): Promise<DueWebhook[]>;
  /** False when the lease ran out and another took it. */
  settleWebhook(options: {
    id: string;
    attempts: number;
    outcome: WebhookOutcome;
  }): Promise<boolean>;
};
