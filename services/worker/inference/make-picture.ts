import type { GenerateOptions, Picture, RunState } from '@darkroom/diffusion';
import type { Logger } from '@darkroom/lifecycle';
import type { Turns } from '../turns.ts';
import type { BusyTime } from './busy-time.ts';
import { type Child, EngineError } from './child-process.ts';
import type { Company } from './company.ts';
import { bitsOf, type Identity } from './identity.ts';
import { ChildDied } from './link.ts';
import type { InferenceRequest, Ran } from './protocol.ts';
import { stepsDone } from './steps-done.ts';

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

/** More inference processes died of one picture than it was allowed. */
export class InferenceDied extends Error {
  override readonly name = 'InferenceDied';
}

/** What all pictures share. */
export type Engine = {
  /** Of the present child, for a state that the caller brings. */
  identity: () => Identity;
  /** The present child, or the next once it is loaded. */
  child: (signal?: AbortSignal) => Promise<Child>;
  turns: Turns;
  busy: BusyTime;
  company: Company<Child>;
  logger: Logger;
  /** How many deaths one picture may cost while it is alone. */
  maxRestarts: number;
};

/** Makes one picture through as many children as it takes; see `Inference.generate`. */
export async function makePicture(
  engine: Engine,
  request: InferenceRequest,
  call: InferenceCall,
): Promise<InferenceResult> {
  const { turns, busy, company, logger, maxRestarts } = engine;
  const { onStep, onRan, signal, previews, traceparent } = call;
  const { model } = request;
  let last: { state: RunState; bits: string } | undefined;
  if (call.resume !== undefined) {
    last = { state: call.resume, bits: bitsOf(engine.identity(), model) };
  }
  /** By the children before the present one, and by all. */
  let before: Ran = { steps: 0, engineMs: 0 };
  let ran = before;
  let restarts = 0;
  /** While it was alone in the engine, so that nothing else was the cause. */
  const alone = { ends: 0, failures: 0 };
  let modelLoadMs = 0;
  let started: number | undefined;

  const makeWith = (child: Child): Promise<Picture> => {
    const bits = bitsOf(child.identity, model);
    const resume = last?.bits === bits ? { resume: last.state } : {};
    return child.generate(request, {
      onRan: ({ steps, engineMs }) => {
        ran = { steps: before.steps + steps, engineMs: before.engineMs + engineMs };
        onRan?.(ran);
      },
      onStep: (state) => {
        last = { state, bits };
        onStep?.(state);
      },
      previews,
      ...(signal !== undefined && { signal }),
      ...resume,
      ...(traceparent !== undefined && { traceparent }),
    });
  };

  /** @returns undefined where the child ended with other pictures in hand */
  const makeUnlessTogether = async (): Promise<InferenceResult | undefined> => {
    signal?.throwIfAborted();
    started ??= performance.now();
    for (;;) {
      const waitStarted = performance.now();
      const child = await engine.child(signal);
      modelLoadMs += performance.now() - waitStarted;
      try {
        const picture = await busy.during(() =>
          makeWith(child).catch((error: unknown) => {
            if (isFailure(error)) company.ended(child);
            throw error;
          }),
        );
        const inferenceMs = performance.now() - started - modelLoadMs;
        return { ...picture, modelLoadMs, inferenceMs, restarts };
      } catch (error) {
        if (isFailure(error)) {
          child.end();
          await child.gone;
        } else if (!(error instanceof ChildDied)) throw error;
        const hadCompany = company.had(child);
        if (!hadCompany) {
          alone.ends += 1;
          if (isFailure(error)) alone.failures += 1;
          if (alone.failures > 1) throw error;
        }
        signal?.throwIfAborted();
        before = ran;
        const done = stepsDone(last?.state, request.steps);
        const at = last === undefined ? 'before its first step' : `after step ${done}`;
        if (alone.ends > maxRestarts) {
          const text = `${alone.ends} inference processes died of one picture, the last ${at}: ${error.message}`;
          throw new InferenceDied(text, { cause: error });
        }
        restarts += 1;
        // The next child is already under way: who supervises them hears of the death before us.
        logger.warn({ traceparent, restarts, hadCompany }, `picture goes on ${at}`);
        if (hadCompany) return undefined;
      }
    }
  };

  return (
    (await turns(makeUnlessTogether)) ??
    // Alone it is made or fails.
    ((await turns(makeUnlessTogether, { alone: true })) as InferenceResult)
  );
}

const isFailure = (error: unknown): error is EngineError =>
  error instanceof EngineError && error.code === 'ENGINE';
