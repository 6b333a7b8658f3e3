import type { Probes } from '@darkroom/lifecycle';
import type { Admission } from '../admission/admission.ts';
import type { QueueViews } from '../admission/queue-views.ts';
import type { EventHub } from '../event-hub.ts';
import type { FrontendFigures } from '../figures.ts';
import type { FrontendServices } from '../services.ts';

/** What the procedures work with. */
export type RouterServices = Pick<
  FrontendServices,
  'store' | 'broker' | 'objects' | 'catalogue' | 'webhooks'
> & {
  probes: Probes;
  events: EventHub;
  figures: FrontendFigures;
  admission: Admission;
  queues: QueueViews;
  /** Aborts when watches are to break off, so that their clients go to another replica. */
  closing: AbortSignal;
};
