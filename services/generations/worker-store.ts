import type { FailureCode, Progress, StoredImage, Truncation } from '@darkroom/contract';
import type { Checkpoint, GenerationRecord } from './record.ts';

/** The right to run a generation, for as long as the lease is renewed. */
export type Claim = {
  record: GenerationRecord;
  /** Fencing number: a write with an older one is refused. */
  fence: number;
};

export type ClaimResult =
  | { claimed: true; claim: Claim }
  /** Finished, canceled, expired, out of attempts, or unknown: nothing is left to do. */
  | { claimed: false; reason: 'unknown' | 'terminal' | 'expired' | 'attempts' }
  /** Another holds a lease that ends in `leftMs`, by the database's clock, unless it is renewed. */
  | { claimed: false; reason: 'leased'; leftMs: number };

export type Heartbeat = 'held' | 'cancel-requested' | 'lost';

export type StoreTimings = { modelLoadMs: number; inferenceMs: number; storeMs: number };

/** What one attempt has run until now, whatever it was worth. */
export type Ran = {
  /** Denoising steps, over all pictures. */
  steps: number;
  /** Milliseconds in the engine. */
  gpuMs: number;
};

export type WorkerState = 'loading' | 'ready' | 'draining';

/** What a worker may do with records: claim, heartbeat, complete, release. */
export type WorkerStore = {
  /** As for the frontend: what the record names is asked before an object is removed. */
  get(tenant: string, id: string): Promise<GenerationRecord | undefined>;
  /**
   * Takes a queued generation, or one whose lease has run out, and counts the attempt. A lease ends
   * by its clock or by its holder, whatever messages come. Repeating a claim that had succeeded, under
   * the same `claimId`, renews its lease and returns the same fence.
   */
  claim(options: {
    id: string;
    /** Unique to this claim; a caller that did not hear the answer repeats it. */
    claimId: string;
    worker: string;
    leaseMs: number;
    maxAttempts: number;
  }): Promise<ClaimResult>;
  /**
   * Renews the lease, one that has run out too unless another took it, and notes the progress, and
   * what was run where told.
   */
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
    /** What the text encoder did not see of the prompts; none unless told. */
    truncated?: Truncation[] | undefined;
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
  /** @throws DarkroomError when the record cannot be read and written now */
  check(): Promise<void>;
  /** Tells that a worker has ended. */
  withdrawWorker(worker: string): Promise<void>;
};
