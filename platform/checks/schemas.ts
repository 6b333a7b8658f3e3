import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as textOf } from 'node:stream/consumers';
import { platformPath } from '../../scripts/render/render.ts';
import { findTool } from '../../scripts/render/tools.ts';

type Answer = {
  resources?: { kind: string; name: string; status: string; msg: string }[];
};

/**
 * What of a stream of YAML documents is not in the schemas of platform/schemas, a line each: fields
 * that nobody knows, values of the wrong type, and kinds without a schema.
 */
export async function checkSchemas(manifests: string): Promise<string[]> {
  const kubeconform = await findTool('kubeconform');
  const location = `${platformPath('schemas')}/{{.ResourceKind}}{{.KindSuffix}}.json`;
  const child = spawn(kubeconform, ['-strict', '-output=json', '-schema-location', location], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(manifests);
  const [answer] = await Promise.all([textOf(child.stdout), once(child, 'exit')]);
  const { resources = [] } = JSON.parse(answer) as Answer;
  return resources.map(({ kind, name, status, msg }) => `${kind} ${name}: ${status}: ${msg}`);
}
