import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { retryFor } from '@darkroom/timing';
import type { KubernetesObject } from '@kubernetes/client-node';
import { checkEnvironment } from '../../platform/checks/check-environment.ts';
import { tell } from '../../platform/checks/finding.ts';
import { CommandFailure } from '../commands/failure.ts';
import { layers } from '../render/environments.ts';
import { renderEnvironment } from '../render/render.ts';
import { repository } from '../repository.ts';
import type { Docker } from './docker.ts';
import { favourContainers, findEngine, keepClusterTrafficInside, putLast } from './engine.ts';
import { type FirstPicture, makePicture } from './first-picture.ts';
import { buildsAll, requirePorts, requireRoom, requireSamePorts } from './host.ts';
import {
  createImageSource,
  type ImageSource,
  mirroredRegistries,
  registriesAnswer,
} from './images.ts';
import { raiseLimits } from './inotify.ts';
import type { Kubectl } from './kubectl.ts';
import { isWorkload, renderLayer } from './manifests.ts';
import { type ClusterNames, contextOf, folderOf, ofCluster } from './names.ts';
import { createRegistry, type Registry } from './registry.ts';
import { untilRolledOut } from './rollout.ts';
import { ensureSecrets } from './secrets.ts';
import { createSteps, type Steps } from './steps.ts';
import { findTools, type Tools } from './tools.ts';

export type UpOptions = {
  names: ClusterNames;
  /** Makes all images here instead of pulling any; decided by whether registries answer unless told. */
  airgap?: boolean | undefined;
  nodeImage?: string | undefined;
  note: (line: string) => void;
  signal?: AbortSignal | undefined;
};

export type ClusterAddress = {
  url: string;
  apiKey: string;
  /** kubectl's. */
  context: string;
  /** What programs that look at the cluster need in their environment. */
  env: NodeJS.ProcessEnv;
  /** Of the programs that it was made with. */
  paths: Tools['paths'];
};

/** What an object needs before others can be applied: a namespace to be in, a kind to be of. */
const foundations = new Set(['Namespace', 'CustomResourceDefinition', 'PriorityClass']);

/** A cluster without Darkroom in it, and what it is filled by. */
type EmptyCluster = {
  docker: Docker;
  kubectl: Kubectl;
  paths: Tools['paths'];
  registry: Registry;
  source: ImageSource;
  steps: Steps;
};

/**
 * Makes the nodes of a cluster and its registry, or starts those that are there.
 *
 * @throws CommandFailure where this machine lacks something that it needs
 */
export async function createCluster(options: UpOptions): Promise<EmptyCluster> {
  const { names, note, signal } = options;
  const steps = createSteps(note);
  const airgap = options.airgap ?? !(await registriesAnswer());
  if (airgap && options.airgap === undefined) {
    note('cluster: no registry answers, so all images are made of Debian packages and Go modules');
  }
  // Before anything is built; where all is, only a cluster that is not there yet needs room.
  if (await buildsAll({ airgap })) await requireRoom({ airgap });
  await steps.step('checking the manifests', () => checkManifests(steps));
  const docker = await findEngine(steps);
  const { kind, kubectl, paths } = await findTools({ docker, names, steps, signal });
  const source = createImageSource({
    docker,
    steps,
    airgap,
    nodeImage: options.nodeImage,
    signal,
  });

  const registry = createRegistry(docker, names);
  const exists = (await kind.clusters()).includes(names.cluster);
  if (exists) {
    await requireSamePorts(docker, names);
    await startNodes({ docker, kubectl, names, steps, signal });
  } else {
    await requireRoom({ airgap, docker });
    await raiseLimits();
    await requirePorts(names, { registryRuns: await registry.runs() });
  }
  const image = await source.nodeImage();
  await registry.start(await source.registryImage());
  await favourContainers();
  if (!exists) {
    await steps.step(`creating the kind cluster ${names.cluster}`, () =>
      kind.create(names, { image, ...(signal && { signal }) }),
    );
  }
  await kind.exportAccess(names.cluster);
  await keepClusterTrafficInside(docker);
  await putLast(docker, await gpuNodes(kubectl));
  for (const node of await kind.nodes(names.cluster)) {
    await registry.introduce(node, airgap ? mirroredRegistries : []);
  }
  return { docker, kubectl, paths, registry, source, steps };
}

/**
 * Brings a cluster with all of Darkroom in it to the state that the checkout describes. What is there
 * already is kept, so it may be run again at any time.
 *
 * @throws CommandFailure with what it waited for and what the cluster answers
 */
export async function clusterUp(
  options: UpOptions,
): Promise<ClusterAddress & { picture: FirstPicture }> {
  const { names, signal } = options;
  const { docker, kubectl, paths, registry, source, steps } = await createCluster(options);
  const { images, baseImage } = await source.fill(registry);
  const folder = folderOf(names);
  const bindings = { environment: 'kind', images, folder };
  await applyFoundations(kubectl, await renderLayer({ ...bindings, layer: 'infrastructure' }));
  const secrets = await ensureSecrets(kubectl);
  for (const layer of layers) {
    const objects = await renderLayer({ ...bindings, layer, secrets });
    await applyLayer(layer, objects, { kubectl, steps, signal });
  }
  await kubectl.apply(registryAddress(names));
  await writeFile(join(folder, 'tilt.json'), JSON.stringify({ port: names.port, baseImage }));

  const url = `http://127.0.0.1:${names.port}`;
  const apiKey = secrets.darkroom?.['first-api-key']?.key ?? '';
  const picture = await steps.step('making a picture', (tell) =>
    makePicture({
      url,
      apiKey,
      prompt: 'a large red star on a blue background',
      file: join(repository, 'out', 'cluster.png'),
      limitMs: 300_000,
      tell,
      signal,
    }),
  );
  return { url, apiKey, context: contextOf(names), env: docker.env, paths, picture };
}

/** Starts the nodes of a cluster that do not run: the machine was started anew. */
async function startNodes(options: {
  docker: Docker;
  kubectl: Kubectl;
  names: ClusterNames;
  steps: Steps;
  signal?: AbortSignal | undefined;
}): Promise<void> {
  const { docker, kubectl, names, steps, signal } = options;
  const stopped = ['--filter', ofCluster(names.cluster), '--filter', 'status=exited'];
  const nodes = (await docker.run(['ps', '--all', '--format', '{{.Names}}', ...stopped])).trim();
  if (nodes === '') return;
  await steps.step('starting the nodes of the cluster', async (tell) => {
    await docker.run(['start', ...nodes.split('\n')]);
    tell('its API server');
    const ready = () => kubectl.run(['get', '--raw', '/readyz'], { timeoutMs: 10_000, signal });
    await retryFor(240_000, ready, signal);
  });
}

/** Refuses manifests that would go wrong, before anything is made. */
async function checkManifests({ say }: Steps): Promise<void> {
  const { infrastructure, apps } = await renderEnvironment('kind', say);
  const findings = checkEnvironment('kind', [...infrastructure.objects, ...apps.objects]);
  if (findings.length === 0) return;
  throw new CommandFailure(['the manifests have faults:', ...findings.map(tell)].join('\n  '));
}

/** Namespaces and kinds first: whatever is applied next is in one and of one. */
async function applyFoundations(kubectl: Kubectl, objects: KubernetesObject[]): Promise<void> {
  const first = objects.filter(({ kind = '' }) => foundations.has(kind));
  await kubectl.apply(listOf(first));
  const definitions = first.filter(({ kind }) => kind === 'CustomResourceDefinition');
  if (definitions.length === 0) return;
  await kubectl.run([
    ...['wait', '--for=condition=Established', '--timeout=60s'],
    ...definitions.map(({ metadata }) => `customresourcedefinition/${metadata?.name}`),
  ]);
}

async function applyLayer(
  layer: string,
  objects: KubernetesObject[],
  options: {
    kubectl: Kubectl;
    steps: Steps;
    signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const { kubectl, steps, signal } = options;
  await steps.step(`applying ${layer}`, () => kubectl.apply(listOf(objects)));
  await steps.step(`waiting for ${layer}`, (tell) =>
    untilRolledOut(kubectl, objects.filter(isWorkload), { limitMs: 600_000, tell, signal }),
  );
}

/**
 * Where programs of this machine push images for the cluster, told as KEP-1755 says: Tilt reads it.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry
 */
const registryAddress = ({ registryPort }: ClusterNames) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'local-registry-hosting', namespace: 'kube-public' },
    data: { 'localRegistryHosting.v1': `host: "localhost:${registryPort}"\n` },
  });

/** kind gives a node's container the node's name. */
async function gpuNodes(kubectl: Kubectl): Promise<string[]> {
  const gpus = ['--selector', 'nvidia.com/gpu.present=true'];
  return (await kubectl.run(['get', 'nodes', ...gpus, '--output', 'name']))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^node\//, ''));
}

const listOf = (items: KubernetesObject[]) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
