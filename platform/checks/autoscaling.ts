import type { Manifest } from '../../scripts/render/manifest.ts';
import { type Finding, finding } from './finding.ts';
import type { Workload } from './pods.ts';

type ScaledObject = {
  scaleTargetRef: { kind?: string; name: string };
  minReplicaCount?: number;
  maxReplicaCount?: number;
  fallback?: { replicas: number };
  triggers: { name?: string; type: string; metricType?: string }[];
};

/** What an autoscaler owns nobody else writes, and it can do what it is told. */
export function checkAutoscaling(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
): Finding[] {
  return objects
    .filter(({ kind }) => kind === 'ScaledObject')
    .flatMap((object) => {
      const { namespace, name } = object.metadata;
      const spec = object['spec'] as ScaledObject;
      const target = workloads.find(
        ({ object: { kind, metadata } }) =>
          kind === (spec.scaleTargetRef.kind ?? 'Deployment') &&
          metadata.namespace === namespace &&
          metadata.name === spec.scaleTargetRef.name,
      );
      const findings: Finding[] = [];
      if ((target?.object['spec'] as { replicas?: number } | undefined)?.replicas !== undefined) {
        findings.push(
          finding(
            target?.object as Manifest,
            'spec.replicas',
            `each apply would undo what ${object.kind} ${name} has done`,
            'leave it out',
          ),
        );
      }
      if ((spec.minReplicaCount ?? 0) > (spec.maxReplicaCount ?? 100)) {
        findings.push(
          finding(object, 'spec.minReplicaCount', 'is more than maxReplicaCount', 'lower it'),
        );
      }
      if ((spec.fallback?.replicas ?? 0) < 1) {
        findings.push(
          finding(
            object,
            'spec.fallback.replicas',
            'KEDA goes to zero where a source fails and this is 0',
            'say 1 or more',
          ),
        );
      }
      // The HPA is named after it, and that name is the value of a label.
      if (`keda-hpa-${name}`.length > 63) {
        findings.push(
          finding(
            object,
            'metadata.name',
            `its HPA's name has more than 63 characters`,
            `shorten it to ${63 - 'keda-hpa-'.length}`,
          ),
        );
      }
      for (const { type, name: trigger } of spec.triggers) {
        if (type !== 'cpu' && type !== 'memory') continue;
        const without = target?.pod.containers.find(
          ({ resources }) => resources?.requests?.[type] === undefined,
        );
        if (without === undefined) continue;
        findings.push(
          finding(
            object,
            `spec.triggers[${trigger ?? type}]`,
            `the container ${without.name} requests no ${type}, of which a share could be taken`,
            'add the request',
          ),
        );
      }
      return findings;
    });
}
