import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  askFrontend,
  client,
  cluster,
  endWorkers,
  eventually,
  inTime,
  isReady,
  kubectl,
  pauseScaler,
  resumeScaler,
  workers,
} from './testing/cluster-under-test.ts';
import { burst, ended, keepSecondsOfWork, states, whileBusy } from './testing/load.ts';

const DEPLOYMENT = { name: 'worker-pinhole', namespace: 'darkroom' };

const wanted = async () =>
  (await cluster.apps.readNamespacedDeployment(DEPLOYMENT)).spec?.replicas ?? 0;

type ScaledObject = { status?: { conditions?: { type: string; status: string }[] } };
const condition = async (type: string) => {
  const object = await kubectl.get<ScaledObject>([
    ...['scaledobjects.keda.sh/worker-pinhole', '--namespace', 'darkroom'],
  ]);
  return object?.status?.conditions?.find((each) => each.type === type)?.status;
};

/** Workers that run, those on their way out included. */
const runningWorkers = async (): Promise<number> => {
  const labelSelector = 'app.kubernetes.io/name=worker';
  const { items } = await cluster.core.listNamespacedPod({ namespace: 'darkroom', labelSelector });
  return items.filter(({ status }) => status?.phase === 'Running').length;
};

/** What a frontend tells KEDA of the model. */
const secondsOfWork = async (): Promise<number> =>
  (await askFrontend<{ seconds: number }>('/scaling/models/pinhole')).seconds;

const scale = (namespace: string, workload: string, replicas: number) =>
  kubectl.run(['--namespace', namespace, 'scale', workload, `--replicas=${replicas}`]);
const inBroker = (expression: string) =>
  kubectl.run([
    ...['--namespace', 'darkroom-data', 'exec', 'rabbitmq-0', '--'],
    ...['rabbitmqctl', 'eval', expression],
  ]);

test('from none to as many as the seconds of work ask for, and back to none', async () => {
  let ids: string[] = [];
  await endWorkers();
  await inTime(wanted).toBe(0);
  // What leads to the frontend is there before the clock runs.
  await inTime(secondsOfWork).toBe(0);
  const began = performance.now();
  // A worker for each ten seconds of work (platform/models/pinhole). More, once several workers share the
  // processor: each step takes longer then, and so does what waits.
  const load = keepSecondsOfWork(22, secondsOfWork, { count: 8, steps: 150 });
  try {
    await eventually(wanted).toBeGreaterThan(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    await eventually(wanted).toBeGreaterThanOrEqual(3);
  } finally {
    ids = await load.stop();
  }
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
  await inTime(wanted).toBe(0);
});

test('a job in hand keeps its worker', async () => {
  // One on its way out would begin the job, and give it back when its grace is over.
  await inTime(runningWorkers).toBe(0);
  const [id = ''] = await burst(1, { count: 8, steps: 150 });
  await inTime(async () => (await states([id]))[0]?.state).toBe('running');
  const seen = new Set<number>();
  const done = ended([id]);
  let finished = false;
  const finish = () => {
    finished = true;
  };
  // Rejected, too: it is told below, and nothing is looked at for ever.
  void done.then(finish, finish);
  while (!finished) {
    seen.add(await wanted());
    await pause(200);
  }
  expect([...seen]).not.toContain(0);
  expect((await done)[0]).toMatchObject({ state: 'succeeded', attempt: 1 });
});

/** Sources that the autoscaler asks, and how each is taken away and given back. */
const sources = [
  {
    source: 'the frontend',
    // Its own scaler would start it again.
    down: () => pauseScaler('frontend', 0),
    up: () => resumeScaler('frontend'),
  },
  {
    source: 'Prometheus',
    down: () => scale('monitoring', 'statefulset/prometheus', 0),
    up: () => scale('monitoring', 'statefulset/prometheus', 1),
  },
  {
    source: "RabbitMQ's management API",
    down: () => inBroker('application:stop(rabbitmq_management).'),
    up: () => inBroker('application:start(rabbitmq_management).'),
  },
];

describe('workers stay while a source cannot be asked:', () => {
  let ids: string[];

  beforeAll(async () => {
    // Enough for all of them; what is left is canceled.
    ids = await burst(20, { count: 16, steps: 150 });
  });

  test.each(sources)('$source', async ({ down, up }) => {
    await inTime(async () => (await workers()).some(isReady)).toBe(true);
    try {
      await down();
      await inTime(() => condition('Fallback')).toBe('True');
      expect(await wanted()).toBeGreaterThan(0);
    } finally {
      await up();
    }
    await inTime(() => condition('Fallback')).toBe('False');
  });

  test('and what was accepted ends as it was asked to', async () => {
    const [kept = '', ...others] = ids;
    await Promise.all(
      others.map((id) => whileBusy(() => client.generations.cancel.mutate({ id }))),
    );
    for (const { id, state } of await ended(ids)) {
      expect(state).toBeOneOf(id === kept ? ['succeeded'] : ['succeeded', 'canceled']);
    }
  });
});
