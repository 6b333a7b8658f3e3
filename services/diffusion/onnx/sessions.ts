import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelError } from '../model-error.ts';
import { float32Copy } from './float32-copy.ts';
import { fusedAttention, fusesAttention } from './fused-attention.ts';
import type { ModelMemory } from './model-memory.ts';
import type { Network, Session } from './network.ts';
import { estimateNetworks } from './network-memory.ts';
import type { NodeProfile } from './node-profile.ts';
import { loadOptimized, type OptimizedCopies } from './optimized-copy.ts';
import { providerTrouble, refuseUnknownProviders } from './provider-trouble.ts';
import { watchedRun } from './runs.ts';
import { InferenceSession } from './runtime.ts';

export type SessionOptions = {
  /** In order of preference, for example `['cuda', 'cpu']`. The runtime does not fall back itself. */
  executionProviders: readonly string[];
  /** Threads within one operator; absent: one for each physical core. */
  intraOpThreads?: number | undefined;
  /** Watches which providers run the nodes. */
  profile?: NodeProfile | undefined;
  /** Holds the networks, and lets go of those that others need the room of. @default all stay */
  memory?: ModelMemory | undefined;
  /** Where optimised copies of the networks are kept. @default nowhere */
  optimized?: OptimizedCopies | undefined;
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
  const path = join(folder, file);
  const create = async (copy: string | undefined, settings: InferenceSession.SessionOptions) =>
    createSession(copy ?? (await fusedGraph(path, options)) ?? path, path, options, settings);
  const { optimized, executionProviders } = options;
  const load = () =>
    optimized === undefined
      ? create(undefined, {})
      : loadOptimized(optimized, part, executionProviders, create);
  return { file, session: await held(folder, part, load, options) };
}

/** In the memory of the options, or, where they have none, loaded to stay. */
async function held(
  folder: string,
  part: string,
  load: () => Promise<Session>,
  { memory, executionProviders }: SessionOptions,
): Promise<Session> {
  const path = join(folder, part, 'model.onnx');
  const needs = memory && (await estimateNetworks(folder, [part], executionProviders)).get(part);
  // A file that is missing the runtime itself tells of.
  if (memory === undefined || needs === undefined) return await load();
  return await memory.open(path, needs, load);
}

/** Larger files have their weights inside, and two copies of these would be in memory at once. */
const LARGEST_FUSED_BYTES = 256 * 2 ** 20;

/**
 * The network with fused attention, see docs/decisions/fused-attention.md; undefined where it is to be
 * loaded as it is. What is no ONNX file is left to the runtime to refuse.
 */
async function fusedGraph(
  path: string,
  { executionProviders }: SessionOptions,
): Promise<Uint8Array | undefined> {
  if (!fusesAttention(executionProviders)) return undefined;
  const file = await stat(path).catch(() => undefined);
  if (file === undefined || file.size > LARGEST_FUSED_BYTES) return undefined;
  try {
    return fusedAttention(await readFile(path));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export type LazyNetwork<T extends Network | undefined = Network> = {
  load(): Promise<T>;
  release(): Promise<void>;
};

/** A network that is loaded when it is first needed, and then kept; a failure is not. */
export function lazyNetwork<T extends Network | undefined>(load: () => Promise<T>): LazyNetwork<T> {
  let loading: Promise<T> | undefined;
  return {
    load: () => {
      loading ??= load().catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      return loading;
    },
    async release() {
      await (await loading)?.session.release();
    },
  };
}

/**
 * A float16 network in float32, see `float32Copy`; undefined where nothing of it is float16.
 *
 * @throws ModelError where the file cannot be rewritten, or not loaded then
 */
export async function loadFloat32Network(
  folder: string,
  part: string,
  options: SessionOptions,
): Promise<Network | undefined> {
  const file = join(part, 'model.onnx');
  const path = join(folder, file);
  let bytes: Uint8Array | undefined;
  try {
    bytes = await float32Copy(path);
  } catch (cause) {
    throw new ModelError(
      `${path} could not be brought from float16 to float32`,
      cause instanceof Error ? cause.message : String(cause),
      'Use a float32 export of the model',
      { cause },
    );
  }
  if (bytes === undefined) return undefined;
  const load = async () => {
    const taken = bytes ?? (await float32Copy(path))!;
    bytes = undefined;
    return await createSession(taken, path, options);
  };
  return { file, session: await held(folder, part, load, options) };
}

async function createSession(
  model: string | Uint8Array,
  path: string,
  { executionProviders, intraOpThreads, profile }: SessionOptions,
  { extra, ...more }: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  try {
    refuseUnknownProviders(executionProviders);
    const settings: InferenceSession.SessionOptions = {
      executionProviders: [...executionProviders],
      graphOptimizationLevel: 'all',
      // Threads that have nothing to do sleep: see docs/decisions/engine-threads.md.
      extra: {
        session: {
          intra_op: { allow_spinning: '0' },
          // Of a graph that is no file, where the weights beside it are.
          ...(typeof model !== 'string' && {
            model_external_initializers_file_folder_path: dirname(path),
          }),
          ...(extra?.session as object | undefined),
        },
      },
      // Errors only: warnings about shape inference are no news to an operator.
      logSeverityLevel: 3,
      ...(intraOpThreads !== undefined && { intraOpNumThreads: intraOpThreads }),
      ...profile?.settings(path),
      ...more,
    };
    const session =
      typeof model === 'string'
        ? await InferenceSession.create(model, settings)
        : await InferenceSession.create(model, settings);
    profile?.watch(session);
    return Object.assign(session, { run: watchedRun(session) });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const trouble = providerTrouble(message);
    throw new ModelError(
      `${path} could not be loaded on ${executionProviders.join(', ')}`,
      trouble?.why ?? message,
      trouble?.remedy ??
        'Write the model folder again in whole, or choose an execution provider that this machine has (cpu always is)',
      { cause },
    );
  }
}
