import type { Identity } from './inference/identity.ts';

/** Providers of the runtime that compute on a GPU. */
const gpuProviders = ['cuda', 'tensorrt', 'rocm', 'migraphx', 'dml', 'coreml', 'webgpu'];

/** Whether one of the providers that were asked for computes on a GPU. */
export const asksForGpu = (executionProviders: readonly string[]): boolean =>
  executionProviders.some((provider) => gpuProviders.includes(provider));

/**
 * The GPU provider that the models run on. The runtime has no fallback, so what it was given and
 * did not refuse is active.
 *
 * @throws Error that names the providers it has instead
 */
export function activeGpu({ executionProviders }: Pick<Identity, 'executionProviders'>): string {
  const gpu = executionProviders.find((provider) => gpuProviders.includes(provider));
  if (gpu !== undefined) return gpu;
  throw new Error(
    `REQUIRE_GPU is set and the models run on ${executionProviders.join(', ')}; ` +
      `name one of ${gpuProviders.join(', ')} in EXECUTION_PROVIDERS`,
  );
}
