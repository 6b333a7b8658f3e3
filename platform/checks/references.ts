import type { Manifest } from '../../scripts/render/manifest.ts';
import { secrets as allSecrets, type SecretKeys } from '../secrets.ts';
import { type Finding, finding } from './finding.ts';
import { containersOf, type Workload } from './pods.ts';

const builtIn = {
  PriorityClass: ['system-node-critical', 'system-cluster-critical'],
  ServiceAccount: ['default'],
  // KEDA's operator makes the certificates of its own parts.
  Secret: ['keda/kedaorg-certs'],
};

type Missing = (
  object: Manifest,
  field: string,
  kind: string,
  name: string,
  namespace?: string,
) => Finding[];

/** Whatever an object names is there: what is not would be found by a pod that never starts. */
export function checkReferences(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
  { secrets = allSecrets }: { secrets?: readonly SecretKeys[] } = {},
): Finding[] {
  const known = new Set(
    objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
  );
  for (const name of builtIn.PriorityClass) known.add(`PriorityClass /${name}`);
  const missing: Missing = (object, field, kind, name, namespace) =>
    known.has(`${kind} ${namespace ?? ''}/${name}`) ||
    (kind === 'ServiceAccount' && builtIn.ServiceAccount.includes(name))
      ? []
      : [
          finding(
            object,
            field,
            `there is no ${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`,
            'name one that is, or add it',
          ),
        ];
  const secret = (object: Manifest, field: string, name: string, keys: string[] = []) => {
    const namespace = object.metadata.namespace;
    const found = secrets.find((entry) => entry.namespace === namespace && entry.name === name);
    if (builtIn.Secret.includes(`${namespace}/${name}`)) return [];
    if (found === undefined) {
      return [
        finding(
          object,
          field,
          `nobody makes a Secret ${namespace}/${name}`,
          'name one of platform/secrets.ts, or add it there',
        ),
      ];
    }
    return keys
      .filter((key) => !found.keys.includes(key))
      .map((key) =>
        finding(
          object,
          field,
          `the Secret ${namespace}/${name} has no key ${key}`,
          `name one of ${found.keys.join(', ')}, or add it to platform/secrets.ts`,
        ),
      );
  };
  return [
    ...workloads.flatMap((workload) => ofPod(workload, missing, secret)),
    ...objects.flatMap((object) => ofObject(object, missing, secret)),
  ];
}

type SecretCheck = (object: Manifest, field: string, name: string, keys?: string[]) => Finding[];

function ofPod(workload: Workload, missing: Missing, secret: SecretCheck): Finding[] {
  const { object, field, pod } = workload;
  const namespace = object.metadata.namespace;
  const keysOf = (items?: { key: string }[]) => items?.map(({ key }) => key) ?? [];
  const volumes = (pod.volumes ?? []).flatMap((volume) => {
    const at = `${field}.volumes[${volume.name}]`;
    const { configMap, secret: ofSecret, persistentVolumeClaim: claim } = volume;
    return [
      ...(configMap
        ? missing(object, `${at}.configMap`, 'ConfigMap', configMap.name, namespace)
        : []),
      ...(ofSecret
        ? secret(object, `${at}.secret`, ofSecret.secretName, keysOf(ofSecret.items))
        : []),
      ...(claim
        ? missing(
            object,
            `${at}.persistentVolumeClaim`,
            'PersistentVolumeClaim',
            claim.claimName,
            namespace,
          )
        : []),
      ...(volume.projected?.sources ?? []).flatMap((source) => [
        ...(source.configMap
          ? missing(object, `${at}.projected`, 'ConfigMap', source.configMap.name, namespace)
          : []),
        ...(source.secret
          ? secret(object, `${at}.projected`, source.secret.name, keysOf(source.secret.items))
          : []),
      ]),
    ];
  });
  const variables = containersOf(workload).flatMap(({ container, at }) => [
    ...(container.envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
      ...(configMapRef
        ? missing(object, `${at}.envFrom`, 'ConfigMap', configMapRef.name, namespace)
        : []),
      ...(secretRef ? secret(object, `${at}.envFrom`, secretRef.name) : []),
    ]),
    ...(container.env ?? []).flatMap(({ name, valueFrom }) => [
      ...(valueFrom?.configMapKeyRef
        ? missing(
            object,
            `${at}.env[${name}]`,
            'ConfigMap',
            valueFrom.configMapKeyRef.name,
            namespace,
          )
        : []),
      ...(valueFrom?.secretKeyRef
        ? secret(object, `${at}.env[${name}]`, valueFrom.secretKeyRef.name, [
            valueFrom.secretKeyRef.key,
          ])
        : []),
    ]),
  ]);
  return [
    ...volumes,
    ...variables,
    ...(pod.serviceAccountName === undefined
      ? []
      : missing(
          object,
          `${field}.serviceAccountName`,
          'ServiceAccount',
          pod.serviceAccountName,
          namespace,
        )),
    ...(pod.priorityClassName === undefined
      ? []
      : missing(object, `${field}.priorityClassName`, 'PriorityClass', pod.priorityClassName)),
  ];
}

function ofObject(object: Manifest, missing: Missing, secret: SecretCheck): Finding[] {
  const { namespace } = object.metadata;
  switch (object.kind) {
    case 'ScaledObject': {
      const spec = object['spec'] as {
        scaleTargetRef: { kind?: string; name: string };
        triggers: { name?: string; type: string; authenticationRef?: { name: string } }[];
      };
      const { kind = 'Deployment', name } = spec.scaleTargetRef;
      return [
        ...missing(object, 'spec.scaleTargetRef', kind, name, namespace),
        ...spec.triggers.flatMap(({ name: trigger, type, authenticationRef: ref }) =>
          ref === undefined
            ? []
            : missing(
                object,
                `spec.triggers[${trigger ?? type}].authenticationRef`,
                'TriggerAuthentication',
                ref.name,
                namespace,
              ),
        ),
      ];
    }
    case 'TriggerAuthentication': {
      const spec = object['spec'] as { secretTargetRef?: { name: string; key: string }[] };
      return (spec.secretTargetRef ?? []).flatMap(({ name, key }) =>
        secret(object, `spec.secretTargetRef[${key}]`, name, [key]),
      );
    }
    case 'RoleBinding':
    case 'ClusterRoleBinding': {
      const { roleRef, subjects = [] } = object as unknown as {
        roleRef: { kind: string; name: string };
        subjects?: { kind: string; name: string; namespace?: string }[];
      };
      // What Kubernetes itself brings.
      const isBuiltIn = /^(system:|extension-apiserver-)/.test(roleRef.name);
      return [
        ...(isBuiltIn
          ? []
          : missing(
              object,
              'roleRef',
              roleRef.kind,
              roleRef.name,
              roleRef.kind === 'Role' ? namespace : undefined,
            )),
        ...subjects
          .filter(({ kind, namespace: of }) => kind === 'ServiceAccount' && of !== 'kube-system')
          .flatMap((subject) =>
            missing(object, 'subjects', 'ServiceAccount', subject.name, subject.namespace),
          ),
      ];
    }
    default:
      return [];
  }
}
