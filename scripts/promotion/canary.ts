import { sleep } from '@darkroom/timing';
import { CommandFailure } from '../commands/failure.ts';
import type { Manifest } from '../render/manifest.ts';
import { untilCurrent, type WaitOptions } from './apply.ts';
import { comparePictures, type GoldenPicture, type GoldenRequest } from './golden.ts';
import type { PodObject } from './health.ts';
import type { KubeApi } from './kube-api.ts';
import { OWN_LABEL } from './live.ts';

type EnvVar = { name: string; value?: string; [field: string]: unknown };
type Container = { name: string; env?: EnvVar[]; envFrom?: unknown[]; [field: string]: unknown };
type PodTemplate = {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { containers: Container[]; initContainers?: Container[]; [field: string]: unknown };
};

const MODEL_LABEL = 'darkroom.dev/model';

/** The workers among a release's objects, by the model that they serve. */
const workersOf = (objects: readonly Manifest[]): Map<string, PodTemplate> =>
  new Map(
    objects
      .filter(({ kind }) => kind === 'Deployment')
      .map((object) => (object['spec'] as { template: PodTemplate }).template)
      .filter(({ metadata }) => metadata?.labels?.[MODEL_LABEL] !== undefined)
      .map((template) => [template.metadata?.labels?.[MODEL_LABEL] ?? '', template]),
  );

/** The settings by which a worker would reach what its canary must not touch. */
const notForCanaries = ['PORT', 'WORKER_ID'];

/**
 * A canary that ran and failed has told what there is to know. One that its node refused, since a GPU was not given
 * back yet, or that was evicted, did not run, and another is made.
 */
const failsOnlyWhereItRan = {
  backoffLimit: 2,
  podFailurePolicy: {
    rules: [
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
      { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [0] } },
    ],
  },
};

/**
 * A worker of a release that takes no job: the same image, GPU, files and node, and golden requests instead of
 * a queue.
 */
export function canaryJob(model: string, worker: PodTemplate, requests: unknown[]): Manifest {
  const [container, ...others] = worker.spec.containers;
  if (container === undefined) throw new Error(`the workers of ${model} have no container`);
  const { ports: _, startupProbe: _s, livenessProbe: _l, readinessProbe: _r, ...rest } = container;
  const env = (container.env ?? []).filter(({ name }) => !notForCanaries.includes(name));
  const canary = {
    ...rest,
    name: 'canary',
    command: ['node', 'services/worker/canary.ts'],
    // Without the Secret: it asks neither broker nor database.
    envFrom: container.envFrom?.filter((source) => !('secretRef' in (source as object))),
    env: [...env, { name: 'CANARY_REQUESTS', value: JSON.stringify(requests) }],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `canary-${model}`,
      namespace: 'darkroom',
      labels: { 'app.kubernetes.io/part-of': 'darkroom', [OWN_LABEL]: 'canary' },
    },
    spec: {
      ...failsOnlyWhereItRan,
      ttlSecondsAfterFinished: 3_600,
      template: {
        metadata: {
          ...worker.metadata,
          labels: { ...worker.metadata?.labels, [OWN_LABEL]: 'canary' },
        },
        spec: { ...worker.spec, restartPolicy: 'Never', containers: [canary, ...others] },
      },
    },
  };
}

/** A line of what the program in the worker's image writes (services/worker/canary.ts). */
type CanaryPicture = { request: number; model: string; provider: string; png: string };

/**
 * Runs one worker of the release for each model, and compares its pictures with those of the environment that
 * the release comes from.
 *
 * @param options.models digests by name, as the release has them
 * @param options.expected what that environment makes of the requests, meanwhile; absent: nothing is known to
 *   compare with, and the pictures must only come about
 * @returns the pictures, in the order of their requests, and the provider that each model ran on
 * @throws CommandFailure with the worker's own words, or what is other than it should be
 */
export async function runCanaries(
  api: KubeApi,
  objects: readonly Manifest[],
  options: {
    requests: readonly GoldenRequest[];
    models: Readonly<Record<string, string>>;
    expected?: Promise<readonly GoldenPicture[]>;
    tolerance: number;
    wait: WaitOptions;
  },
): Promise<{ pictures: GoldenPicture[]; providers: Record<string, string> }> {
  const { requests, models, expected, tolerance, wait } = options;
  // Told where it is waited for, unless a canary has failed before.
  expected?.catch(() => {});
  const providers: Record<string, string> = {};
  const made: GoldenPicture[] = [];
  for (const [model, worker] of workersOf(objects)) {
    const asked = requests.filter((request) => request.model === model);
    const job = canaryJob(model, worker, asked);
    await removeJob(api, job, wait);
    await api.apply(job);
    try {
      await untilCurrent(api, [job], wait);
    } catch (error) {
      wait.signal.throwIfAborted();
      const words = await lastWords(api, job, model);
      throw new CommandFailure(
        `the canary of ${model} does not run: ${(error as Error).message}${words && `\n${words.slice(-2_000)}`}`,
      );
    }
    const pictures = parseLog(await logOf(api, model));
    for (const { model: digest, provider } of pictures) {
      providers[model] = provider;
      if (digest === models[model]) continue;
      throw new CommandFailure(
        `the canary of ${model} has loaded ${digest}, and the release has ${models[model]}: see where the ` +
          `worker has these files from, a folder ${model} that was put into the model cache of its node by hand, ` +
          `or its image`,
      );
    }
    const ofModel = asked.flatMap((request, index) => {
      const png = pictures.find((picture) => picture.request === index)?.png;
      return png === undefined ? [] : [{ request, png: Buffer.from(png, 'base64') }];
    });
    if (ofModel.length !== asked.length) {
      throw new CommandFailure(
        `the canary of ${model} made ${ofModel.length} of ${asked.length} pictures`,
      );
    }
    if (expected !== undefined) {
      const sources = (await expected).filter(({ request }) => request.model === model);
      comparePictures(sources, ofModel, { who: `the canary of ${model}`, tolerance });
    }
    made.push(...ofModel);
    await api.remove(job);
  }
  const inOrder = requests.flatMap(
    (request) => made.find((each) => each.request === request) ?? [],
  );
  return { pictures: inOrder, providers };
}

/** One that an interrupted promotion left; its name is free once its pods are gone. */
async function removeJob(api: KubeApi, job: Manifest, { signal, tell }: WaitOptions) {
  await api.remove(job);
  while ((await api.get(job)) !== undefined) {
    tell('an earlier canary ends');
    await sleep(500, signal);
  }
}

/** Of the container that ended it, the canary or a step before it; else those of the node that refused its pod. */
async function lastWords(api: KubeApi, { spec }: Manifest, model: string): Promise<string> {
  const { initContainers = [] } = (spec as { template: PodTemplate }).template.spec;
  const containers = ['canary', ...initContainers.map(({ name }) => name).reverse()];
  for (const container of containers) {
    const words = await logOf(api, model, container).catch(() => '');
    if (words !== '') return words;
  }
  const { reason = '', message = '' } = (await newestPod(api, model))?.status ?? {};
  return [reason, message].filter((word) => word !== '').join(': ');
}

async function logOf(api: KubeApi, model: string, container = 'canary'): Promise<string> {
  const name = (await newestPod(api, model))?.metadata.name;
  return name === undefined ? '' : api.log({ namespace: 'darkroom', name, container });
}

/** Those before it did not run. */
async function newestPod(api: KubeApi, model: string): Promise<PodObject | undefined> {
  type Dated = PodObject & { metadata: { creationTimestamp?: string } };
  const pods = await api.list<Dated>(
    { apiVersion: 'v1', kind: 'Pod', namespace: 'darkroom' },
    { labelSelector: `job-name=canary-${model}` },
  );
  const madeAt = ({ metadata }: Dated) => Date.parse(metadata.creationTimestamp ?? '');
  return pods.sort((a, b) => madeAt(b) - madeAt(a))[0];
}

const parseLog = (text: string): CanaryPicture[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{"request":'))
    .map((line) => JSON.parse(line) as CanaryPicture);
