import { ModelError } from '../model-error.ts';
import { createNodeProfile, type NodesByProvider } from '../onnx/node-profile.ts';
import { providerTrouble } from '../onnx/provider-trouble.ts';
import { loadPipeline, type PipelineOptions } from './load-pipeline.ts';
import type { Pipeline } from './pipeline.ts';

export type ObservedPipeline = {
  pipeline: Pipeline;
  /** The first of the providers asked for that computes in every network; `cpu` where none does. */
  provider: string;
  /** What each provider was seen to run; empty on the CPU alone, where there is nothing to see. */
  nodes: NodesByProvider;
};

/**
 * Loads a model as `loadPipeline` does. Where a provider other than the CPU is asked for, makes a small
 * picture and reads from the runtime's profile of it which provider ran the nodes: one that is
 * registered may still leave all of them to the CPU.
 *
 * @throws ModelError as `loadPipeline` does, and where the picture cannot be made on these providers
 */
export async function loadObserved(
  folder: string,
  options: PipelineOptions,
): Promise<ObservedPipeline> {
  const { executionProviders } = options;
  if (executionProviders.every((provider) => provider === 'cpu')) {
    return { pipeline: await loadPipeline(folder, options), provider: 'cpu', nodes: {} };
  }
  const profile = await createNodeProfile();
  let pipeline: Pipeline | undefined;
  let nodes: NodesByProvider = {};
  try {
    pipeline = await loadPipeline(folder, { ...options, profile });
    await pipeline.warmUp();
  } catch (error) {
    await pipeline?.release();
    if (error instanceof ModelError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const trouble = providerTrouble(message);
    throw new ModelError(
      `${folder} was loaded on ${executionProviders.join(', ')} and makes no picture there`,
      trouble?.why ?? message,
      trouble?.remedy ?? 'Choose another execution provider (cpu always is there)',
      { cause: error },
    );
  } finally {
    nodes = await profile.end();
  }
  return { pipeline, provider: activeProvider(executionProviders, nodes), nodes };
}

/** @param asked in order of preference */
export function activeProvider(asked: readonly string[], nodes: NodesByProvider): string {
  const networks = Object.values(nodes);
  const computes = (provider: string) => networks.every((counts) => (counts[provider] ?? 0) > 0);
  return (networks.length > 0 ? asked.find(computes) : undefined) ?? 'cpu';
}
