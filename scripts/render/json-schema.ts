/** A definition of Kubernetes' OpenAPI, as far as it is looked at. */
export type Definition = {
  properties?: Record<string, Definition>;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  [key: string]: unknown;
};

const prefix = '#/definitions/';
const intOrString = { oneOf: [{ type: 'string' }, { type: 'integer' }] };
/** The types whose notation OpenAPI does not tell. */
const own: Record<string, unknown> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    oneOf: [{ type: 'string' }, { type: 'number' }],
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': intOrString,
};

/** The file in platform/schemas, by the name that kubeconform makes of a resource. */
export function schemaFile(apiVersion: string, kind: string): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const prefixOfGroup = group === '' ? '' : `-${group?.split('.')[0]}`;
  return `${kind}${prefixOfGroup}-${version}.json`.toLowerCase();
}

/** What every resource has, of which a CustomResourceDefinition says nothing. */
const resource = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object' },
};

/**
 * An OpenAPI schema as JSON schema, strict: a field that it does not know is refused. Without
 * descriptions and defaults, which nothing here reads.
 */
export function schemaOf(
  definition: Definition,
  { ofResource = false }: { ofResource?: boolean } = {},
): unknown {
  if (
    definition['x-kubernetes-int-or-string'] === true ||
    definition['format'] === 'int-or-string'
  ) {
    return intOrString;
  }
  const schema: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(definition)) {
    if (key.startsWith('x-') || ['description', 'default', 'format', 'example'].includes(key)) {
      continue;
    }
    if (key === 'properties') {
      schema[key] = Object.fromEntries(
        Object.entries(value as Record<string, Definition>).map(([name, each]) => [
          name,
          schemaOf(each),
        ]),
      );
    } else if (['items', 'additionalProperties', 'not'].includes(key) && isObject(value)) {
      schema[key] = schemaOf(value as Definition);
    } else if (['allOf', 'anyOf', 'oneOf'].includes(key)) {
      schema[key] = (value as Definition[]).map((each) => {
        const { additionalProperties: _, ...rest } = schemaOf(each) as Record<string, unknown>;
        return rest;
      });
    } else {
      schema[key] = value;
    }
  }
  if (ofResource) schema['properties'] = { ...(schema['properties'] as object), ...resource };
  const open = definition['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema['properties'] !== undefined && schema['additionalProperties'] === undefined && !open) {
    schema['additionalProperties'] = false;
  }
  return schema;
}

/** The schema of one of Kubernetes' own kinds, with the definitions that it refers to. */
export function resourceSchema(
  definitions: Record<string, Definition>,
  name: string,
  { group, version, kind }: { group: string; version: string; kind: string },
): unknown {
  const schema = schemaOf(definitions[name] ?? {}) as {
    properties: Record<string, unknown>;
    required?: string[];
  };
  const referred: Record<string, unknown> = {};
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (isObject(value)) {
      for (const [key, inner] of Object.entries(value)) {
        if (key === '$ref' && typeof inner === 'string') {
          const to = inner.slice(prefix.length);
          if (to in referred) continue;
          referred[to] = own[to] ?? schemaOf(definitions[to] ?? {});
          collect(referred[to]);
        } else collect(inner);
      }
    }
  };
  collect(schema);
  return {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: { type: 'string', enum: [group === '' ? version : `${group}/${version}`] },
      kind: { type: 'string', enum: [kind] },
    },
    required: [...new Set([...(schema.required ?? []), 'apiVersion', 'kind'])].sort(),
    definitions: referred,
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
