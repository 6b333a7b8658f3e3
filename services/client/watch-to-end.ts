import type { AppRouter } from '@darkroom/frontend';
import type { TRPCClient } from '@trpc/client';
import { type Patience, pause, persist } from './persist.ts';
import type { Generation, Progress } from './types.ts';

export type WaitOptions = {
  /** Called whenever something has changed: steps done, and the whole generation. */
  onProgress?: ((progress: Progress, generation: Generation) => void) | undefined;
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
};

/** Between two watches, in milliseconds; where no watch gets through, the pace of asking. */
const PAUSE_MS = 500;

/** How long a watch may be silent before it counts as lost, in milliseconds. */
const SILENCE_LIMIT_MS = 60_000;

const isFinished = ({ state }: Generation): boolean => state !== 'queued' && state !== 'running';

/** Follows a generation until it is finished, through as many watches as that takes. */
export async function watchToEnd(
  trpc: TRPCClient<AppRouter>,
  generation: Generation,
  options: WaitOptions,
  patience: Patience,
): Promise<Generation> {
  const { id } = generation;
  const { signal } = options;
  let present = generation;
  while (!isFinished(present)) {
    const finished = await watchOnce(trpc, id, options);
    if (finished !== undefined) return finished;
    await pause(PAUSE_MS, signal);
    present = await persist(() => trpc.generations.get.query({ id }), { ...patience, signal });
    options.onProgress?.(present.progress, present);
  }
  return present;
}

/** One watch: the finished generation, or undefined when the connection went first. */
function watchOnce(
  trpc: TRPCClient<AppRouter>,
  id: string,
  { onProgress, signal }: WaitOptions,
): Promise<Generation | undefined> {
  let release = () => {};
  const ended = new Promise<Generation | undefined>((resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    const onSilence = () => resolve(undefined);
    let silence = setTimeout(onSilence, SILENCE_LIMIT_MS);
    signal?.addEventListener('abort', onAbort);
    const subscription = trpc.generations.watch.subscribe(
      { id },
      {
        onData: ({ data }) => {
          clearTimeout(silence);
          silence = setTimeout(onSilence, SILENCE_LIMIT_MS);
          onProgress?.(data.progress, data);
          if (isFinished(data)) resolve(data);
        },
        onConnectionStateChange: ({ error }) => {
          if (error !== null) resolve(undefined);
        },
        onError: () => resolve(undefined),
        onComplete: () => resolve(undefined),
      },
    );
    if (signal?.aborted) onAbort();
    release = () => {
      clearTimeout(silence);
      signal?.removeEventListener('abort', onAbort);
      subscription.unsubscribe();
    };
  });
  return ended.finally(() => release());
}
