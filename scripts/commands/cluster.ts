import { clusterNames } from '../cluster/names.ts';
import type { Context } from './run-command.ts';

export type ClusterOptions = { name: string; port: number; registryPort: number };

export async function up(
  options: ClusterOptions & { airgap?: boolean | undefined; nodeImage?: string | undefined },
  { note, print, signal }: Context,
): Promise<void> {
  const { clusterUp } = await import('../cluster/up.ts');
  const { url, apiKey, context, picture } = await clusterUp({
    names: clusterNames(options),
    airgap: options.airgap,
    nodeImage: options.nodeImage,
    note,
    signal,
  });
  print(
    [
      `address:  ${url}`,
      `api key:  ${apiKey}`,
      `picture:  ${picture.file} (${picture.seconds.toFixed(1)} s)`,
      `kubectl:  kubectl --context ${context} get pods --all-namespaces`,
    ].join('\n'),
  );
}

export async function down(options: ClusterOptions, { note }: Context): Promise<void> {
  const { clusterDown } = await import('../cluster/down.ts');
  await clusterDown({ names: clusterNames(options), note });
}
