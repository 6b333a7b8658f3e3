import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as textOf } from 'node:stream/consumers';
import { findTool } from '../../scripts/render/tools.ts';
import type { Finding } from './finding.ts';

/** What we say otherwise than kube-score, and why. `objects` by the form that kube-score names them. */
const exceptions: readonly { check: string; objects: RegExp; why: string }[] = [
  {
    check: 'container-image-pull-policy',
    objects: /./,
    why: 'images go by digest, or by a tag that names one build: another pull brings nothing else',
  },
  {
    check: 'container-security-context-user-group-id',
    objects: /\/(darkroom-data|keda|kube-system|monitoring)\//,
    why: "the users of their publishers' images, which own the files in them",
  },
  {
    check: 'container-security-context-user-group-id',
    objects: /\/darkroom-gpu\//,
    why: "the node's folders and devices are root's",
  },
  {
    check: 'container-security-context-privileged',
    objects: /\/(kube-system\/kube-router|darkroom-gpu\/nvidia-feature-discovery)$/,
    why: "one writes the node's firewall, the other reads its hardware",
  },
  {
    check: 'container-security-context-readonlyrootfilesystem',
    objects: /\/darkroom-gpu\/nvidia-exporter$/,
    why: 'DCGM writes beside its programs',
  },
  {
    check: 'container-ephemeral-storage-request-and-limit',
    objects: /\/(keda|kube-system)\//,
    why: 'as their authors publish them',
  },
  {
    check: 'pod-probes-identical',
    objects:
      /\/(darkroom-data\/object-store|kube-system\/kube-router|darkroom-gpu\/nvidia-exporter)$/,
    why: 'they have one endpoint for both',
  },
  {
    check: 'pod-networkpolicy',
    objects: /\/kube-system\//,
    why: "Kubernetes' own namespace; a policy there would be of all its pods",
  },
  {
    check: 'networkpolicy-targets-pod',
    objects: /\/darkroom-data\//,
    why: "with the cluster operator the broker's pods are not in the manifests",
  },
  {
    check: 'statefulset-has-servicename',
    objects: /\/(darkroom-data\/(postgres|object-store)|monitoring\/prometheus)$/,
    why: 'one pod, which nobody asks for by its own name',
  },
  {
    check: 'deployment-replicas',
    objects: /\/(darkroom\/frontend|keda\/.*|kube-system\/metrics-server)$/,
    why: 'the autoscaler owns the number; the others are as their authors publish them',
  },
  {
    check: 'deployment-has-host-podantiaffinity',
    objects: /\/(darkroom\/.*|kube-system\/metrics-server)$/,
    why: 'frontends are spread by constraints; workers are to fill the GPUs of a node',
  },
  {
    check: 'deployment-has-poddisruptionbudget',
    objects: /\/(darkroom\/worker-.*|kube-system\/metrics-server)$/,
    why: 'a worker hands its job back, so a drain need not wait for it',
  },
  {
    check: 'service-type',
    objects: /\/darkroom\/frontend$/,
    why: "a cluster on one machine has no load balancer; a port of its node is let in by the node's address",
  },
];

type Score = {
  object_name: string;
  checks: {
    check: { id: string };
    grade: number;
    skipped: boolean;
    comments: { path: string; summary: string }[] | null;
  }[];
};

/** From 1 (critical) to 10; from 7 on it finds nothing to do. */
const good = 7;

/** What kube-score finds in a stream of YAML documents and no exception covers. */
export async function checkScores(manifests: string): Promise<Finding[]> {
  const kubeScore = await findTool('kube-score');
  const options = [
    '--kubernetes-version=v1.35',
    '--output-format=json',
    // A limit slows a container down while the node idles.
    '--ignore-container-cpu-limit',
  ];
  const child = spawn(kubeScore, ['score', ...options, '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(manifests);
  const [answer] = await Promise.all([textOf(child.stdout), once(child, 'exit')]);
  return (JSON.parse(answer) as Score[]).flatMap(({ object_name: object, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade < good)
      .filter(
        ({ check: { id } }) =>
          !exceptions.some((one) => one.check === id && one.objects.test(object)),
      )
      .flatMap(({ check: { id }, comments }) =>
        (comments ?? []).map(({ path, summary }) => ({
          object,
          field: path === '' ? id : path,
          problem: summary,
          remedy: `change it, or say why not in platform/checks/scores.ts (${id})`,
        })),
      ),
  );
}
