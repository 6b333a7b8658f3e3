import { DarkroomError } from '@darkroom/contract';
import type { MemoryState } from '@darkroom/diffusion';
import { createBackoff, withTimeLimit } from '@darkroom/timing';
import { createTurns } from '../turns.ts';
import { createBusyTime } from './busy-time.ts';
import { type Child, type ChildOptions, startChild } from './child-process.ts';
import { createCompany } from './company.ts';
import type { Identity } from './identity.ts';
import { ChildDied } from './link.ts';
import {
  type Engine,
  type InferenceCall,
  type InferenceResult,
  makePicture,
} from './make-picture.ts';
import type { InferenceRequest } from './protocol.ts';

export type InferenceOptions = Pick<
  ChildOptions,
  'models' | 'logger' | 'program' | 'modelMemory' | 'optimizedModelDir'
> & {
  /** In order of preference, in the runtime's words. @default ['cpu'] */
  executionProviders?: readonly string[];
  /**
   * Whether the pictures' files carry what made them: request, model, engine and runtime.
   * @default true
   */
  pictureMetadata?: boolean;
  /** This process's environment, of which the child sees a short list. @default nothing */
  environment?: ChildOptions['environment'];
  /**
   * Shortest time between two steps that are told. Telling one costs a third of a millisecond, much
   * of what a step of a tiny model costs, and little of a large one's, each of which is told.
   * @default 25
   */
  stepIntervalMs?: number;
  /** Longest silence between two steps before the child is killed. @default 60_000 */
  stepTimeoutMs?: number;
  /** Longest time until the models are loaded. @default 300_000 */
  startTimeoutMs?: number;
  /** How many deaths one picture may cost before it is given up. @default 3 */
  maxRestarts?: number;
  /**
   * Pictures in the making at once, which share the engine's runs where model and size are the same.
   * @default 1
   */
  slots?: number;
};

const CRASHES_REMEMBERED_MS = 600_000;

/** The engine in a process of its own, started again whenever it dies. */
export type Inference = {
  /** What the present child says of itself, the last one's where it is being started again. */
  identity(): Identity;
  /** Process id of the child, undefined while it is being started again. */
  pid(): number | undefined;
  /** How many children died in the last ten minutes. */
  crashes(): number;
  /** What the present child told last of its models' memory; undefined where that is not bounded. */
  memory(): MemoryState | undefined;
  /** How long a child has had a picture in hand until now, in seconds; grows during a run. */
  busySeconds(): number;
  /**
   * Resolves once a child is up.
   * @throws DarkroomError (`unavailable`) when none is within `ms`, `signal.reason` when aborted
   */
  up(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Makes one picture, waiting for its turn. When the child dies on the way, goes on in the next
   * from the last step, to the same bits. A child whose engine fails is ended and the picture tried
   * once more in the next: after an error a GPU may refuse all that follows, and one that comes from
   * the request comes again. What happens to several pictures at once is held against none of them:
   * each goes on alone, and shows then whether it was the cause. When aborted, reports its last step
   * before it rejects.
   *
   * @throws `signal.reason` when aborted, EngineError when the engine refuses or
   *   has failed twice, InferenceDied when more than `maxRestarts` children died of it, DarkroomError
   *   (`unavailable`) when none can be started
   */
  generate(request: InferenceRequest, call?: InferenceCall): Promise<InferenceResult>;
  /** Waits for the pictures in hand, then ends the child. */
  close(): Promise<void>;
};

/**
 * Starts the inference child and resolves once its models are loaded.
 *
 * @throws DarkroomError (`configuration`) when they cannot be
 */
export async function startInference(options: InferenceOptions): Promise<Inference> {
  const { logger, stepIntervalMs = 25, stepTimeoutMs = 60_000 } = options;
  const { startTimeoutMs = 300_000, maxRestarts = 3, slots = 1 } = options;
  const closing = new AbortController();
  const turns = createTurns(slots);
  const start = () =>
    startChild({
      executionProviders: ['cpu'],
      pictureMetadata: true,
      environment: {},
      ...options,
      stepIntervalMs,
      stepTimeoutMs,
      startTimeoutMs,
      signal: closing.signal,
    });

  let child = await start().catch((error: unknown) => {
    if (!(error instanceof ChildDied)) throw error;
    throw new DarkroomError('configuration', `inference cannot start: ${error.message}`);
  });
  const busy = createBusyTime();
  const company = createCompany<Child>(busy.tasks);
  let alive = true;
  let deaths: number[] = [];
  /** The child to use: the present one, or the next once it is loaded. */
  let next: Promise<Child> = Promise.resolve(child);

  const startAgain = async (): Promise<Child> => {
    const backoff = createBackoff({ firstMs: 100, longestMs: 10_000 });
    for (;;) {
      closing.signal.throwIfAborted();
      try {
        child = await start();
        supervise(child);
        logger.info({ inferencePid: child.pid }, 'inference process started again');
        return child;
      } catch (error) {
        closing.signal.throwIfAborted();
        logger.error({ err: error }, 'the inference process cannot be started again yet');
        await backoff.wait(closing.signal);
      }
    }
  };
  const supervise = (present: Child) => {
    alive = true;
    void present.gone.then((death) => {
      alive = false;
      company.ended(present);
      if (closing.signal.aborted) return;
      deaths.push(performance.now());
      logger.error({ err: death }, 'inference process lost');
      next = startAgain();
      next.catch(() => {});
    });
  };
  supervise(child);
  logger.info({ inferencePid: child.pid, ...child.identity }, 'inference process ready');

  const engine: Engine = {
    identity: () => child.identity,
    child: (signal) => within(next, startTimeoutMs, signal),
    turns,
    busy,
    company,
    logger,
    maxRestarts,
  };
  return {
    identity: engine.identity,
    memory: () => child.memory(),
    pid: () => (alive ? child.pid : undefined),
    crashes: () => {
      const since = performance.now() - CRASHES_REMEMBERED_MS;
      deaths = deaths.filter((at) => at > since);
      return deaths.length;
    },
    busySeconds: () => busy.ms() / 1e3,
    up: async (ms, signal) => void (await within(next, ms, signal)),
    generate: (request, call = {}) => makePicture(engine, request, call),
    close: () =>
      turns(
        async () => {
          closing.abort(new DarkroomError('unavailable', 'inference is closed'));
          await next.catch(() => {});
          await child.gone;
        },
        { alone: true },
      ),
  };
}

/** Waits for a loaded child, no longer than it may take. */
const within = (child: Promise<Child>, ms: number, signal?: AbortSignal): Promise<Child> =>
  withTimeLimit(child, { ms, signal, late: () => notStarted(ms) });

const notStarted = (ms: number): DarkroomError =>
  new DarkroomError(
    'unavailable',
    `no inference process could be started for ${ms} ms; see the log for the reason`,
  );
