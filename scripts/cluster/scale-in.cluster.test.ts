import { afterAll, beforeAll, expect, test } from 'vitest';
import { askFrontend, isReady, kubectl, stepsRun, workers } from './testing/cluster-under-test.ts';
import { stream } from './testing/load.ts';

const NAMESPACE = 'darkroom';
const ROUNDS = 10;
const WORKERS = 4;
/** Of them, so many have something to do. */
const BUSY = 2;
const slow = { timeout: 120_000, interval: 100 };

type Seen = { workers: { worker: string; jobs: number }[] };
const scaledObject = ['--namespace', NAMESPACE, 'annotate', 'scaledobject/worker-pinhole'];
const scale = (replicas: number) =>
  kubectl.run([
    ...['--namespace', NAMESPACE, 'scale', 'deployment/worker-pinhole', `--replicas=${replicas}`],
  ]);

const names = async () => (await workers()).map(({ metadata }) => metadata?.name ?? '');
const busyOnes = async (): Promise<string[]> => {
  const { workers: seen } = await askFrontend<Seen>('/scaling/workers');
  return seen.filter(({ jobs }) => jobs > 0).map(({ worker }) => worker);
};

/** The pods that are dearer than another: those that have work, as far as Kubernetes was told. */
async function dear(): Promise<string[]> {
  const costs = (await workers()).map(({ metadata }) => ({
    name: metadata?.name ?? '',
    cost: Number(metadata?.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0'),
  }));
  return costs.filter(({ cost }) => cost > 0).map(({ name }) => name);
}

// The scale is this test's own meanwhile.
beforeAll(async () => {
  await kubectl.run([...scaledObject, '--overwrite', 'autoscaling.keda.sh/paused=true']);
});

afterAll(async () => {
  await kubectl.run([...scaledObject, 'autoscaling.keda.sh/paused-']);
});

test(`${ROUNDS * (WORKERS - 1)} scale-ins under load end idle workers first, lose no job and repeat no step`, async () => {
  const callers = Array.from({ length: BUSY }, () => stream({ count: 8, steps: 150 }));
  const wrong: string[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await scale(WORKERS);
    await expect.poll(async () => (await workers()).filter(isReady).length, slow).toBe(WORKERS);
    await expect.poll(async () => (await dear()).length, slow).toBe(BUSY);
    for (let left = WORKERS - 1; left >= 1; left--) {
      const before = await names();
      const busy = await busyOnes();
      await scale(left);
      await expect.poll(async () => (await names()).length, slow).toBe(left);
      const after = await names();
      const [victim = ''] = before.filter((name) => !after.includes(name));
      const idle = before.filter((name) => !busy.includes(name));
      if (idle.length > 0 && busy.includes(victim)) {
        wrong.push(`round ${round}: ${victim} was busy while ${idle} were idle`);
      }
    }
  }
  const generations = (await Promise.all(callers.map((caller) => caller.stop()))).flat();
  expect(wrong).toEqual([]);
  expect(generations.length).toBeGreaterThanOrEqual(BUSY);
  const steps = await stepsRun(generations.map(({ id }) => id));
  for (const { id, state, attempt, request } of generations) {
    expect({ id, state, attempt, steps: steps.get(id) }).toEqual({
      ...{ id, state: 'succeeded', attempt: 1 },
      steps: request.steps * request.count,
    });
  }
});
