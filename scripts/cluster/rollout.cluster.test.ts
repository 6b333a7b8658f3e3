import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { exec } from './exec.ts';
import { untilRolledOut } from './rollout.ts';
import {
  askFrontend,
  cluster,
  inTime,
  inTimeAfter,
  kubectl,
  pauseScaler,
  pods,
  resumeScaler,
} from './testing/cluster-under-test.ts';
import { layerFolder, layerObjects, listOf } from './testing/layers.ts';
import { burst, ended, stream } from './testing/load.ts';

const NAMESPACE = 'darkroom';
/** Jobs that a worker runs at once, until its settings are put back. */
const SLOTS = 2;
const MOST_WORKERS = 4;
const workloads = ['deployment/frontend', 'deployment/worker-pinhole'];

const rolledOut = async (workload: string) => {
  await kubectl.run([
    ...['--namespace', NAMESPACE, 'rollout', 'status', workload, '--timeout=300s'],
  ]);
};
const allRolledOut = async () => {
  for (const workload of workloads) await rolledOut(workload);
};

/** The apps of this cluster as `cluster up` applied them, with one more change. */
async function apply(change: Record<string, unknown>): Promise<void> {
  const folder = layerFolder('changed');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'kustomization.yaml'),
    stringify({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: ['../apps'],
      ...change,
    }),
  );
  await kubectl.apply(listOf(await layerObjects('changed')));
}

/**
 * The rest as `cluster up` applied it. The broker starts anew where a password of its users is another
 * than when it was applied: its Secret holds their hashes.
 */
async function applyInfrastructure(): Promise<void> {
  const objects = await layerObjects('infrastructure');
  await kubectl.apply(listOf(objects));
  await untilRolledOut(kubectl, objects, { limitMs: 300_000, tell: () => {} });
}

/** Jobs that the worker with the most of them has in hand. */
async function mostInHand(): Promise<number> {
  const seen = await askFrontend<{ workers: { jobs: number }[] }>('/scaling/workers');
  return Math.max(0, ...seen.workers.map(({ jobs }) => jobs));
}

/** Two callers, who ask for one picture after the other through every change. */
let callers: ReturnType<typeof stream>[] = [];

beforeAll(async () => {
  // As few as there ever are; load before has left more, and each is rolled four times.
  await pauseScaler('frontend', 2);
  await inTimeAfter(async () => {
    expect(await pods(NAMESPACE, 'app.kubernetes.io/name=frontend')).toHaveLength(2);
  });
  callers = [stream(), stream({ count: 4, steps: 50 })];
});

afterAll(async () => {
  // The last test has stopped them, and tells what went wrong; unless it did not run.
  await Promise.allSettled(callers.map((caller) => caller.stop()));
  try {
    await applyInfrastructure();
  } finally {
    await apply({});
    await allRolledOut();
    await resumeScaler('frontend');
  }
  // Whoever follows finds frontends and workers that have found the broker again.
  await inTimeAfter(async () => {
    for (const { state } of await ended(await burst(1))) expect(state).toBe('succeeded');
  });
}, 900_000);

test('changed settings roll frontends and workers, which then run two jobs at once', async () => {
  const settings = (name: string, ...literals: string[]) => ({
    name,
    namespace: NAMESPACE,
    behavior: 'merge',
    literals: ['LOG_LEVEL=debug', ...literals],
  });
  const changed = [settings('frontend'), settings('worker', `BATCH_SLOTS=${SLOTS}`)];
  await apply({ configMapGenerator: changed });
  await allRolledOut();
  // More than all workers have in hand with one slot each.
  const ids = await burst(2 * SLOTS * MOST_WORKERS, { steps: 50 });
  await inTime(mostInHand).toBe(SLOTS);
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
});

test('another image rolls them, and goes back on undo', async () => {
  const images = await Promise.all(
    workloads.map(async (workload) => {
      const deployment = await cluster.apps.readNamespacedDeployment({
        name: workload.replace('deployment/', ''),
        namespace: NAMESPACE,
      });
      return deployment.spec?.template.spec?.containers[0]?.image ?? '';
    }),
  );
  const next = await Promise.all(images.map(relabelled));
  for (const [index, workload] of workloads.entries()) {
    const container = workload === 'deployment/frontend' ? 'frontend' : 'worker';
    await kubectl.run([
      ...['--namespace', NAMESPACE, 'set', 'image', workload, `${container}=${next[index]}`],
    ]);
  }
  await allRolledOut();
  for (const workload of workloads) {
    await kubectl.run(['--namespace', NAMESPACE, 'rollout', 'undo', workload]);
  }
  await allRolledOut();
});

/** Where workers find the broker, with their password. */
async function workersBroker(): Promise<URL> {
  const secret = await cluster.core.readNamespacedSecret(workerCredentials);
  return new URL(Buffer.from(secret.data?.AMQP_URL ?? '', 'base64').toString());
}
const workerCredentials = { name: 'worker-credentials', namespace: NAMESPACE };

/** Changes the workers' password in the broker, which reads it: anyone may see a program's arguments. */
const changePassword = (password: string) =>
  kubectl.run(
    [
      ...['--namespace', 'darkroom-data', 'exec', '--stdin', 'rabbitmq-0', '--'],
      ...['rabbitmqctl', 'change_password', 'worker'],
    ],
    { input: password },
  );

test('a rotated Secret rolls those that read it', async () => {
  const rotated = await workersBroker();
  rotated.password = randomBytes(24).toString('base64url');
  // Broker and Secret have the same one, also where the test ends between them.
  onTestFinished(async () => void (await changePassword((await workersBroker()).password)));
  await changePassword(rotated.password);
  await cluster.core.patchNamespacedSecret(
    { ...workerCredentials, body: { stringData: { AMQP_URL: rotated.href } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  const stampOf = async () => {
    const { spec } = await cluster.apps.readNamespacedDeployment({
      name: 'worker-pinhole',
      namespace: NAMESPACE,
    });
    return spec?.template.metadata?.annotations?.['darkroom.dev/credentials'];
  };
  const before = await stampOf();
  await apply({});
  expect(await stampOf()).not.toBe(before);
  await allRolledOut();
});

test('no request of the callers failed, and no job was lost', async () => {
  const asked = await Promise.all(callers.map((caller) => caller.stop()));
  // One for each change at least, however slow the machine.
  for (const generations of asked) expect(generations.length).toBeGreaterThan(3);
  const generations = asked.flat();
  expect(generations.filter(({ state }) => state !== 'succeeded')).toEqual([]);
});

/** The same image under another digest: one more label. @returns its name in the cluster */
async function relabelled(image: string): Promise<string> {
  const [name = ''] = image.split('@');
  const service = name.split('/').at(-1) ?? '';
  const port = (await exec('docker', ['port', `${cluster.name}-registry`, '5000']))
    .split(':')
    .at(-1);
  const target = `localhost:${port?.trim()}/darkroom/${service}:next`;
  await exec('docker', ['build', '--tag', target, '--label', 'release=next', '-'], {
    input: `FROM darkroom/${service}:local\n`,
    env: { DOCKER_BUILDKIT: '0' },
  });
  const out = await exec('docker', ['push', target]);
  const digest = out.match(/digest: (sha256:[0-9a-f]{64})/)?.[1];
  return `${name}@${digest}`;
}
