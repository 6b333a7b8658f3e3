import type { Spans } from '@darkroom/lifecycle';
import type { Admission } from '../admission/admission.ts';
import type { QueueViews } from '../admission/queue-views.ts';
import type { FrontendMetrics } from '../metrics.ts';
import type { FrontendServices } from '../services.ts';
import type { WatchHub } from './watch-hub.ts';

/** What the use cases work with. */
export type AcceptServices = Pick<
  FrontendServices,
  'store' | 'broker' | 'objects' | 'catalogue' | 'webhooks' | 'probes'
> & {
  spans: Spans;
  watches: WatchHub;
  metrics: FrontendMetrics;
  admission: Admission;
  queues: QueueViews;
  /** Aborts when watches are to break off, so that their clients go to another replica. */
  closing: AbortSignal;
};
