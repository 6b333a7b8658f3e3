import { expect, test } from 'vitest';
import {
  askFrontend,
  cluster,
  eventually,
  isReady,
  kubectl,
  workers,
} from './testing/cluster-under-test.ts';
import { burst, ended, states } from './testing/load.ts';

const DEPLOYMENT = { name: 'worker-pinhole', namespace: 'darkroom' };
const slow = { timeout: 240_000, interval: 200 };

const wanted = async () =>
  (await cluster.apps.readNamespacedDeployment(DEPLOYMENT)).spec?.replicas ?? 0;

type ScaledObject = { status?: { conditions?: { type: string; status: string }[] } };
const condition = async (type: string) => {
  const object = await kubectl.get<ScaledObject>([
    ...['scaledobjects.keda.sh/worker-pinhole', '--namespace', 'darkroom'],
  ]);
  return object?.status?.conditions?.find((each) => each.type === type)?.status;
};

/** What a frontend tells KEDA of the model. */
const secondsOfWork = async (): Promise<number> =>
  (await askFrontend<{ seconds: number }>('/scaling/models/pinhole')).seconds;

const toZero = () => expect.poll(wanted, slow).toBe(0);

/** Scales a Deployment or StatefulSet, and waits until so many run. */
async function scale(namespace: string, workload: string, replicas: number): Promise<void> {
  await kubectl.run(['--namespace', namespace, 'scale', workload, `--replicas=${replicas}`]);
  await kubectl.run([
    ...['--namespace', namespace, 'rollout', 'status', workload, '--timeout=180s'],
  ]);
}

test('from none to as many as the seconds of work ask for, and back to none', async () => {
  await toZero();
  const began = performance.now();
  const ids = await burst(6, { count: 4, steps: 150 });
  await eventually(wanted).toBeGreaterThan(0);
  expect(performance.now() - began).toBeLessThan(10_000);
  const seconds = await secondsOfWork();
  const formula = Math.min(4, Math.ceil(seconds / 10));
  await eventually(wanted).toBe(formula);
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
  await toZero();
});

test('a job in hand keeps its worker', async () => {
  const [id = ''] = await burst(1, { count: 8, steps: 150 });
  await eventually(async () => (await states([id]))[0]?.state).toBe('running');
  const seen = new Set<number>();
  const done = ended([id]);
  let finished = false;
  void done.then(() => {
    finished = true;
  });
  while (!finished) seen.add(await wanted());
  expect([...seen]).not.toContain(0);
  expect((await done)[0]).toMatchObject({ state: 'succeeded', attempt: 1 });
});

test.each([
  { source: 'the frontend', namespace: 'darkroom', workload: 'deployment/frontend', replicas: 2 },
  {
    source: 'Prometheus',
    namespace: 'monitoring',
    workload: 'statefulset/prometheus',
    replicas: 1,
  },
])('workers stay while $source cannot be asked', async ({ namespace, workload, replicas }) => {
  const ids = await burst(2, { count: 16, steps: 150 });
  await eventually(async () => (await workers()).some(isReady)).toBe(true);
  if (workload === 'deployment/frontend') {
    await kubectl.run([
      ...['--namespace', namespace, 'annotate', 'scaledobject/frontend', '--overwrite'],
      'autoscaling.keda.sh/paused-replicas=0',
    ]);
  } else {
    await kubectl.run(['--namespace', namespace, 'scale', workload, '--replicas=0']);
  }
  try {
    await expect.poll(() => condition('Fallback'), slow).toBe('True');
    expect(await wanted()).toBeGreaterThan(0);
  } finally {
    if (workload === 'deployment/frontend') {
      await kubectl.run([
        ...['--namespace', namespace, 'annotate', 'scaledobject/frontend'],
        'autoscaling.keda.sh/paused-replicas-',
      ]);
    } else {
      await scale(namespace, workload, replicas);
    }
  }
  await expect.poll(() => condition('Fallback'), slow).toBe('False');
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
});

test("workers stay while RabbitMQ's management API is down", async () => {
  const rabbitmqctl = (...args: string[]) =>
    kubectl.run([
      '--namespace',
      'darkroom-data',
      'exec',
      'rabbitmq-0',
      '--',
      'rabbitmqctl',
      ...args,
    ]);
  const ids = await burst(2, { count: 16, steps: 150 });
  await eventually(async () => (await workers()).some(isReady)).toBe(true);
  await rabbitmqctl('eval', 'application:stop(rabbitmq_management).');
  try {
    await expect.poll(() => condition('Fallback'), slow).toBe('True');
    expect(await wanted()).toBeGreaterThan(0);
  } finally {
    await rabbitmqctl('eval', 'application:start(rabbitmq_management).');
  }
  await expect.poll(() => condition('Fallback'), slow).toBe('False');
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
});
