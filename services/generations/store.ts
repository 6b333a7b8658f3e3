import type {
  FailureCode,
  Generation,
  GenerationRequest,
  GenerationState,
  Progress,
  WebhookStatus,
} from '@darkroom/contract';
import type { ActiveCount, QueueView } from './queue-view.ts';

/** A generation with what only services may see. */
export type GenerationRecord = Omit<Generation, 'images' | 'waiting'> & {
  tenant: string;
  /** Grows with every write that callers can see, progress aside, and with every queueing. */
  revision: number;
  /** Whether the broker confirmed the message of this revision's queueing. */
  published: boolean;
  /** When it last became `queued`. */
  queuedAt: string;
  images: StoredImage[];
  traceparent: string | null;
  deadline: string | null;
  /** What the next attempt may go on from. */
  checkpoint: Checkpoint | null;
};

/** Where a worker that handed its job back has saved the run state. */
export type Checkpoint = {
  /** Key in the object store. */
  key: string;
  /** Index of the picture in the making; those before it are made. */
  picture: number;
  /** Steps done of that picture. */
  step: number;
};

/** What one attempt has run until now, whatever it was worth. */
export type Ran = {
  /** Denoising steps, over all pictures. */
  steps: number;
  /** Milliseconds in the engine. */
  gpuMs: number;
};

export type WorkerState = 'loading' | 'ready' | 'draining';

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

export type StoredImage = {
  /** Key in the object store: `tenant/generation/index-sha256.png`. */
  key: string;
  sha256: string;
  width: number;
  height: number;
  seed: number;
};

/** A repeat of the same `fingerprint` (of the caller's body) under a key returns the first record. */
export type Idempotency = { key: string; fingerprint: string };

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

/** The right to run a generation, for as long as the lease is renewed. */
export type Claim = {
  record: GenerationRecord;
  /** Fencing number: a write with an older one is refused. */
  fence: number;
};

export type ClaimResult =
  | { claimed: true; claim: Claim }
  /** Finished, canceled, expired, out of attempts, unknown, or leased to another. */
  | { claimed: false; reason: 'unknown' | 'terminal' | 'expired' | 'attempts' | 'leased' };

export type Heartbeat = 'held' | 'cancel-requested' | 'lost';

export type StoreTimings = { modelLoadMs: number; inferenceMs: number; storeMs: number };

/** What the frontend may do with records. */
export type FrontendStore = {
  /**
   * Records a request as `queued`, not yet published.
   * @throws DarkroomError `conflict` when the idempotency key was used with another body
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
  /** Newest first. `cursor` is the one that the previous page returned. */
  list(
    tenant: string,
    page: { limit: number; cursor?: string | undefined; state?: GenerationState | undefined },
  ): Promise<{ records: GenerationRecord[]; nextCursor: string | null }>;
  /** Queued: canceled at once. Running: flagged, and the worker settles it. Terminal: unchanged. */
  requestCancel(tenant: string, id: string): Promise<GenerationRecord | undefined>;
  /** Who was seen within this time, 60 s unless told, by name. */
  workers(options?: { seenWithinMs?: number | undefined }): Promise<WorkerSeen[]>;
  /** Generations queued or running, by tenant, model and state. */
  countActive(): Promise<ActiveCount[]>;
  /** Every model's queue and how fast it is worked off; models without either are left out. */
  queues(): Promise<QueueView[]>;
  /** Hides a terminal record from everyone, for good. False when there is none. */
  hide(tenant: string, id: string): Promise<boolean>;
  /**
   * Hides what finished longer than `ttlMs` ago, and returns what has been hidden for `graceMs`, to
   * one replica alone, for its caller to remove the objects and `forget`. Returned again after
   * another `graceMs` when that did not come about.
   */
  takeOld(options: {
    /** Null: for ever. */
    ttlMs: number | null;
    graceMs: number;
    /** Records at most, hidden and returned each. */
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

/** What a worker may do with records: claim, heartbeat, complete, release. */
export type WorkerStore = {
  /** As for the frontend: what the record names is asked before an object is removed. */
  get: FrontendStore['get'];
  /**
   * Takes a queued generation, or one whose lease ran out, or one leased under this same message
   * (`redelivered`), and counts the attempt.
   */
  claim(options: {
    id: string;
    messageId: string;
    redelivered: boolean;
    worker: string;
    leaseMs: number;
    maxAttempts: number;
  }): Promise<ClaimResult>;
  /** Renews the lease and notes the progress, and what was run where told. */
  heartbeat(options: {
    id: string;
    fence: number;
    leaseMs: number;
    progress: Progress;
    ran?: Ran | undefined;
  }): Promise<Heartbeat>;
  /**
   * running → succeeded, a cancel that came first notwithstanding. False when the fence is old.
   * Repeating a write that had succeeded is true again, here as in `fail` and `settleCancel`.
   * Each takes what the attempt has `ran`; without it the last heartbeat's word stands.
   */
  complete(options: {
    id: string;
    fence: number;
    ran?: Ran | undefined;
    images: StoredImage[];
    timings: StoreTimings;
  }): Promise<boolean>;
  /** running → failed. False when the fence is old. */
  fail(options: {
    id: string;
    fence: number;
    error: { code: FailureCode; message: string };
    ran?: Ran | undefined;
  }): Promise<boolean>;
  /** running → canceled, after the worker has stopped. False when the fence is old. */
  settleCancel(options: {
    id: string;
    fence: number;
    /** Where it stopped; what is left of the steps was spared. */
    progress?: Progress | undefined;
    ran?: Ran | undefined;
  }): Promise<boolean>;
  /**
   * running → queued, unpublished, at no attempt's cost unless `countAttempt`. Returns the record
   * to publish; undefined when the fence is old, or when a cancel came first, which this settles.
   */
  release(options: {
    id: string;
    fence: number;
    /** Whether the job killed its engine; that goes into the evidence, with its last words. */
    countAttempt: boolean;
    lastWords?: string | undefined;
    ran?: Ran | undefined;
    /** Without one, the next attempt has the same to go on from as this one had. */
    checkpoint?: Checkpoint | undefined;
  }): Promise<GenerationRecord | undefined>;
  markPublished(id: string, revision: number): Promise<void>;
  /** Tells that a worker is there, again and again; who falls silent counts as gone. */
  announceWorker(options: {
    worker: string;
    models: readonly string[];
    state: WorkerState;
    crashes: number;
  }): Promise<void>;
  /** Tells that a worker has ended. */
  withdrawWorker(worker: string): Promise<void>;
};

export type DueWebhook = {
  /** The generation that has ended. */
  record: GenerationRecord;
  url: string;
  /** This attempt included, from 1; settles it, as a fencing number would. */
  attempts: number;
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

/** The record of every request. Drivers: `postgres`, `pglite`. */
export type GenerationStore = FrontendStore &
  WorkerStore &
  WebhookStore & {
    /**
     * Ends every lease and takes every message for lost, for an owner who knows at its start that
     * no worker and no broker outlived it: the sweeps that follow return all that is unfinished.
     */
    expireAllLeases(): Promise<void>;
    check(): Promise<void>;
    close(): Promise<void>;
  };
