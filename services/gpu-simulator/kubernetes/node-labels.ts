import { withSignal } from '@darkroom/kubernetes';
import type { Logger } from '@darkroom/lifecycle';
import { type CoreV1Api, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';

type NodeApi = Pick<CoreV1Api, 'readNode' | 'patchNode'>;

/** The labels that NVIDIA's GPU feature discovery would give a node with such GPUs. */
export function gpuLabels(gpus: {
  product: string;
  memoryMiB: number;
  count: number;
  replicas: number;
}): Record<string, string> {
  const shared = gpus.replicas > 1;
  return {
    'nvidia.com/gpu.present': 'true',
    // So that nobody takes a share for a whole GPU.
    'nvidia.com/gpu.product': shared ? `${gpus.product}-SHARED` : gpus.product,
    'nvidia.com/gpu.memory': `${gpus.memoryMiB}`,
    'nvidia.com/gpu.count': `${gpus.count}`,
    'nvidia.com/gpu.replicas': `${gpus.replicas}`,
    'nvidia.com/gpu.sharing-strategy': shared ? 'time-slicing' : 'none',
    'nvidia.com/mig.capable': 'false',
  };
}

/**
 * Gives the node those of the labels that it lacks or has otherwise; writes nothing if it has all.
 *
 * @throws Error when the API does not answer or refuses, or the signal aborts
 */
export async function labelNode(options: {
  api: NodeApi;
  nodeName: string;
  labels: Readonly<Record<string, string>>;
  logger: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { api, nodeName: name, labels, logger, signal } = options;
  const present = (await api.readNode({ name }, withSignal(signal))).metadata?.labels ?? {};
  const missing = Object.fromEntries(
    Object.entries(labels).filter(([label, value]) => present[label] !== value),
  );
  if (Object.keys(missing).length === 0) return;
  await api.patchNode(
    { name, body: { metadata: { labels: missing } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch, withSignal(signal)),
  );
  logger.info({ node: name, labels: missing }, 'node labelled');
}
