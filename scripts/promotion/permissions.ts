import { HttpMethod } from '@kubernetes/client-node';
import type { Manifest } from '../render/manifest.ts';
import { inBatches } from './in-batches.ts';
import type { KubeApi } from './kube-api.ts';
import type { Refusal } from './refusal.ts';

/** As the API server asks for it. */
type Right = {
  group: string;
  resource: string;
  subresource?: string;
  verb: string;
  namespace?: string;
};

const verbs = ['get', 'list', 'create', 'patch', 'delete'] as const;

/**
 * Which rights of those that a promotion will need the caller lacks, asked of the cluster itself.
 *
 * @param options.forwarded namespaces whose Services this machine will be led to
 */
export async function checkPermissions(
  api: KubeApi,
  objects: readonly Manifest[],
  { forwarded }: { forwarded: readonly string[] },
): Promise<Refusal[]> {
  // Administrators need not be asked about hundreds of rights one by one.
  if (await mayDo(api, { group: '*', resource: '*', verb: '*' })) return [];
  const needed = [...(await rightsOn(api, objects)), ...readingLogs, ...forwarded.map(forwarding)];
  const missing = await inBatches(needed, async (right) =>
    (await mayDo(api, right)) ? [] : [tellRight(right)],
  );
  const all = missing.flat();
  if (all.length === 0) return [];
  return [
    {
      check: 'preflight',
      problem: `you may not ${all.slice(0, 12).join(', ')}${all.length > 12 ? ` and ${all.length - 12} more` : ''}`,
      remedy: `use credentials of ${api.context} with these rights (docs/promotion.md)`,
    },
  ];
}

/** The canary's pictures are in its log. */
const readingLogs: Right[] = [
  { group: '', resource: 'pods', subresource: 'log', verb: 'get', namespace: 'darkroom' },
];

const forwarding = (namespace: string): Right => ({
  group: '',
  resource: 'pods',
  subresource: 'portforward',
  verb: 'create',
  namespace,
});

/** Those to read, apply and remove objects of these kinds where they are, and canaries. */
async function rightsOn(api: KubeApi, objects: readonly Manifest[]): Promise<Right[]> {
  const canary = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'canary', namespace: 'darkroom' },
  };
  const kinds = new Map(
    [...objects, canary].map((object) => [
      `${object.apiVersion} ${object.kind} ${object.metadata.namespace ?? ''}`,
      object,
    ]),
  );
  const rights = await inBatches([...kinds.values()], async ({ apiVersion, kind, metadata }) => {
    const resource = await api.resource({ apiVersion, kind });
    // The release defines it itself.
    if (resource === undefined) return [];
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
    const { namespace } = metadata;
    return verbs.map((verb) => ({ group, resource, verb, ...(namespace && { namespace }) }));
  });
  return rights.flat();
}

const tellRight = ({ verb, resource, subresource, namespace }: Right): string =>
  `${verb} ${resource}${subresource ? `/${subresource}` : ''}${namespace ? ` in ${namespace}` : ''}`;

async function mayDo(api: KubeApi, resourceAttributes: Right): Promise<boolean> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  };
  const { status } = await api.request<{ status: { allowed: boolean } }>(
    HttpMethod.POST,
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { body: review },
  );
  return status.allowed;
}
