import { totalmem } from 'node:os';
import process from 'node:process';

/** For what is not models: Node, the runtime, pictures. */
const LARGEST_RESERVE = 2 ** 30;

/** What the engine may take for models unless told; undefined: no bound. */
export function defaultModelMemory(executionProviders: readonly string[]): number | undefined {
  // What a GPU has this process does not know.
  if (executionProviders[0] !== 'cpu') return undefined;
  const limit = process.constrainedMemory();
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.floor(bytes - Math.min(bytes / 4, LARGEST_RESERVE));
}
