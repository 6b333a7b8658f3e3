import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  askFrontend,
  cluster,
  inTime,
  isReady,
  pauseScaler,
  resumeScaler,
  stepsRun,
  workers,
} from './testing/cluster-under-test.ts';
import { burst, ended, states } from './testing/load.ts';

const NAMESPACE = 'darkroom';
const ROUNDS = 10;
const WORKERS = 4;
/**
 * Of them, so many have something to do: with two, one has to hand back its job, for which it has 20 s;
 * with one, none has.
 */
const busyIn = (round: number) => (round <= 3 ? 2 : 1);

type Seen = { workers: { worker: string; jobs: number }[] };
const deployment = { name: 'worker-pinhole', namespace: NAMESPACE };
const scale = (replicas: number) =>
  cluster.apps.replaceNamespacedDeploymentScale({
    ...deployment,
    body: { metadata: deployment, spec: { replicas } },
  });

const names = async () => (await workers()).map(({ metadata }) => metadata?.name ?? '');
const busyOnes = async (): Promise<string[]> => {
  const { workers: seen } = await askFrontend<Seen>('/scaling/workers');
  return seen.filter(({ jobs }) => jobs > 0).map(({ worker }) => worker);
};

/** The cost of 512 steps and more: such a job goes on while a worker is chosen. */
const WELL_UNDER_WAY = 11;

/** The pods that Kubernetes was told have much to do. */
async function dear(): Promise<string[]> {
  const costs = (await workers()).map(({ metadata }) => ({
    name: metadata?.name ?? '',
    cost: Number(metadata?.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0'),
  }));
  return costs.filter(({ cost }) => cost >= WELL_UNDER_WAY).map(({ name }) => name);
}

const same = (one: readonly string[], other: readonly string[]) =>
  one.toSorted().join() === other.toSorted().join();

// The scale is this test's own meanwhile.
beforeAll(async () => {
  await pauseScaler('worker-pinhole');
});

afterAll(async () => {
  await resumeScaler('worker-pinhole');
});

test(`${ROUNDS * (WORKERS - 1)} scale-ins under load end idle workers first, lose no job and repeat no step`, async () => {
  const wrong: string[] = [];
  const ids: string[] = [];
  let unfinished: string[] = [];
  /** As many jobs as workers are to be busy; those that have ended are followed by others. */
  const keepBusy = async (workers: number) => {
    const seen = await states(unfinished);
    unfinished = seen
      .filter(({ state }) => state === 'queued' || state === 'running')
      .map(({ id }) => id);
    const more = await burst(Math.max(0, workers - unfinished.length), { count: 16, steps: 150 });
    unfinished.push(...more);
    ids.push(...more);
  };
  for (let round = 1; round <= ROUNDS; round++) {
    const wanted = busyIn(round);
    await scale(WORKERS);
    await inTime(async () => (await workers()).filter(isReady).length).toBe(WORKERS);
    for (let left = WORKERS - 1; left >= 1; left--) {
      // A job that begins or ends just then may be told of too late: costs are kept once a second.
      let busy: string[] = [];
      await inTime(async () => {
        await keepBusy(wanted);
        busy = await busyOnes();
        return busy.length === wanted && same(busy, await dear());
      }).toBe(true);
      const before = await names();
      await scale(left);
      await inTime(async () => (await names()).length).toBe(left);
      const after = await names();
      const [victim = ''] = before.filter((name) => !after.includes(name));
      const idle = before.filter((name) => !busy.includes(name));
      if (idle.length > 0 && busy.includes(victim)) {
        wrong.push(`round ${round}: ${victim} was busy while ${idle} were idle`);
      }
    }
  }
  expect(wrong).toEqual([]);
  const generations = await ended(ids);
  const steps = await stepsRun(ids);
  for (const { id, state, attempt, request } of generations) {
    expect({ id, state, attempt, steps: steps.get(id) }).toEqual({
      ...{ id, state: 'succeeded', attempt: 1 },
      steps: request.steps * request.count,
    });
  }
});
