// `node scripts/run.js scripts/generate/schemas.ts`: writes platform/schemas, a JSON schema for each kind
// that the platform renders or docs/gitops.md has, from the OpenAPI description of the pinned Kubernetes and the
// CustomResourceDefinitions of those who define the others. Needs Go, which fetches the modules and
// checks their sums.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderedKinds } from '../../platform/checks/variants.ts';
import { type Definition, resourceSchema, schemaFile, schemaOf } from '../render/json-schema.ts';
import { platformPath } from '../render/render.ts';
import {
  applierDefinitions,
  applierKinds,
  customResourceDefinitions,
  fetchModule,
} from './kind-definers.ts';

const kubernetes = 'k8s.io/kubernetes@v1.35.8';

type CustomResourceDefinition = {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Definition } }[];
  };
};

const wanted = new Set<string>([...(await renderedKinds()), ...applierKinds]);
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
for (const definition of [...customResourceDefinitions(), ...applierDefinitions()]) {
  const { spec } = definition as unknown as CustomResourceDefinition;
  for (const { name, schema } of spec.versions) {
    const { openAPIV3Schema } = schema;
    write(spec.group, name, spec.names.kind, schemaOf(openAPIV3Schema, { ofResource: true }));
  }
}
console.log(`platform/schemas: ${bytes} bytes`);
if (wanted.size > 0) throw new Error(`nobody defines ${[...wanted].join(', ')}`);
