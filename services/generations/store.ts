import type { FrontendStore } from './frontend-store.ts';
import type { UploadStore } from './upload-store.ts';
import type { WebhookStore } from './webhook-store.ts';
import type { WorkerStore } from './worker-store.ts';

/** The record of every request. Drivers: `postgres`, `pglite`. */
export type GenerationStore = FrontendStore &
  WorkerStore &
  WebhookStore &
  UploadStore & {
    /**
     * Ends every lease and takes every message for lost, for an owner who knows at its start that
     * no worker and no broker outlived it: the sweeps that follow return all that is unfinished.
     */
    expireAllLeases(): Promise<void>;
    check(): Promise<void>;
    close(): Promise<void>;
  };
