import type { EvidenceDetail, Generation, StoredImage } from '@darkroom/contract';

/** A generation with what only services may see. */
export type GenerationRecord = Omit<Generation, 'images' | 'waiting' | 'evidence'> & {
  tenant: string;
  /** Grows with every write that callers can see, progress aside, and with every queueing. */
  revision: number;
  /** Whether the broker confirmed the message of this revision's queueing. */
  published: boolean;
  /** When it last became `queued`. */
  queuedAt: string;
  images: StoredImage[];
  evidence: EvidenceDetail[];
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
