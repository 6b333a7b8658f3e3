// Whether an object runs as it was applied, by the rules of kstatus
// (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
import type { Manifest } from '../render/manifest.ts';

type Condition = { type: string; status: string; reason?: string; message?: string };
type Status = {
  observedGeneration?: number;
  conditions?: Condition[];
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  desiredNumberScheduled?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  currentRevision?: string;
  updateRevision?: string;
  phase?: string;
  succeeded?: number;
};

export type Health = {
  /** `failed` cannot heal by waiting. */
  state: 'current' | 'in-progress' | 'failed';
  message: string;
};

const current: Health = { state: 'current', message: '' };
const waits = (message: string): Health => ({ state: 'in-progress', message });
const failed = (message: string): Health => ({ state: 'failed', message });

/** Why pods cannot be made that no time mends: a quota, a webhook and an API server that is busy change. */
const refusesPods = /violates PodSecurity|is invalid|denied (the )?request/;

/** Whether its controller has seen an object as it is; until then its status and its pods are another's. */
export function isObserved({ metadata, status }: Manifest): boolean {
  const { generation } = metadata as { generation?: number };
  const { observedGeneration } = (status ?? {}) as Status;
  return (
    generation === undefined || observedGeneration === undefined || observedGeneration >= generation
  );
}

/** Of an object as the cluster holds it. */
export function healthOf(object: Manifest): Health {
  const status = (object['status'] ?? {}) as Status;
  const spec = (object['spec'] ?? {}) as { replicas?: number };
  if (!isObserved(object)) return waits('its controller has not seen it yet');
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  switch (object.kind) {
    case 'Deployment': {
      const progressing = condition('Progressing');
      const isLate = progressing?.reason === 'ProgressDeadlineExceeded';
      const replicaFailure = condition('ReplicaFailure');
      if (replicaFailure?.status === 'True') {
        const why = replicaFailure.message ?? 'its pods cannot be made';
        return isLate || refusesPods.test(why) ? failed(why) : waits(why);
      }
      if (isLate) return failed(progressing?.message ?? 'it made no progress for too long');
      return replicasHealth(spec.replicas ?? 1, status, status.availableReplicas ?? 0);
    }
    case 'StatefulSet': {
      if (status.observedGeneration === undefined)
        return waits('its controller has not seen it yet');
      return replicasHealth(spec.replicas ?? 1, status, status.readyReplicas ?? 0);
    }
    case 'DaemonSet': {
      if (status.observedGeneration === undefined)
        return waits('its controller has not seen it yet');
      const wanted = status.desiredNumberScheduled ?? 0;
      const updated = status.updatedNumberScheduled ?? 0;
      const available = status.numberAvailable ?? 0;
      if (updated < wanted) return waits(`${updated} of ${wanted} pods are of this release`);
      return available < wanted ? waits(`${available} of ${wanted} pods are available`) : current;
    }
    case 'CustomResourceDefinition': {
      const refused = condition('NamesAccepted');
      if (refused?.status === 'False') return failed(refused.message ?? 'its names are taken');
      return condition('Established')?.status === 'True' ? current : waits('it is not established');
    }
    // Without a status its operator has not seen it, and pods would not find the Secret.
    case 'ExternalSecret':
      return byCondition(condition('Ready'), 'its Secret is not there');
    case 'APIService':
      return byCondition(condition('Available'), 'it is not available');
    case 'PersistentVolumeClaim':
      return status.phase === 'Bound' ? current : waits(`it is ${status.phase ?? 'not bound'}`);
    case 'Job': {
      const end = condition('Failed');
      if (end?.status === 'True') return failed(end.message ?? 'it failed');
      return condition('Complete')?.status === 'True' ? current : waits('it is not complete');
    }
    default: {
      const stalled = condition('Stalled');
      if (stalled?.status === 'True') return failed(stalled.message ?? 'it is stalled');
      const ready = condition('Ready');
      return ready === undefined ? current : byCondition(ready, 'it is not ready');
    }
  }
}

const byCondition = (condition: Condition | undefined, otherwise: string): Health =>
  condition?.status === 'True' ? current : waits(condition?.message ?? otherwise);

/** All of this release, none of another, and all of them available. */
function replicasHealth(wanted: number, status: Status, available: number): Health {
  const { updatedReplicas = 0, replicas = 0 } = status;
  if (updatedReplicas < wanted)
    return waits(`${updatedReplicas} of ${wanted} pods are of this release`);
  if (replicas > updatedReplicas)
    return waits(`${replicas - updatedReplicas} pods of another release end`);
  if (available < wanted) return waits(`${available} of ${wanted} pods are available`);
  return current;
}

/** How a container ended. */
type Run = { exitCode: number; reason?: string; startedAt?: string; finishedAt?: string };
type ContainerStatus = {
  name: string;
  restartCount: number;
  state?: { waiting?: { reason: string; message?: string } };
  lastState?: { terminated?: Run };
};
export type PodObject = Manifest & {
  metadata: { deletionTimestamp?: string };
  spec?: { nodeName?: string };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: Condition[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
};

/** What a container waits for that no time brings. */
const hopeless = ['InvalidImageName', 'ErrImageNeverPull'];
/** A node that is busy ("context deadline exceeded", "failed to sync secret cache") makes it later. */
const notMade = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];
/** What is missing or forbidden stays so; a sandbox or a task that is "not found" is made anew. */
const wrong =
  /(configmap|secret|executable).* not found|no such file|couldn't find key|no command|permission denied|runAsNonRoot/i;
/** Registries that do not answer may come back; an image that is not there will not come. */
const absent = /not found|manifest unknown|unauthorized|denied|no match for platform/i;
/** A program that ends so often, so soon after its start, is not merely early. */
const RESTARTS = 3;
const SOON_MS = 10_000;

/** Why a pod will not become ready; undefined where it may. */
export function whyHopeless({ metadata, status = {} }: PodObject): string | undefined {
  // Its controller takes it away, however it ends.
  if (metadata.deletionTimestamp !== undefined) return undefined;
  // What its node refused or ended its controller makes again.
  const isDisrupted = status.conditions?.some(({ type }) => type === 'DisruptionTarget');
  if (status.phase === 'Failed' && status.reason === undefined && !isDisrupted) {
    return `pod ${metadata.name} failed${status.message === undefined ? '' : `: ${status.message}`}`;
  }
  for (const each of [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
  ]) {
    const waiting = each.state?.waiting;
    if (waiting === undefined) continue;
    const at = `pod ${metadata.name}, container ${each.name}`;
    const { reason, message = '' } = waiting;
    const isAbsent = reason === 'ImagePullBackOff' && absent.test(message);
    const isWrong = notMade.includes(reason) && wrong.test(message);
    if (isAbsent || isWrong || hopeless.includes(reason)) {
      return `${at}: ${reason}: ${message.slice(0, 300)}`;
    }
    if (reason === 'CrashLoopBackOff' && each.restartCount >= RESTARTS) {
      const last = each.lastState?.terminated;
      // One that ran for a while has lost something that it needs, such as its lease.
      if (ranForMs(last) >= SOON_MS) continue;
      const { exitCode = 'no', reason: why = 'no reason told' } = last ?? {};
      return `${at}: it ended ${each.restartCount} times, with ${exitCode} (${why})`;
    }
  }
  return undefined;
}

/** One that could not be started is told to have begun in 1970. */
function ranForMs({ startedAt = '', finishedAt = '' }: Partial<Run> = {}): number {
  const began = Date.parse(startedAt);
  return began > 0 ? Date.parse(finishedAt) - began : 0;
}
