import { clusterNames } from '../cluster/names.ts';
import { CommandFailure } from './failure.ts';
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

export async function status(
  options: ClusterOptions & { json: boolean },
  { note, print }: Context,
): Promise<void> {
  const { clusterStatus } = await import('../cluster/status.ts');
  const rows = await clusterStatus({ names: clusterNames(options), note });
  if (rows === undefined) {
    throw new CommandFailure(
      `there is no cluster ${options.name}; \`darkroom cluster up\` makes one`,
    );
  }
  if (options.json) return print(JSON.stringify(rows, null, 2));
  const { table } = await import('@darkroom/testing/table');
  const lines = rows.map(({ kind, name, ready, note: about }) => [kind, name, ready, about]);
  print(table([['kind', 'name', 'ready', ''], ...lines]).join('\n'));
}

export async function doctor(
  options: ClusterOptions & { json: boolean },
  { print }: Context,
): Promise<void> {
  const { examine } = await import('../cluster/doctor.ts');
  const findings = await examine(clusterNames(options));
  if (options.json) {
    print(JSON.stringify(findings, null, 2));
  } else {
    const { table } = await import('@darkroom/testing/table');
    const lines = findings.map(({ verdict, what, found, remedy = '' }) => [
      verdict,
      what,
      remedy === '' ? found : `${found}: ${remedy}`,
    ]);
    print(table(lines).join('\n'));
  }
  const missing = findings.filter(({ verdict }) => verdict === 'missing');
  if (missing.length > 0) {
    throw new CommandFailure(
      `a cluster cannot be made yet: ${missing.map(({ what }) => what).join(', ')}`,
    );
  }
}
