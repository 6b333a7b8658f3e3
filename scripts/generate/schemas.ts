// `node scripts/run.js scripts/generate/schemas.ts`: writes platform/schemas, a JSON schema for each kind
// that the platform renders, from the OpenAPI description of the pinned Kubernetes and the
// CustomResourceDefinitions of those who define the others. Needs Go, which fetches the modules and
// checks their sums.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderedKinds } from '../../platform/checks/variants.ts';
import { type Definition, resourceSchema, schemaFile, schemaOf } from '../render/json-schema.ts';
import { parseManifests } from '../render/manifest.ts';
import { platformPath } from '../render/render.ts';

const kubernetes = 'k8s.io/kubernetes@v1.35.8';
/** Module, and the folder of its CustomResourceDefinitions. */
const definers = [
  ['github.com/kedacore/keda/v2@v2.20.2', 'config/crd/bases'],
  ['github.com/external-secrets/external-secrets@v1.3.2', 'config/crds/bases'],
  ['github.com/aws/karpenter-provider-aws@v1.14.0', 'pkg/apis/crds'],
  ['github.com/rabbitmq/cluster-operator/v2@v2.22.4', 'config/crd/bases'],
  ['github.com/prometheus-operator/prometheus-operator@v0.85.0', 'example/prometheus-operator-crd'],
] as const;

type CustomResourceDefinition = {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Definition } }[];
  };
};

const elsewhere = mkdtempSync(join(tmpdir(), 'darkroom-schemas-'));
const fetchModule = (module: string): string => {
  // Outside of every module, so that no go.mod chooses another version.
  const options = { cwd: elsewhere, encoding: 'utf8' } as const;
  return JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], options)).Dir;
};

const wanted = new Set(await renderedKinds());
const folder = platformPath('schemas');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
let bytes = 0;
const write = (group: string, version: string, kind: string, schema: unknown): void => {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  if (!wanted.delete(`${apiVersion} ${kind}`)) return;
  const text = `${JSON.stringify(schema)}\n`;
  bytes += text.length;
  writeFileSync(join(folder, schemaFile(apiVersion, kind)), text);
};

const openApi = join(fetchModule(kubernetes), 'api/openapi-spec/swagger.json');
const { definitions } = JSON.parse(readFileSync(openApi, 'utf8')) as {
  definitions: Record<string, Definition>;
};
for (const [name, definition] of Object.entries(definitions)) {
  for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
    write(group, version, kind, resourceSchema(definitions, name, { group, version, kind }));
  }
}
for (const [module, crds] of definers) {
  const files = join(fetchModule(module), crds);
  for (const file of readdirSync(files).filter((each) => each.endsWith('.yaml'))) {
    for (const object of parseManifests(readFileSync(join(files, file), 'utf8'))) {
      if (object.kind !== 'CustomResourceDefinition') continue;
      const { spec } = object as unknown as CustomResourceDefinition;
      for (const { name, schema } of spec.versions) {
        const { openAPIV3Schema } = schema;
        write(spec.group, name, spec.names.kind, schemaOf(openAPIV3Schema, { ofResource: true }));
      }
    }
  }
}
rmSync(elsewhere, { recursive: true });
console.log(`platform/schemas: ${bytes} bytes`);
if (wanted.size > 0) throw new Error(`nobody defines ${[...wanted].join(', ')}`);
