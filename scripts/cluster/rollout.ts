import { sleep } from '@darkroom/timing';
import type { KubernetesObject } from '@kubernetes/client-node';
import { CommandFailure } from '../commands/failure.ts';
import { ExecError, type ExecOptions } from './exec.ts';
import type { Kubectl } from './kubectl.ts';
import { isWorkload } from './manifests.ts';

type Status = {
  kind: string;
  metadata: { name: string; namespace: string; generation: number };
  spec: { replicas?: number; selector: { matchLabels: Record<string, string> } };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberReady?: number;
  };
};

type Pod = {
  metadata: { name: string };
  status?: {
    phase?: string;
    message?: string;
    conditions?: { type: string; status: string; message?: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
};
type ContainerStatus = {
  name: string;
  ready: boolean;
  state: {
    waiting?: { reason: string; message?: string };
    terminated?: { reason: string; exitCode: number };
  };
};

/**
 * Waits until every workload among the objects runs as it was applied.
 *
 * @param tell told which of them are waited for, and what their pods say
 * @throws CommandFailure after `limitMs`, with each that is missing and the cluster's own words
 */
export async function untilRolledOut(
  kubectl: Kubectl,
  objects: readonly KubernetesObject[],
  options: { limitMs: number; tell: (what: string) => void; signal?: AbortSignal | undefined },
): Promise<void> {
  const { limitMs, tell, signal } = options;
  const workloads = objects.filter(isWorkload);
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const within = { timeoutMs: LOOK_MS, signal };
    const words = (
      await Promise.all(workloads.map((each) => whyBehind(kubectl, each, within)))
    ).filter((each) => each !== undefined);
    if (words.length === 0) return;
    tell(words.map(({ short }) => short).join('; '));
    if (performance.now() > giveUpAt) {
      throw new CommandFailure(
        `not running after ${limitMs / 1_000} s:\n${words.map(({ long }) => long).join('\n')}`,
      );
    }
    await sleep(1_000, signal);
  }
}

/** In short for the line of progress, at length for the failure. */
type Words = { short: string; long: string };

/** A single look that takes longer is tried again. */
const LOOK_MS = 30_000;

/** Why a workload does not run as it was applied; undefined where it does. */
async function whyBehind(
  kubectl: Kubectl,
  { kind = '', metadata: { name = '', namespace = 'default' } = {} }: KubernetesObject,
  within: ExecOptions,
): Promise<Words | undefined> {
  try {
    const status = await kubectl.get<Status>(
      [`${kind.toLowerCase()}/${name}`, '--namespace', namespace],
      within,
    );
    if (status === undefined) {
      throw new CommandFailure(`${kind} ${namespace}/${name} was applied and is gone`);
    }
    return isRolledOut(status) ? undefined : await explain(kubectl, status, within);
  } catch (error) {
    // An API server on a busy machine may miss one answer; `limitMs` ends what never answers.
    if (!(error instanceof ExecError)) throw error;
    return { short: `${name}: ${error.message}`.slice(0, 120), long: `  ${error.message}` };
  }
}

export function isRolledOut({ kind, metadata, spec, status = {} }: Status): boolean {
  if ((status.observedGeneration ?? 0) < metadata.generation) return false;
  if (kind === 'DaemonSet') {
    const wanted = status.desiredNumberScheduled ?? 0;
    return status.updatedNumberScheduled === wanted && (status.numberReady ?? 0) === wanted;
  }
  const wanted = spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.readyReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted
  );
}

/** Why a workload is behind, as its pods tell. */
async function explain(
  kubectl: Kubectl,
  { kind, metadata, spec }: Status,
  within: ExecOptions,
): Promise<Words> {
  const selector = Object.entries(spec.selector.matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const { namespace, name } = metadata;
  const list = await kubectl.get<{ items: Pod[] }>(
    ['pods', '--namespace', namespace, '--selector', selector],
    within,
  );
  const pods = list?.items ?? [];
  const reasons = [...new Set(pods.flatMap(reasonsOf))];
  if (reasons.length === 0)
    reasons.push(pods.length === 0 ? 'no pod yet' : 'its controller has not caught up');
  const what = reasons.join(', ');
  return {
    short: `${name}: ${what}`.slice(0, 120),
    long:
      `  ${kind} ${namespace}/${name}: ${what}\n` +
      `    see: kubectl -n ${namespace} describe pods -l ${selector}`,
  };
}

function reasonsOf({ metadata, status = {} }: Pod): string[] {
  const unscheduled = status.conditions?.find(
    (condition) => condition.type === 'PodScheduled' && condition.status === 'False',
  );
  if (unscheduled !== undefined) return [`${metadata.name} waits: ${unscheduled.message}`];
  if (status.phase === 'Failed') return [`${metadata.name} failed: ${status.message}`];
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return containers
    .filter(({ ready, state }) => !ready && state.terminated?.exitCode !== 0)
    .map(({ name, state }) => {
      const { waiting, terminated } = state;
      if (waiting !== undefined) {
        const message = waiting.message === undefined ? '' : ` (${waiting.message.slice(0, 160)})`;
        return `${metadata.name}/${name} ${waiting.reason}${message}`;
      }
      if (terminated !== undefined) {
        return `${metadata.name}/${name} ended with ${terminated.exitCode} (${terminated.reason})`;
      }
      return `${metadata.name}/${name} is not ready`;
    });
}
