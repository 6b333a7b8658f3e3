import { createHash } from 'node:crypto';
import type { Hello, LoadedModel } from './protocol.ts';

/** What an inference process said of itself. */
export type Identity = Omit<Hello, 'type'> & {
  models: LoadedModel[];
  executionProviders: string[];
};

/**
 * Names what makes the bits of a model's pictures here: engine, runtime, providers and the model's
 * own files. A run state of one process can be gone on with in another of the same bits.
 */
export function bitsOf(identity: Identity, model: string): string {
  const { engine, node, onnxruntime, executionProviders, models } = identity;
  const digest = models.find(({ name }) => name === model)?.digest;
  const makers = [engine, node, onnxruntime, executionProviders, digest];
  return createHash('sha256').update(JSON.stringify(makers)).digest('hex');
}
