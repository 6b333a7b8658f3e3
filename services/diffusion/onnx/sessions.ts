import { join } from 'node:path';
import { ModelError } from '../model-error.ts';
import type { Network } from './network.ts';
import { InferenceSession } from './runtime.ts';

export type SessionOptions = {
  /** In order of preference, for example `['cuda', 'cpu']`. The runtime does not fall back itself. */
  executionProviders: readonly string[];
  /** Threads within one operator; absent: one for each physical core. */
  intraOpThreads?: number | undefined;
};

/** Networks by the folder of the model that they lie in. */
export type Networks<Part extends string = string> = Readonly<Record<Part, Network>>;

/**
 * Loads networks of a folder in the Hugging Face ONNX layout, one after the other: loading is bound
 * by the disk.
 *
 * @throws ModelError where a network is missing, half written or not for these providers
 */
export async function loadNetworks<Part extends string>(
  folder: string,
  parts: readonly Part[],
  options: SessionOptions,
): Promise<Networks<Part>> {
  const loaded: Partial<Record<Part, Network>> = {};
  try {
    for (const part of parts) loaded[part] = await loadNetwork(folder, part, options);
  } catch (error) {
    await releaseNetworks(loaded as Networks);
    throw error;
  }
  return loaded as Networks<Part>;
}

export async function releaseNetworks(networks: Networks): Promise<void> {
  await Promise.all(Object.values(networks).map(({ session }) => session.release()));
}

/** By path, so that weights beside the graph (external data) are found. */
export async function loadNetwork(
  folder: string,
  part: string,
  options: SessionOptions,
): Promise<Network> {
  const file = join(part, 'model.onnx');
  return { file, session: await createSession(join(folder, file), options) };
}

/** A network that is loaded when it is first needed, and then kept; a failure is not. */
export function lazyNetwork(load: () => Promise<Network>) {
  let loading: Promise<Network> | undefined;
  return {
    load: (): Promise<Network> => {
      loading ??= load().catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      return loading;
    },
    release: async () => (await loading)?.session.release(),
  };
}

async function createSession(
  path: string,
  { executionProviders, intraOpThreads }: SessionOptions,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: [...executionProviders],
      graphOptimizationLevel: 'all',
      // Threads that have nothing to do sleep: see docs/decisions/engine-threads.md.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      // Errors only: warnings about shape inference are no news to an operator.
      logSeverityLevel: 3,
      ...(intraOpThreads !== undefined && { intraOpNumThreads: intraOpThreads }),
    });
  } catch (cause) {
    throw new ModelError(
      `${path} could not be loaded on ${executionProviders.join(', ')}`,
      cause instanceof Error ? cause.message : String(cause),
      'Write the model folder again in whole, or choose an execution provider that this machine has (cpu always is)',
      { cause },
    );
  }
}
