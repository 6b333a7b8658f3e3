import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@darkroom/client/source';
import { retryFor } from '@darkroom/timing';
import { clusterDown } from '../../scripts/cluster/down.ts';
import { createKubectl, type Kubectl } from '../../scripts/cluster/kubectl.ts';
import { clusterNames } from '../../scripts/cluster/names.ts';
import { keepAccessApart } from '../../scripts/cluster/own-access.ts';
import { createSteps } from '../../scripts/cluster/steps.ts';
import { clusterUp } from '../../scripts/cluster/up.ts';
import type { Figure, Report } from './report.ts';
import { type Watched, watchUsage } from './scale/control-plane-usage.ts';
import { addFakeNodes, findKwok } from './scale/fake-nodes.ts';

const GPUS = 4;
const BUSY_AT_MOST_MS = 120_000;
const NODES_WITHIN_MS = 600_000;
const WORKERS_WITHIN_S = 1_800;
/** Such a look is some 20 MB of work for the API server. */
const LOOK_EVERY_MS = 15_000;
const names = clusterNames({ name: 'darkroom-scale', port: 30_082, registryPort: 5_003 });
/** The programs of the control plane, and of KEDA, by the node that they run on. */
const partsOf = {
  [`${names.cluster}-control-plane`]: [
    ...['kube-apiserver', 'etcd', 'kube-scheduler', 'kube-controller-manager'],
  ],
  [`${names.cluster}-worker`]: ['keda', 'keda-adapter'],
};
const note = (line: string) => console.error(line);

type Deployment = { spec: { replicas?: number } };

/**
 * A burst on a cluster of many GPU nodes: real control plane, autoscaler, frontends, broker and record;
 * nodes and workers of kwok, so no job is done.
 */
export async function measureScale(options: {
  nodes: number;
  jobs: number;
  keep: boolean;
  signal: AbortSignal;
}): Promise<Report> {
  const { nodes, jobs, keep, signal } = options;
  const wanted = nodes * GPUS;
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-scale-'));
  const kubeconfig = keepAccessApart(names);
  const steps = createSteps(note);
  let fakes: { stop(): void } | undefined;
  let watched: ReturnType<typeof watchUsage> | undefined;
  try {
    const { url, apiKey, context, env, paths } = await clusterUp({ names, note, signal });
    const kubectl = createKubectl(paths.kubectl, context);
    await steps.step('raising the bounds', () => raiseBounds(kubectl, wanted, jobs));
    const kwok = await findKwok(steps, signal);
    const began = performance.now();
    fakes = await steps.step(`adding ${nodes} nodes`, () =>
      addFakeNodes({ nodes, gpus: GPUS, kwok, kubectl, kubeconfig, folder }),
    );
    await steps.step('waiting for the nodes', () => untilNodesReady(kubectl, nodes, signal));
    const nodesS = (performance.now() - began) / 1_000;
    // Else frontends and autoscaler would share the machine, and neither's own pace were seen.
    await pauseScaling(kubectl, true);
    const acceptedS = await steps.step(`asking for ${jobs} generations`, () =>
      ask({ url, apiKey, jobs, signal }),
    );
    watched = watchUsage(env, partsOf);
    const scaled = await steps.step(`waiting for ${wanted} workers`, async (tell) => {
      await pauseScaling(kubectl, false);
      return untilScheduled(kubectl, wanted, { tell, signal });
    });
    const usage = await watched.stop();
    return {
      benchmark: 'scale',
      setting: { nodes, GPUs: wanted, generations: jobs },
      figures: [
        { what: 'nodes added and ready', value: nodesS, unit: 's' },
        { what: 'generations accepted, a second', value: jobs / acceptedS, unit: '/s' },
        { what: 'first worker wanted', value: scaled.firstS, unit: 's' },
        { what: 'all workers wanted', value: scaled.wantedS, unit: 's' },
        { what: 'half of the workers scheduled', value: scaled.halfS, unit: 's' },
        { what: 'all workers scheduled', value: scaled.scheduledS, unit: 's' },
        ...figuresOf(usage),
      ],
    };
  } finally {
    fakes?.stop();
    await watched?.stop().catch(() => {});
    rmSync(folder, { recursive: true });
    if (!keep) await clusterDown({ names, note });
  }
}

/** As many workers as there are GPUs, on the nodes that are added alone. */
async function raiseBounds(kubectl: Kubectl, workers: number, jobs: number): Promise<void> {
  const inDarkroom = ['--namespace', 'darkroom'];
  const patch = (object: string, change: unknown) =>
    kubectl.run([
      ...[...inDarkroom, 'patch', object, '--type=merge', '--patch', JSON.stringify(change)],
    ]);
  await patch('resourcequota/bounds', {
    spec: { hard: { 'requests.nvidia.com/gpu': String(2 * workers), pods: String(2 * workers) } },
  });
  await patch('scaledobject/worker-pinhole', { spec: { maxReplicaCount: workers } });
  const gpus = ['--selector', 'nvidia.com/gpu.present=true'];
  await kubectl.run(['cordon', ...gpus]);
  const workersOf = ['delete', 'pod', '--selector', 'app.kubernetes.io/name=worker', '--wait'];
  await kubectl.run([...inDarkroom, ...workersOf]);
  // What every node has runs on real ones: a pod of kwok would be called ready and do nothing.
  for (const [namespace, name] of await daemonSets(kubectl)) {
    const term = { matchExpressions: [{ key: 'type', operator: 'NotIn', values: ['kwok'] }] };
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    };
    const change = { spec: { template: { spec: { affinity: { nodeAffinity } } } } };
    await kubectl.run([
      ...['--namespace', namespace, 'patch', `daemonset/${name}`, '--type=merge'],
      ...['--patch', JSON.stringify(change)],
    ]);
  }
  const secret = await kubectl.get<{ data: Record<string, string> }>([
    ...['secret/api-keys', ...inDarkroom],
  ]);
  const keys = JSON.parse(Buffer.from(secret?.data['keys.json'] ?? '', 'base64').toString());
  const defaults = { requestsPerMinute: 100 * jobs, active: 2 * jobs };
  await patch('secret/api-keys', {
    stringData: { 'keys.json': JSON.stringify({ ...keys, defaults }) },
  });
  // The catalogue's own bound is 10,000 that wait.
  await kubectl.run([...inDarkroom, 'rollout', 'restart', 'deployment/frontend']);
  await kubectl.run([...inDarkroom, 'rollout', 'status', 'deployment/frontend', '--timeout=180s']);
}

async function pauseScaling(kubectl: Kubectl, paused: boolean): Promise<void> {
  const annotation = paused ? '=true' : '-';
  await kubectl.run([
    ...['--namespace', 'darkroom', 'annotate', '--overwrite', 'scaledobject/worker-pinhole'],
    `autoscaling.keda.sh/paused${annotation}`,
  ]);
}

async function daemonSets(kubectl: Kubectl): Promise<[string, string][]> {
  const list = await kubectl.get<{ items: { metadata: { namespace: string; name: string } }[] }>([
    ...['daemonsets', '--all-namespaces'],
  ]);
  return (list?.items ?? []).map(({ metadata: { namespace, name } }) => [namespace, name]);
}

async function untilNodesReady(
  kubectl: Kubectl,
  nodes: number,
  signal: AbortSignal,
): Promise<void> {
  const ready = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  await retryFor(
    NODES_WITHIN_MS,
    async () => {
      const out = await kubectl.run([
        ...['get', 'nodes', '--selector', 'type=kwok', '--output', `jsonpath=${ready}`],
      ]);
      const count = out.split('\n').filter((line) => line === 'True').length;
      if (count < nodes) throw new Error(`of ${nodes} nodes ${count} are ready`);
    },
    signal,
  );
  signal.throwIfAborted();
}

/** Asks for the longest jobs there are. @returns the seconds until the last was accepted */
async function ask(options: {
  url: string;
  apiKey: string;
  jobs: number;
  signal: AbortSignal;
}): Promise<number> {
  const { url, apiKey, jobs, signal } = options;
  const client = createClient({ url, apiKey });
  const began = performance.now();
  let left = jobs;
  const caller = async () => {
    while (left > 0) {
      signal.throwIfAborted();
      left--;
      const request = {
        prompt: 'a large red star on a blue background',
        ...{ count: 16, steps: 150, seed: left, idempotencyKey: randomUUID() },
      };
      // A frontend that has too much to do says so.
      await retryFor(BUSY_AT_MOST_MS, () => client.generations.create.mutate(request), signal);
    }
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  return (performance.now() - began) / 1_000;
}

/** Seconds since the autoscaler was let go, until workers are wanted and have a node. */
type Scaled = { firstS: number; wantedS: number; halfS: number; scheduledS: number };

async function untilScheduled(
  kubectl: Kubectl,
  workers: number,
  { tell, signal }: { tell: (what: string) => void; signal: AbortSignal },
): Promise<Scaled> {
  const began = Date.now();
  const passed = () => (Date.now() - began) / 1_000;
  let firstS: number | undefined;
  let wantedS: number | undefined;
  while (wantedS === undefined) {
    const wanted = await countWanted(kubectl);
    tell(`${wanted} wanted`);
    if (wanted > 0) firstS ??= passed();
    if (wanted >= workers) wantedS = passed();
    else if (passed() > WORKERS_WITHIN_S)
      throw new Error(`of ${workers} workers ${wanted} are wanted`);
    else await pause(500, undefined, { signal });
  }
  for (;;) {
    const times = await whenScheduled(kubectl);
    tell(`${wantedS.toFixed(0)} s until all were wanted; ${times.length} scheduled`);
    const at = (count: number) => ((times[Math.ceil(count) - 1] ?? 0) - began) / 1_000;
    if (times.length >= workers) {
      return {
        firstS: firstS ?? wantedS,
        wantedS,
        halfS: at(workers / 2),
        scheduledS: at(workers),
      };
    }
    if (passed() > WORKERS_WITHIN_S) {
      throw new Error(`of ${workers} workers ${times.length} have a node after ${passed()} s`);
    }
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function countWanted(kubectl: Kubectl): Promise<number> {
  const deployment = await kubectl.get<Deployment>([
    ...['deployment/worker-pinhole', '--namespace', 'darkroom'],
  ]);
  return deployment?.spec.replicas ?? 0;
}

/** Epoch milliseconds at which workers got their nodes, in order; Kubernetes tells whole seconds. */
async function whenScheduled(kubectl: Kubectl): Promise<number[]> {
  const time = '{.status.conditions[?(@.type=="PodScheduled")].lastTransitionTime}';
  const lines = await kubectl.run([
    ...['get', 'pods', '--namespace', 'darkroom', '--selector', 'app.kubernetes.io/name=worker'],
    ...['--field-selector', 'spec.nodeName!='],
    ...['--output', `jsonpath={range .items[*]}${time}{"\\n"}{end}`],
  ]);
  const times = lines.split('\n').filter((line) => line !== '');
  return times.map((line) => Date.parse(line)).toSorted((a, b) => a - b);
}

const figuresOf = (usage: Watched): Figure[] =>
  Object.entries(usage).flatMap(([name, { peakMiB, cores }]): Figure[] => [
    { what: `${name}: memory at most, MiB`, value: peakMiB, unit: '' },
    { what: `${name}: of one core`, value: 100 * cores, unit: '%' },
  ]);
