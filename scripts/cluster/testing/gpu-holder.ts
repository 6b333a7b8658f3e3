import type { V1Pod } from '@kubernetes/client-node';
import { cluster, kubectl, pods } from './cluster-under-test.ts';
import { idlePod } from './idle-pod.ts';

export const GPU = 'nvidia.com/gpu';
const HOLDERS = 'darkroom.dev/test=holder';

type Holder = ReturnType<typeof idlePod>;

/** A pod that holds GPUs and does nothing. */
export const holder = (name: string, gpus: number, nodeName?: string): Holder =>
  idlePod(name, {
    labels: { 'darkroom.dev/test': 'holder' },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      tolerations: [{ key: GPU, operator: 'Exists' }],
      ...(nodeName !== undefined && { nodeSelector: { 'kubernetes.io/hostname': nodeName } }),
    },
    container: {
      resources: {
        requests: { cpu: '1m', memory: '8Mi', [GPU]: String(gpus) },
        limits: { memory: '16Mi', [GPU]: String(gpus) },
      },
    },
  });

export const create = (body: Holder): Promise<V1Pod> =>
  cluster.core.createNamespacedPod({ namespace: 'darkroom', body });

/** Workers that are on their way out still count against the quota, so it may have to be tried again. */
export const made = (body: Holder): Promise<string> =>
  create(body).then(
    () => 'made',
    (error: Error) => (error.message.includes('already exists') ? 'made' : error.message),
  );

export const holders = (): Promise<V1Pod[]> => pods('darkroom', HOLDERS);

/** Of the holders, how many run. */
export const runningHolders = async (): Promise<number> =>
  (await holders()).filter(({ status }) => status?.phase === 'Running').length;

/** What has become of each holder: its phase, and why where the node refused it. */
export async function holderStates(): Promise<string[]> {
  const { items } = await cluster.core.listNamespacedPod({
    namespace: 'darkroom',
    labelSelector: HOLDERS,
  });
  return items.map(({ status: { phase = 'Unknown', reason, message } = {} }) =>
    [phase, reason, message].filter((word) => word !== undefined).join(': '),
  );
}

/** Removes all of them, and waits until they are gone. */
export async function removeHolders(): Promise<void> {
  await kubectl.run([
    ...['--namespace', 'darkroom', 'delete', 'pod', '--selector', HOLDERS, '--wait'],
  ]);
}
