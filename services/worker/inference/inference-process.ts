import { DarkroomError } from '@darkroom/contract';
import type { GenerateOptions, Picture, RunState } from '@darkroom/diffusion';
import { createBackoff, withTimeLimit } from '@darkroom/timing';
import { createTurns } from '../turns.ts';
import { createBusyTime } from './busy-time.ts';
import { type Child, type ChildOptions, EngineError, startChild } from './child-process.ts';
import { bitsOf, type Identity } from './identity.ts';
import { ChildDied } from './link.ts';
import type { InferenceRequest, Ran } from './protocol.ts';
import { stepsDone } from './steps-done.ts';

export type InferenceOptions = Pick<ChildOptions, 'models' | 'logger' | 'program'> & {
  /** In order of preference, in the runtime's words. @default ['cpu'] */
  executionProviders?: readonly string[];
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
};

export type InferenceResult = Picture & {
  /** Waiting for a child to be loaded; 0 where one was. */
  modelLoadMs: number;
  inferenceMs: number;
  /** How many children died on the way. */
  restarts: number;
};

export type InferenceCall = GenerateOptions & {
  /**
   * What the call has run until now, in all the processes that it took: told before each `onStep`
   * and at the end, however that comes.
   */
  onRan?: (ran: Ran) => void;
  /** W3C trace context, for the child's log lines. */
  traceparent?: string | undefined;
};

const CRASHES_REMEMBERED_MS = 600_000;

/** More inference processes died of one picture than it was allowed. */
export class InferenceDied extends Error {
  override readonly name = 'InferenceDied';
}

/** The engine in a process of its own, one picture at a time, started again whenever it dies. */
export type Inference = {
  /** What the present child says of itself, the last one's where it is being started again. */
  identity(): Identity;
  /** Process id of the child, undefined while it is being started again. */
  pid(): number | undefined;
  /** How many children died in the last ten minutes. */
  crashes(): number;
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
   * the request comes again. When aborted, reports its last step before it rejects.
   *
   * @throws `signal.reason` when aborted, EngineError when the engine refuses or
   *   has failed twice, InferenceDied when more than `maxRestarts` children died of it, DarkroomError
   *   (`unavailable`) when none can be started
   */
  generate(request: InferenceRequest, call?: InferenceCall): Promise<InferenceResult>;
  /** Waits for the picture in hand, then ends the child. */
  close(): Promise<void>;
};

/**
 * Starts the inference child and resolves once its models are loaded.
 *
 * @throws DarkroomError (`configuration`) when they cannot be
 */
export async function startInference(options: InferenceOptions): Promise<Inference> {
  const { logger, stepIntervalMs = 25, stepTimeoutMs = 60_000 } = options;
  const { startTimeoutMs = 300_000, maxRestarts = 3 } = options;
  const closing = new AbortController();
  const turns = createTurns();
  const start = () =>
    startChild({
      executionProviders: ['cpu'],
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
      if (closing.signal.aborted) return;
      deaths.push(performance.now());
      logger.error({ err: death }, 'inference process lost');
      next = startAgain();
      next.catch(() => {});
    });
  };
  supervise(child);
  logger.info({ inferencePid: child.pid, ...child.identity }, 'inference process ready');

  const generate = async (
    request: InferenceRequest,
    call: InferenceCall,
  ): Promise<InferenceResult> => {
    const { onStep, onRan, signal, traceparent } = call;
    const { model } = request;
    let last: { state: RunState; bits: string } | undefined;
    if (call.resume !== undefined) {
      last = { state: call.resume, bits: bitsOf(child.identity, model) };
    }
    /** By the children before the present one, and by all. */
    let before: Ran = { steps: 0, engineMs: 0 };
    let ran = before;
    let hasFailed = false;
    let modelLoadMs = 0;
    const started = performance.now();
    for (let restarts = 0; ; restarts++) {
      const waitStarted = performance.now();
      const present = await within(next, startTimeoutMs, signal);
      const bits = bitsOf(present.identity, model);
      modelLoadMs += performance.now() - waitStarted;
      try {
        const resume = last?.bits === bits ? { resume: last.state } : {};
        const making = () =>
          present.generate(request, {
            onRan: ({ steps, engineMs }) => {
              ran = { steps: before.steps + steps, engineMs: before.engineMs + engineMs };
              onRan?.(ran);
            },
            onStep: (state) => {
              last = { state, bits };
              onStep?.(state);
            },
            ...(signal !== undefined && { signal }),
            ...resume,
            ...(traceparent !== undefined && { traceparent }),
          });
        const picture = await busy.during(making);
        const inferenceMs = performance.now() - started - modelLoadMs;
        return { ...picture, modelLoadMs, inferenceMs, restarts };
      } catch (error) {
        const isFailure = error instanceof EngineError && error.code === 'ENGINE';
        if (isFailure) {
          present.end();
          await present.gone;
          if (hasFailed) throw error;
          hasFailed = true;
        } else if (!(error instanceof ChildDied)) throw error;
        signal?.throwIfAborted();
        before = ran;
        const done = stepsDone(last?.state, request.steps);
        const at = last === undefined ? 'before its first step' : `after step ${done}`;
        if (restarts >= maxRestarts) {
          const text = `${restarts + 1} inference processes died of one picture, the last ${at}: ${error.message}`;
          throw new InferenceDied(text, { cause: error });
        }
        // `next` is already the child after this one: `supervise` hears of the death before us.
        logger.warn({ traceparent, restarts: restarts + 1 }, `picture goes on ${at}`);
      }
    }
  };

  return {
    identity: () => child.identity,
    pid: () => (alive ? child.pid : undefined),
    crashes: () => {
      const since = performance.now() - CRASHES_REMEMBERED_MS;
      deaths = deaths.filter((at) => at > since);
      return deaths.length;
    },
    busySeconds: () => busy.ms() / 1e3,
    up: async (ms, signal) => void (await within(next, ms, signal)),
    generate: (request, call = {}) =>
      turns(() => {
        call.signal?.throwIfAborted();
        return generate(request, call);
      }),
    close: () =>
      turns(async () => {
        closing.abort(new DarkroomError('unavailable', 'inference is closed'));
        await next.catch(() => {});
        await child.gone;
      }),
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
