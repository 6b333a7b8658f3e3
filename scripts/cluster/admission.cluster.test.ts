import { describe, expect, test } from 'vitest';
import { ExecError } from './exec.ts';
import { inTime, kubectl } from './testing/cluster-under-test.ts';
import { idlePod } from './testing/idle-pod.ts';
import { layerObjects, listOf } from './testing/layers.ts';

test.each(['infrastructure', 'apps'])('applying %s again changes nothing', async (layer) => {
  const list = listOf(await layerObjects(layer));
  // A controller may write a status between the two looks of a diff.
  await inTime(() => kubectl.diff(list)).toBe('');
});

/** Asks the API server whether it would take an object, without keeping it. */
async function admit(object: unknown): Promise<string> {
  return kubectl
    .run(
      [
        'apply',
        '--server-side',
        '--force-conflicts',
        '--dry-run=server',
        '--validate=strict',
        '--filename',
        '-',
      ],
      {
        input: JSON.stringify(object),
      },
    )
    .catch((error: unknown) => (error instanceof ExecError ? error.stderr : String(error)));
}

type Change = Record<string, unknown>;
const pod = (change: Parameters<typeof idlePod>[1]) => idlePod('variant', change);
const context = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const gpu = 'nvidia.com/gpu';
const small = { cpu: '1m', memory: '8Mi' };
const worker = { name: 'worker-pinhole', namespace: 'darkroom' };
const scaledObject = (name: string, spec: Change) => ({
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata: { name, namespace: 'darkroom' },
  spec: {
    scaleTargetRef: { name: 'worker-pinhole' },
    triggers: [{ type: 'cpu', metricType: 'Utilization', metadata: { value: '80' } }],
    ...spec,
  },
});
const networkPolicy = (spec: Change) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'variant', namespace: 'darkroom' },
  spec: { podSelector: {}, policyTypes: ['Ingress'], ...spec },
});
const service = (spec: Change) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'variant', namespace: 'darkroom' },
  spec: { selector: { app: 'variant' }, ports: [{ port: 80 }], ...spec },
});

test('an unchanged variant is admitted', async () => {
  expect(await admit(pod({}))).toContain('pod/variant serverside-applied');
});

describe('is refused, with the reason:', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'a privileged container',
      pod({
        container: {
          securityContext: { ...context, privileged: true, allowPrivilegeEscalation: true },
        },
      }),
      /PodSecurity.*privileged/,
    ],
    ['the host network', pod({ spec: { hostNetwork: true } }), /PodSecurity.*host namespaces/],
    [
      'a folder of the host',
      pod({ spec: { volumes: [{ name: 'h', hostPath: { path: '/' } }] } }),
      /PodSecurity.*hostPath/,
    ],
    [
      'a container as root',
      pod({
        spec: { securityContext: { runAsUser: 0, seccompProfile: { type: 'RuntimeDefault' } } },
      }),
      /PodSecurity.*runAsNonRoot/,
    ],
    [
      'no seccomp profile',
      pod({ spec: { securityContext: { runAsNonRoot: true, runAsUser: 10_001 } } }),
      /PodSecurity.*seccompProfile/,
    ],
    [
      'an added capability',
      pod({
        container: {
          securityContext: { ...context, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
        },
      }),
      /PodSecurity.*capabilities/,
    ],
    [
      'privilege escalation',
      pod({ container: { securityContext: { capabilities: { drop: ['ALL'] } } } }),
      /PodSecurity.*allowPrivilegeEscalation/,
    ],
    [
      'more GPUs than the quota',
      pod({
        container: {
          resources: {
            requests: { ...small, [gpu]: '100' },
            limits: { memory: '16Mi', [gpu]: '100' },
          },
        },
      }),
      /exceeded quota.*nvidia\.com\/gpu/,
    ],
    [
      'half a GPU',
      pod({
        container: { resources: { requests: small, limits: { memory: '16Mi', [gpu]: '500m' } } },
      }),
      /must be an integer/,
    ],
    [
      'a GPU that is requested and not limited',
      pod({
        container: {
          resources: { requests: { ...small, [gpu]: '1' }, limits: { memory: '16Mi' } },
        },
      }),
      /Limit must be set for non overcommitable resources/,
    ],
    [
      'less memory than requested',
      pod({
        container: {
          resources: { requests: { memory: '32Mi', cpu: '1m' }, limits: { memory: '16Mi' } },
        },
      }),
      /must be less than or equal to memory limit/,
    ],
    [
      'a priority class that there is not',
      pod({ spec: { priorityClassName: 'absent' } }),
      /no PriorityClass with name absent/,
    ],
    [
      'a service account that there is not',
      pod({ spec: { serviceAccountName: 'absent' } }),
      /serviceaccount "absent" not found/,
    ],
    [
      'a misspelt field',
      pod({ spec: { restartPolcy: 'Never' } }),
      /restartPolcy.*field not declared|unknown field.*restartPolcy/,
    ],
    [
      'a second scaler of the same workers',
      scaledObject('second', {}),
      /already managed by the (hpa|ScaledObject)/,
    ],
    [
      'a scaler with more workers at least than at most',
      scaledObject('worker-pinhole', { minReplicaCount: 5, maxReplicaCount: 1 }),
      /minReplicaCount must be less than or equal to maxReplicaCount/,
    ],
    [
      'a scaler without triggers',
      scaledObject('worker-pinhole', { triggers: [] }),
      /no triggers|triggers.*at least|should have at least 1 items/i,
    ],
    [
      'a network that is no network',
      networkPolicy({ ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/99' } }] }] }),
      /must be a valid CIDR/,
    ],
    [
      'a port that is no port',
      service({ ports: [{ port: 70_000 }] }),
      /must be between 1 and 65535/,
    ],
    [
      "the frontend's port of the node for another Service",
      service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }),
      /provided port is already allocated/,
    ],
    [
      'a budget of both kinds',
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'variant', namespace: 'darkroom' },
        spec: { minAvailable: 1, maxUnavailable: 1, selector: { matchLabels: { a: 'b' } } },
      },
      /cannot be both set/,
    ],
    [
      'other pods for a Deployment that exists',
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: worker,
        spec: {
          selector: { matchLabels: { app: 'other' } },
          template: {
            metadata: { labels: { app: 'other' } },
            spec: { containers: [{ name: 'worker', image: 'x' }] },
          },
        },
      },
      /field is immutable/,
    ],
  ])('%s', async (_, object, reason) => {
    expect((await admit(object)).replace(/\s+/g, ' ')).toMatch(reason);
  });
});
