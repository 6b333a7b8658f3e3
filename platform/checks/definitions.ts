import type { Manifest } from '../../scripts/render/manifest.ts';
import { type Finding, finding } from './finding.ts';

/** Groups that Kubernetes itself serves, beside those that end with .k8s.io. */
const ofKubernetes = ['', 'apps', 'autoscaling', 'batch', 'policy'];

const operators = ['external-secrets.io', 'karpenter.sh', 'karpenter.k8s.aws', 'rabbitmq.com'];

/** Groups of the operators that a cluster has before Darkroom comes; one on one machine has none. */
const installedIn = (environment: string): readonly string[] =>
  environment === 'kind' ? [] : operators;

/** Whoever applies knows every kind: Kubernetes', those defined by the manifests, those of operators. */
export function checkDefinitions(environment: string, objects: readonly Manifest[]): Finding[] {
  const defined = new Set(
    objects
      .filter(({ kind }) => kind === 'CustomResourceDefinition')
      .map((each) => (each['spec'] as { group: string; names: { kind: string } }) ?? {})
      .map(({ group, names }) => `${group} ${names.kind}`),
  );
  return objects.flatMap((object) => {
    const [group = ''] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : [];
    const known =
      ofKubernetes.includes(group) ||
      group.endsWith('.k8s.io') ||
      installedIn(environment).includes(group) ||
      defined.has(`${group} ${object.kind}`);
    return known
      ? []
      : [
          finding(
            object,
            'kind',
            `nothing defines a ${object.kind} of ${group}`,
            'take its CustomResourceDefinition in, or name its operator in platform/checks/definitions.ts',
          ),
        ];
  });
}
