import type { EvidenceDetail, GenerationRequest, GenerationState } from '@darkroom/contract';
import type { ActiveCount, QueueView, WorkerLoad } from './queue-view.ts';
import type { GenerationRecord } from './record.ts';
import type { WorkerState } from './worker-store.ts';

/**
 * A create under a key that was used before returns the first record where it is a repeat: either
 * fingerprint is the first one's.
 */
export type Idempotency = {
  key: string;
  /** Of the caller's body. The same body is a repeat although the model's defaults have changed. */
  fingerprint: string;
  /**
   * Of what the body was resolved to. Another notation of the same request is a repeat. Records of
   * releases before this field have none.
   */
  meaning?: string | undefined;
};

export type NewGeneration = {
  id: string;
  tenant: string;
  request: GenerationRequest;
  deadline?: string | undefined;
  traceparent?: string | undefined;
  idempotency?: Idempotency | undefined;
  /** The generation whose request this one repeats. */
  redriveOf?: string | undefined;
  /** Where the generation's end is told. */
  webhookUrl?: string | undefined;
};

/** A worker as it said of itself when it was last seen. */
export type WorkerSeen = {
  worker: string;
  /** Names of the models whose jobs it takes. */
  models: string[];
  state: WorkerState;
  /** Inference processes that it lost in the last minutes. */
  crashes: number;
  startedAt: string;
  seenAt: string;
};

/** How far a generation has come, as its record says. */
export type Position = { id: string; revision: number; step: number };

/** What the frontend may do with records. */
export type FrontendStore = {
  /** @throws DarkroomError when the record cannot be read and written now */
  check(): Promise<void>;
  /**
   * Records a request as `queued`, not yet published.
   * @throws DarkroomError `conflict` when the idempotency key was used with another request
   */
  create(input: NewGeneration): Promise<{ record: GenerationRecord; created: boolean }>;
  /**
   * What a create under this key would repeat.
   * @throws DarkroomError `conflict` as `create`
   */
  findRepeat(tenant: string, idempotency: Idempotency): Promise<GenerationRecord | undefined>;
  /** Notes that the broker confirmed the message of this revision. */
  markPublished(id: string, revision: number): Promise<void>;
  get(tenant: string, id: string): Promise<GenerationRecord | undefined>;
  /** Every lost attempt of any tenant's generation; undefined where there is none. */
  evidence(id: string): Promise<EvidenceDetail[] | undefined>;
  /** Newest first. `cursor` is the one that the previous page returned. */
  list(
    tenant: string,
    page: { limit: number; cursor?: string | undefined; state?: GenerationState | undefined },
  ): Promise<{ records: GenerationRecord[]; nextCursor: string | null }>;
  /**
   * How far each of these has come, whatever its tenant, in one query; those that are gone are left
   * out.
   */
  positions(ids: readonly string[]): Promise<Position[]>;
  /** Queued: canceled at once. Running: flagged, and the worker settles it. Terminal: unchanged. */
  requestCancel(tenant: string, id: string): Promise<GenerationRecord | undefined>;
  /** Who was seen within this time, 60 s unless told, by name. */
  workers(options?: { seenWithinMs?: number | undefined }): Promise<WorkerSeen[]>;
  /** Generations queued or running, by tenant, model and state. */
  countActive(): Promise<ActiveCount[]>;
  /** Every model's queue and how fast it is worked off; models without either are left out. */
  queues(): Promise<QueueView[]>;
  /** Every worker that holds a lease, by name, whether or not it was seen lately. */
  workerLoads(): Promise<WorkerLoad[]>;
  /** Hides a terminal record from everyone, for good. False when there is none. */
  hide(tenant: string, id: string): Promise<boolean>;
  /**
   * Hides the oldest of what finished longer than `ttlMs` ago, and returns it, to one replica alone.
   */
  hideOld(options: {
    ttlMs: number;
    /** Records at most. */
    limit: number;
  }): Promise<{ id: string; tenant: string }[]>;
  /**
   * Returns what was hidden longer than `graceMs` ago, to one replica alone, for its caller to
   * remove the objects and `forget`. Returns it again after another `graceMs` unless it is forgotten.
   */
  takeHidden(options: {
    graceMs: number;
    /** Records at most. */
    limit: number;
  }): Promise<{ id: string; tenant: string }[]>;
  /** Removes hidden records. */
  forget(ids: readonly string[]): Promise<void>;
  /**
   * One round of repair, safe to run on every replica at once: expires deadlines, requeues or fails
   * what has lost its lease, settles cancels whose worker is gone, and returns the queued records
   * whose message was never confirmed or is lost. Each comes at a new revision, and to one replica
   * alone, for its caller to publish and mark.
   */
  sweep(options: {
    /** Records at most in this round. */
    limit: number;
    /**
     * The messages that wait in the queues of some models, counted before the call. A queue gives
     * them out in their order, so where more records wait than messages, the oldest records are
     * those without one: older than the oldest message.
     */
    messages: readonly { model: string; count: number }[];
    /** What was published less long ago is not missed yet. */
    republishAfterMs: number;
    /** As the workers claim with: what has used them up is failed and not queued again. */
    maxAttempts: number;
    /** How long a creator or an earlier sweep has to publish and mark; 1 s unless told. */
    graceMs?: number | undefined;
  }): Promise<GenerationRecord[]>;
};
