import type { ModelCatalogue } from '@darkroom/contract';
import type { FrontendStore, UploadStore, WebhookStore } from '@darkroom/generations';
import type { Logger, Metrics, Probes, Spans } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import type { AllowedHosts } from './access/allowed-hosts.ts';
import type { Callers } from './access/callers.ts';
import type { QueueViews } from './admission/queue-views.ts';
import type { WebhookSettings } from './webhooks/settings.ts';

/** What the frontend works with; whoever constructs them also closes them, after the frontend. */
export type FrontendServices = {
  store: FrontendStore & WebhookStore & UploadStore & { check(): Promise<void> };
  broker: Broker;
  objects: ObjectStore;
  catalogue: ModelCatalogue;
  /** Who may call. */
  callers: Callers;
  logger: Logger;
  /** Where the frontend creates its metrics; each frontend has its own. */
  metrics: Metrics;
  /** Where others look at the queues, too. Absent: a view of its own. */
  queues?: QueueViews | undefined;
  /** Absent: any. */
  allowedHosts?: AllowedHosts | undefined;
  /** @default none are exported */
  spans?: Spans | undefined;
  /** Absent: no request for a webhook is taken. */
  webhooks?: WebhookSettings | undefined;
  /** Calls are refused while the event loop is later than this, in milliseconds. @default 200 */
  maxEventLoopDelayMs?: number | undefined;
  /** Turned unready when the process is to end. */
  probes: Probes;
  /**
   * Aborts when the process is to end: readiness goes off and answers end their connections. Requests
   * and watches are taken until the frontend is closed.
   */
  signal?: AbortSignal;
};
