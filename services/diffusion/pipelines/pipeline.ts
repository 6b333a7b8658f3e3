import type { SchedulerUsed } from '../schedulers/create-scheduler.ts';
import type { Cut } from '../tokenizer/clip-tokenizer.ts';
import type { RunState } from './run-state.ts';

/** What the engine needs for one picture. Scheduler names are the catalogue's. */
export type PictureRequest = {
  prompt: string;
  negativePrompt: string;
  /** Seeds PyTorch's CPU generator: 0 to 2^64-1, a bigint above 2^53-1. */
  seed: number | bigint;
  steps: number;
  /** Classifier-free guidance; 1 or less runs without it. */
  guidanceScale: number;
  /** Absent: the class that `scheduler_config.json` names. */
  scheduler?: string | undefined;
  karras?: boolean | undefined;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
};

export type Picture = {
  /** PNG file, RGB, 8 bit. */
  png: Uint8Array;
  width: number;
  height: number;
  /** The prompts that are longer than the text encoder takes. */
  truncated: Truncation[];
};

/** A prompt of which only the beginning was used, with what was not. */
export type Truncation = Cut & { field: 'prompt' | 'negativePrompt' };

export type GenerateOptions = {
  /** Called after each step with all that is needed to go on from there. */
  onStep?: (state: RunState) => void;
  /** Looked at between steps; an aborted run rejects with `signal.reason`. */
  signal?: AbortSignal;
  /** Goes on after the step that this state was taken at, to the same bits. */
  resume?: RunState;
};

export type Pipeline = {
  generate(request: PictureRequest, options?: GenerateOptions): Promise<Picture>;
  /**
   * The scheduler that a request runs with, for a record of how its picture is made.
   * @throws ModelError where it cannot be used
   */
  schedulerOf(request: Pick<PictureRequest, 'scheduler' | 'karras'>): SchedulerUsed;
  /** Frees the sessions' memory. */
  release(): Promise<void>;
};
