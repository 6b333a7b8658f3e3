import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createClient, type DarkroomClient } from '@darkroom/client/source';
import { shareConnections } from '@darkroom/kubernetes';
import { withTimeLimit } from '@darkroom/timing';
import {
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  type V1Pod,
} from '@kubernetes/client-node';
import { aroundAll, expect, onTestFinished, vi } from 'vitest';
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
shareConnections(kubeConfig);

export const cluster = {
  name: context.replace(/^kind-/, ''),
  core: kubeConfig.makeApiClient(CoreV1Api),
  apps: kubeConfig.makeApiClient(AppsV1Api),
  autoscaling: kubeConfig.makeApiClient(AutoscalingV2Api),
  custom: kubeConfig.makeApiClient(CustomObjectsApi),
  objects: KubernetesObjectApi.makeApiClient(kubeConfig),
};
/** The paths of the programs that it was made with. */
export const programs = {
  kind: variable('DARKROOM_TEST_KIND'),
  kubectl: variable('DARKROOM_TEST_KUBECTL'),
};
export const kubectl: Kubectl = createKubectl(programs.kubectl, context);
export const url = variable('DARKROOM_TEST_URL');
export const apiKey = variable('DARKROOM_TEST_KEY');
export const client: DarkroomClient = createClient({ url, apiKey });

/** How often a condition is looked at: whoever asks more often takes the processor from what it waits for. */
const interval = 500;
/** For what becomes so within seconds. */
export const eventually = <T>(get: () => T | Promise<T>) =>
  expect.poll(get, { timeout: 60_000, interval });
const patience = { timeout: 240_000, interval };
/** For what waits for pods, nodes or an autoscaler's periods. */
export const inTime = <T>(get: () => T | Promise<T>) => expect.poll(get, patience);
/** The same in a hook, where Vitest polls nothing: waits until the assertions hold. */
export const inTimeAfter = (assertions: () => Promise<void>): Promise<void> =>
  vi.waitFor(assertions, patience);

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

/** Sets annotations of an object of Darkroom's (`name=value`), or removes them (`name-`). */
const annotate = (object: string, ...annotations: string[]): Promise<string> =>
  kubectl.run(['--namespace', 'darkroom', 'annotate', '--overwrite', object, ...annotations]);

/**
 * Has the autoscaler leave a workload alone, and waits until it does.
 *
 * @param replicas how many pods it shall have; absent: the test says
 */
export async function pauseScaler(name: string, replicas?: number): Promise<void> {
  const how = replicas === undefined ? 'paused=true' : `paused-replicas=${replicas}`;
  await annotate(`scaledobject/${name}`, `${PAUSE}/${how}`);
  await untilPaused(name, 'True');
  // It says so before it does.
  await kubectl.run([
    ...['--namespace', 'darkroom', 'wait', `hpa/keda-hpa-${name}`],
    ...['--for=delete', '--timeout=240s'],
  ]);
}

/** Undoes `pauseScaler`. */
export async function resumeScaler(name: string): Promise<void> {
  await annotate(`scaledobject/${name}`, `${PAUSE}/paused-`, `${PAUSE}/paused-replicas-`);
  await untilPaused(name, 'False');
}

const PAUSE = 'autoscaling.keda.sh';

const untilPaused = (name: string, is: 'True' | 'False') =>
  kubectl.run([
    ...['--namespace', 'darkroom', 'wait', `scaledobject/${name}`],
    ...[`--for=condition=Paused=${is}`, '--timeout=240s'],
  ]);

async function pauseWorkers(): Promise<void> {
  await pauseScaler('worker-pinhole', 0);
  await inTime(async () => (await workers()).length).toBe(0);
}

const resumeWorkers = () => resumeScaler('worker-pinhole');

/** Ends all workers at once, rather than when the autoscaler has waited; it goes on from none. */
export async function endWorkers(): Promise<void> {
  try {
    await pauseWorkers();
  } finally {
    await resumeWorkers();
  }
}

/**
 * Ends all workers at once, and has none made until the test is over: an autoscaler that goes on may make
 * some at once, and they preempt a test's pods, whose priority is less.
 */
export async function keepWorkersAway(): Promise<void> {
  onTestFinished(resumeWorkers);
  await pauseWorkers();
}

export const isReady = ({ status }: V1Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

let forwarded: Promise<string> | undefined;
let forwarding: ChildProcess | undefined;
// A file of tests ends when all that it started has ended. A hook that fails skips every `afterAll` that
// is left, but not this.
aroundAll(async (runFile) => {
  try {
    await runFile();
  } finally {
    forwarding?.kill();
  }
});

/** kubectl begins to listen, or says why not. */
const FORWARDED_WITHIN_MS = 30_000;
const ANSWERED_WITHIN_MS = 30_000;

/** A frontend's internal port, which nothing but its callers may reach, by way of its kubelet. */
async function forwardFrontend(): Promise<string> {
  const args = ['--context', context, '--namespace', 'darkroom', 'port-forward'];
  const child = spawn(programs.kubectl, [...args, 'deployment/frontend', ':8081'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  forwarding = child;
  const { promise: address, resolve, reject } = Promise.withResolvers<string>();
  // Whoever asks next has it forwarded anew.
  const forget = () => {
    if (forwarding === child) forwarded = undefined;
  };
  child.once('error', reject);
  child.once('exit', () => {
    forget();
    reject(new Error('the port of the frontend is not forwarded any more'));
  });
  child.stdout.setEncoding('utf8').on('data', (line: string) => {
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
  });
  try {
    return await withTimeLimit(address, {
      ms: FORWARDED_WITHIN_MS,
      late: () => new Error(`kubectl forwarded no port within ${FORWARDED_WITHIN_MS / 1_000} s`),
    });
  } catch (error) {
    forget();
    child.kill();
    throw error;
  }
}

/** Asks a frontend what it tells the autoscaler and deletion-cost. */
export async function askFrontend<T>(path: string): Promise<T> {
  forwarded ??= forwardFrontend();
  const answer = await fetch(`${await forwarded}${path}`, {
    signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
  });
  return (await answer.json()) as T;
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

/** How many `nvidia.com/gpu` a node can give now. */
export async function allocatableGpus(node: string): Promise<string | undefined> {
  const { status } = await cluster.core.readNode({ name: node });
  return status?.allocatable?.['nvidia.com/gpu'];
}

/** A node's own time, in whole seconds as a kubelet's heartbeats are told. */
export const timeOn = async (node: string): Promise<number> =>
  Number(await onNode(node, 'date', '+%s'));

/**
 * Waits until a kubelet that started after `since` says that its node is ready. Until it says anything, the
 * API server tells the last words of the kubelet before it, which was ready, too, and had its GPUs. A kubelet
 * that is ready knows of no GPU but those whose plugin has registered with it since it started.
 *
 * @param since by the node's own time, when the kubelet before it had ended
 */
export const readyAgain = (node: string, since: number) =>
  inTime(async () => {
    const { status } = await cluster.core.readNode({ name: node });
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const heartbeat = (ready?.lastHeartbeatTime?.getTime() ?? 0) / 1_000;
    return ready?.status === 'True' && heartbeat > since;
  }).toBe(true);
