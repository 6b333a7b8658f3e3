import type { ModelCatalogue } from '@darkroom/contract';
import type { FrontendStore } from '@darkroom/generations';
import type { Logger, Registry } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';

/** What the frontend works with; whoever constructs them also closes them, after the frontend. */
export type FrontendServices = {
  store: FrontendStore & { check(): Promise<void> };
  broker: Broker;
  objects: ObjectStore;
  catalogue: ModelCatalogue;
  logger: Logger;
  /** Where the frontend registers its figures; one frontend a registry. */
  metrics: Registry;
  /** Aborts when the process is to end: readiness goes off and every watch breaks off at once. */
  signal?: AbortSignal;
};
