import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { repository } from '../containers/docker.ts';
import { renderFolder } from '../render/render.ts';
import { exec } from './exec.ts';
import { stampCredentials } from './manifests.ts';
import { ensureSecrets } from './secrets.ts';
import { cluster, kubectl } from './testing/cluster-under-test.ts';
import { stream } from './testing/load.ts';

const NAMESPACE = 'darkroom';
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
  const folder = join(repository, '.darkroom', 'clusters', cluster.name, 'changed');
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
  const objects = (await renderFolder(folder)).objects;
  const stamped = stampCredentials(objects, await ensureSecrets(kubectl));
  await kubectl.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: stamped }));
}

/** Two callers, who ask for one picture after the other through every change. */
let callers: ReturnType<typeof stream>[];

beforeAll(() => {
  callers = [stream(), stream({ count: 4, steps: 50 })];
});

afterAll(async () => {
  await apply({});
  await allRolledOut();
});

test('a changed setting rolls frontends and workers', async () => {
  const settings = (name: string) => ({
    name,
    namespace: NAMESPACE,
    behavior: 'merge',
    literals: ['LOG_LEVEL=debug'],
  });
  await apply({ configMapGenerator: [settings('frontend'), settings('worker')] });
  await allRolledOut();
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

test('a rotated Secret rolls those that read it', async () => {
  const password = randomBytes(24).toString('base64url');
  await kubectl.run([
    ...['--namespace', 'darkroom-data', 'exec', 'rabbitmq-0', '--'],
    ...['rabbitmqctl', 'change_password', 'worker', password],
  ]);
  const secret = await cluster.core.readNamespacedSecret({
    name: 'worker-credentials',
    namespace: NAMESPACE,
  });
  const present = Buffer.from(secret.data?.AMQP_URL ?? '', 'base64').toString();
  const rotated = new URL(present);
  rotated.password = password;
  const patch = JSON.stringify({ stringData: { AMQP_URL: rotated.href } });
  await kubectl.run([
    ...['--namespace', NAMESPACE, 'patch', 'secret', 'worker-credentials', '--patch', patch],
  ]);
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
