import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../model-error.ts';
import { describeOnnxFile, type NetworkFacts } from './onnx-file.ts';

/** Bytes of a network in this process. */
export type NetworkMemory = {
  /** While it is loaded and has not run. */
  loaded: number;
  /** While it is being loaded, `loaded` included. */
  peak: number;
};

/** Beside the weights: the graph, and weights that the runtime pads or turns for its kernels. */
const SHARE_OF_WEIGHTS = 1.1;

/**
 * An estimate from the file's own descriptions of its weights. On the CPU, float16 weights are widened. What
 * is in the graph's own file is in memory twice while it is loaded: as the file, and as the weights.
 */
function networkMemory(
  { weights, float16, inFile }: NetworkFacts,
  executionProviders: readonly string[],
): NetworkMemory {
  const widened = executionProviders[0] === 'cpu' ? float16 : 0;
  const loaded = Math.ceil((weights + widened) * SHARE_OF_WEIGHTS);
  return { loaded, peak: loaded + inFile };
}

/** What each network of a model needs, by its folder; absent where the model has no such network. */
export async function estimateNetworks(
  folder: string,
  parts: readonly string[],
  executionProviders: readonly string[],
): Promise<Map<string, NetworkMemory>> {
  const found = new Map<string, NetworkMemory>();
  for (const part of parts) {
    const path = join(folder, part, 'model.onnx');
    if ((await stat(path).catch(() => undefined))?.isFile() !== true) continue;
    found.set(part, networkMemory(await describeOnnxFile(path), executionProviders));
  }
  return found;
}

/** A network, or a picture, needs more than the whole budget. */
export class OverBudget extends ModelError {
  constructor(what: string, needed: number, budget: number, remedy: string) {
    super(
      what,
      `it needs ${inMiB(needed)} of memory by estimate, and the budget is ${inMiB(budget)}`,
      `${remedy} or give the engine more memory (MODEL_MEMORY)`,
    );
  }
}

const inMiB = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
