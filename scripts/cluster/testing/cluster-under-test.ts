import process from 'node:process';
import { createClient, type DarkroomClient } from '@darkroom/client/source';
import { eventually } from '@darkroom/testing';
import {
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  type V1Pod,
} from '@kubernetes/client-node';
import { exec } from '../exec.ts';
import { createKubectl, type Kubectl } from '../kubectl.ts';

const variable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run \`npm run test:cluster\``);
  return value;
};

const context = variable('DARKROOM_TEST_CONTEXT');
const kubeConfig = new KubeConfig();
kubeConfig.loadFromDefault();
kubeConfig.setCurrentContext(context);

export const cluster = {
  name: context.replace(/^kind-/, ''),
  core: kubeConfig.makeApiClient(CoreV1Api),
  apps: kubeConfig.makeApiClient(AppsV1Api),
  custom: kubeConfig.makeApiClient(CustomObjectsApi),
  objects: KubernetesObjectApi.makeApiClient(kubeConfig),
};
export const kubectl: Kubectl = createKubectl(variable('DARKROOM_TEST_KUBECTL'), context);
export const url = variable('DARKROOM_TEST_URL');
export const apiKey = variable('DARKROOM_TEST_KEY');
export const client: DarkroomClient = createClient({ url, apiKey });

/** Pods of a namespace that are neither over nor on their way out. */
export async function pods(namespace: string, labelSelector: string): Promise<V1Pod[]> {
  const { items } = await cluster.core.listNamespacedPod({ namespace, labelSelector });
  return items.filter(
    ({ metadata, status }) =>
      metadata?.deletionTimestamp === undefined &&
      status?.phase !== 'Failed' &&
      status?.phase !== 'Succeeded',
  );
}

export const workers = (): Promise<V1Pod[]> => pods('darkroom', 'app.kubernetes.io/name=worker');

export const isReady = ({ status }: V1Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

/** Asks a frontend's internal port, from its own pod: nothing else may reach it. */
export async function askFrontend<T>(path: string): Promise<T> {
  const script = `fetch('http://127.0.0.1:8081${path}').then(async r=>console.log(await r.text()))`;
  const out = await kubectl.run([
    ...['--namespace', 'darkroom', 'exec', 'deployment/frontend', '--', 'node', '-e', script],
  ]);
  return JSON.parse(out) as T;
}

/** Steps that were run for generations over all attempts, from the record itself. */
export async function stepsRun(ids: readonly string[]): Promise<Map<string, number>> {
  const list = ids.map((id) => `'${id}'`).join(',');
  const out = await kubectl.run([
    ...['--namespace', 'darkroom-data', 'exec', 'postgres-0', '--'],
    ...['psql', '--host=/var/run/postgresql', '--username=postgres', '--dbname=darkroom', '-At'],
    ...['-c', `select id, steps_run + attempt_steps from generations where id in (${list})`],
  ]);
  const rows = out
    .trim()
    .split('\n')
    .map((row) => row.split('|'));
  return new Map(rows.map(([id = '', steps]) => [id, Number(steps)]));
}

/** Runs a command on a node of the cluster, as its root. */
export const onNode = (node: string, ...command: string[]): Promise<string> =>
  exec('docker', ['exec', node, ...command]);

/** Resolves with a node's `nvidia.com/gpu` once it is as wanted. */
export async function allocatableGpus(node: string): Promise<string | undefined> {
  const { status } = await cluster.core.readNode({ name: node });
  return status?.allocatable?.['nvidia.com/gpu'];
}

export { eventually };
