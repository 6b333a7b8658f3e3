import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { repository } from '../repository.ts';
import { type ClusterNames, NODE_PORT } from './names.ts';

type KindConfig = {
  name: string;
  nodes: { extraPortMappings?: { containerPort: number; hostPort: number }[] }[];
};

/** kind-config.yaml with the cluster's own name and port. */
export async function configOf({
  cluster,
  port,
}: Pick<ClusterNames, 'cluster' | 'port'>): Promise<string> {
  const text = await readFile(join(repository, 'kind-config.yaml'), 'utf8');
  const config: KindConfig = parse(text);
  for (const mapping of config.nodes.flatMap(({ extraPortMappings = [] }) => extraPortMappings)) {
    if (mapping.containerPort === NODE_PORT) mapping.hostPort = port;
  }
  return stringify({ ...config, name: cluster });
}
