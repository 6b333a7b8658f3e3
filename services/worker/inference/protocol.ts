import type { FailureCode, GenerationRequest } from '@darkroom/contract';
import type {
  LatentRgb,
  MemoryState,
  NodesByProvider,
  Picture,
  PictureRequest,
  RunState,
  VaeTiling,
} from '@darkroom/diffusion';
import { z } from 'zod';

/**
 * Version of the messages below. Parent and child normally come from one release; a child started
 * again after the files were replaced does not, and is refused at its first word.
 */
export const PROTOCOL_VERSION = 6;

/** A model to load: its name in the catalogue and its folder in the Hugging Face ONNX layout. */
export type ModelFolder = { name: string; folder: string };

export type InferenceRequest = PictureRequest & {
  model: string;
  /** What the request calls the pictures that it starts from, for the metadata. */
  uploads?: Pick<GenerationRequest, 'initImage' | 'mask'>;
};

/** What the parent says. Sent with structured clone, so typed arrays arrive as they left. */
export type ParentMessage =
  | {
      type: 'load';
      models: readonly ModelFolder[];
      executionProviders: readonly string[];
      vaeTiling: VaeTiling;
      /** Whether pictures carry what made them. */
      pictureMetadata: boolean;
      /** Bytes for all models together; undefined: without bound. */
      modelMemory: number | undefined;
      /** Where optimised copies of the models are kept; undefined: nowhere. */
      optimizedModelDir: string | undefined;
      /** Whether `log` messages of level debug are wanted. */
      debug: boolean;
    }
  | {
      type: 'generate';
      id: number;
      request: InferenceRequest;
      /** Shortest time between two `step` messages. */
      stepIntervalMs: number;
      /** Whether the states of `step` messages have `predicted`. */
      previews: boolean;
      resume?: RunState;
      traceparent?: string;
    }
  | { type: 'abort'; id: number };

/** The child's first word. */
export type Hello = {
  type: 'hello';
  protocol: number;
  engine: string;
  node: string;
  onnxruntime: string;
};

/** As much of a first word as is read before its version is known: another release may speak. */
export const greeting = z.object({ type: z.literal('hello'), protocol: z.int() });

/** A model the child holds. */
export type LoadedModel = {
  name: string;
  /** Over every file of its folder. */
  digest: string;
  loadMs: number;
  /** The provider that was seen to compute in all its networks; `none` where it found no room in memory. */
  provider: string;
  /** Nodes that each provider ran while that was seen; empty on the CPU alone. */
  nodes: NodesByProvider;
  /** For previews of its latents; absent where nobody knows. */
  latentRgb?: LatentRgb;
};

/** What a call has run until now. */
export type Ran = {
  /** Denoising steps. */
  steps: number;
  /**
   * Milliseconds in the engine, as the engine's own process measures them; of time that it had several
   * pictures in hand, this one's share.
   */
  engineMs: number;
};

/** MODEL: the model's files do not fit the request. ENGINE: anything else. */
export type EngineFailure = Extract<FailureCode, 'MODEL' | 'ENGINE'>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What the child says. */
export type ChildMessage =
  | Hello
  | { type: 'ready'; models: LoadedModel[]; executionProviders: string[] }
  /** A model could not be loaded; the parent ends the child after this. */
  | { type: 'load-failed'; message: string }
  | { type: 'step'; id: number; state: RunState; ran: Ran }
  | { type: 'picture'; id: number; picture: Picture; ran: Ran }
  /** With the run state, unless no step was done since the last that was told. */
  | { type: 'aborted'; id: number; state?: RunState; ran: Ran }
  /** The engine refused or failed; the child lives on. */
  | { type: 'failed'; id: number; code: EngineFailure; message: string; ran: Ran }
  /** After the start and each picture, where memory is bounded. */
  | { type: 'memory'; state: MemoryState }
  | { type: 'log'; level: LogLevel; message: string; fields: Record<string, unknown> };
