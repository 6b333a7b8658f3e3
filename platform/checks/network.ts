import type { Manifest } from '../../scripts/render/manifest.ts';
import { type Finding, finding } from './finding.ts';
import type { Expression, Workload } from './pods.ts';

type Selector = { matchLabels?: Record<string, string>; matchExpressions?: Expression[] };
type Peer = { podSelector?: Selector; namespaceSelector?: Selector };
type Policy = {
  podSelector: Selector;
  policyTypes?: string[];
  ingress?: { from?: Peer[] }[];
  egress?: { to?: Peer[] }[];
};

const namespaceLabel = 'kubernetes.io/metadata.name';
/** Whose pods are not in the manifests: Kubernetes' own, and those that operators make. */
const elsewhere = ['kube-system'];
const operators: Record<string, (object: Manifest) => Record<string, string>> = {
  RabbitmqCluster: ({ metadata: { name } }) => ({ 'app.kubernetes.io/name': name }),
};

/** What may be outside the cluster; then another policy names its addresses. */
const managed = {
  policy: 'managed-services',
  namespace: 'darkroom-data',
  names: ['postgres', 'object-store'],
};

/** Every policy is of pods that there are, and lets in or out to pods that there are. */
export function checkNetworkPolicies(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
): Finding[] {
  const pods = [
    ...workloads.map(({ object: { metadata }, labels }) => ({
      namespace: metadata.namespace ?? '',
      labels,
    })),
    ...objects.flatMap((object) => {
      const labels = operators[object.kind]?.(object);
      return labels === undefined ? [] : [{ namespace: object.metadata.namespace ?? '', labels }];
    }),
  ];
  if (objects.some(({ metadata }) => metadata.name === managed.policy)) {
    const { namespace, names } = managed;
    pods.push(...names.map((name) => ({ namespace, labels: { 'app.kubernetes.io/name': name } })));
  }
  return objects
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .flatMap((object) => {
      const { podSelector, ingress = [], egress = [] } = object['spec'] as Policy;
      const namespace = object.metadata.namespace ?? '';
      const findings: Finding[] = [];
      const own = pods.filter((pod) => pod.namespace === namespace);
      // An empty selector is every pod of the namespace, also of one that has none yet.
      if (!isEmpty(podSelector) && !own.some(({ labels }) => matches(labels, podSelector))) {
        findings.push(
          finding(object, 'spec.podSelector', 'no pod has these labels', 'copy those of the pods'),
        );
      }
      const peers = [
        ...ingress.flatMap(({ from = [] }, rule) =>
          from.map((peer, index) => ({ peer, at: `spec.ingress[${rule}].from[${index}]` })),
        ),
        ...egress.flatMap(({ to = [] }, rule) =>
          to.map((peer, index) => ({ peer, at: `spec.egress[${rule}].to[${index}]` })),
        ),
      ];
      for (const { peer, at } of peers) {
        const of = peer.namespaceSelector?.matchLabels?.[namespaceLabel] ?? namespace;
        const selector = peer.podSelector;
        if (elsewhere.includes(of) || selector === undefined || isEmpty(selector)) continue;
        const found = pods.some((pod) => pod.namespace === of && matches(pod.labels, selector));
        if (found) continue;
        findings.push(
          finding(
            object,
            at,
            `no pod of the namespace ${of} has the labels ${JSON.stringify(selector)}`,
            'copy those of the pods',
          ),
        );
      }
      return findings;
    });
}

/** Every namespace with pods refuses what no policy of it allows. */
export function checkDefaultDeny(
  objects: readonly Manifest[],
  namespaces: readonly string[],
): Finding[] {
  return objects
    .filter(({ kind, metadata }) => kind === 'Namespace' && namespaces.includes(metadata.name))
    .flatMap((object) => {
      const denied = objects.some(
        ({ kind, metadata, spec }) =>
          kind === 'NetworkPolicy' &&
          metadata.namespace === object.metadata.name &&
          isEmpty((spec as Policy).podSelector) &&
          ((spec as Policy).policyTypes ?? []).length === 2 &&
          (spec as Policy).ingress === undefined &&
          (spec as Policy).egress === undefined,
      );
      return denied
        ? []
        : [
            finding(
              object,
              'metadata.name',
              'lets everything in and out',
              'take in platform/infrastructure/namespaces/policies',
            ),
          ];
    });
}

const isEmpty = ({ matchLabels, matchExpressions }: Selector): boolean =>
  matchLabels === undefined && matchExpressions === undefined;

function matches(
  labels: Record<string, string>,
  { matchLabels = {}, matchExpressions = [] }: Selector,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === 'In' ? isIn : !isIn;
    })
  );
}
