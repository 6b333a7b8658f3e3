import { DarkroomError } from '@darkroom/contract';
import type { Identity } from './inference/identity.ts';

/** Providers of the runtime that compute on a GPU. */
const gpuProviders = ['cuda', 'tensorrt', 'webgpu', 'coreml', 'dml'];

/** Whether one of the providers that were asked for computes on a GPU. */
export const asksForGpu = (executionProviders: readonly string[]): boolean =>
  executionProviders.some((provider) => gpuProviders.includes(provider));

/**
 * Sees that every model computes on a GPU: that a GPU provider was seen to run nodes in each of its
 * networks, whatever was asked for.
 *
 * @throws DarkroomError (`configuration`) that names what was asked for, what ran, and what to do
 */
export function requireGpu({
  executionProviders,
  models,
}: Pick<Identity, 'executionProviders' | 'models'>): void {
  if (!asksForGpu(executionProviders)) {
    throw new DarkroomError(
      'configuration',
      `REQUIRE_GPU is set and the models run on ${executionProviders.join(', ')}; ` +
        `name one of ${gpuProviders.join(', ')} in EXECUTION_PROVIDERS`,
    );
  }
  const onCpu = models.find(({ provider }) => !gpuProviders.includes(provider));
  if (onCpu === undefined) return;
  const { name, provider, nodes } = onCpu;
  const ran = Object.entries(nodes).map(
    ([network, counts]) =>
      `${network}: ${Object.entries(counts)
        .map(([by, count]) => `${count} on ${by}`)
        .join(', ')}`,
  );
  throw new DarkroomError(
    'configuration',
    `REQUIRE_GPU is set and ${executionProviders.join(', ')} was asked for, but the model ${name} runs on ` +
      `${provider} (nodes of ${ran.join('; ') || 'no network were seen'}); use an export of the model whose ` +
      'operators and precision the GPU provider has, or another GPU provider in EXECUTION_PROVIDERS',
  );
}
