import type { SchedulerName } from '@darkroom/contract';
import { createRandom } from '@darkroom/testing';
import { Client } from 'pg';
import { expect } from 'vitest';
import { startFleet } from './fleet.ts';
import { realServers, tenant } from './real-servers.ts';
import { recordTransitions } from './transitions.ts';

type Sampler = { scheduler: SchedulerName; karras?: boolean };

/** Every scheduler of the engine, with Karras' noise levels where it has them. */
export const samplers: readonly Sampler[] = [
  { scheduler: 'euler' },
  { scheduler: 'euler', karras: true },
  { scheduler: 'euler-ancestral' },
  { scheduler: 'ddim' },
  { scheduler: 'dpmpp-2m' },
  { scheduler: 'dpmpp-2m', karras: true },
];

const GRACE_MS = 1_000;
const LATEST_SIGNAL = 30;
/** Of the engine. */
const MOST_STEPS = 1_000;

/**
 * Ends workers by SIGTERM, each amid a picture that its grace is too short for, and expects each
 * picture to be gone on with elsewhere, to the bits of the one that nothing disturbed: no step made
 * twice, none left out, no attempt spent, nothing left behind.
 *
 * @param options.rounds pictures gone on with, samplers taking turns
 */
export async function preempt(options: {
  rounds: number;
  samplers: readonly Sampler[];
  seed: number;
}): Promise<void> {
  const { rounds, samplers, seed } = options;
  console.info(`PREEMPTION_SEED=${seed}`);
  const random = createRandom(seed, 'preemption').next;
  await using servers = await realServers();
  await using transitions = await recordTransitions(servers.databaseUrl);
  const fleet = startFleet(2, { ...servers.environment, SHUTDOWN_GRACE_MS: String(GRACE_MS) });
  await fleet.ready();
  const probe = await servers.finished((await servers.submit(50)).id);
  const stepMs = (probe.timings.inferenceMs ?? 0) / 50;
  // More than can be made in the grace.
  let steps = Math.min(MOST_STEPS, LATEST_SIGNAL + Math.ceil((6 * GRACE_MS) / stepMs));
  const references = new Map<Sampler, string[]>();
  const digestsOf = async (id: string) => {
    // A thousand steps may take a busy machine minutes.
    const state = async () => (await servers.store.get(tenant, id))?.state;
    await expect.poll(state, { timeout: 300_000, interval: 20 }).toBe('succeeded');
    return (await servers.finished(id)).images.map(({ sha256 }) => sha256);
  };

  let continued = 0;
  let finished = 0;
  while (continued < rounds) {
    const sampler = samplers[continued % samplers.length] as Sampler;
    const when = `round ${continued}, ${JSON.stringify(sampler)}, ${steps} steps`;
    if (!references.has(sampler)) {
      const { id } = await servers.submit(steps, undefined, sampler);
      references.set(sampler, await digestsOf(id));
    }
    const { id } = await servers.submit(steps, undefined, sampler);
    const at = 1 + Math.floor(random() * LATEST_SIGNAL);
    await expect
      .poll(() => servers.stepOf(id) ?? 0, { timeout: 60_000, interval: 2 })
      .toBeGreaterThanOrEqual(at);
    const holder = await transitions.holderOf(id);
    const began = performance.now();
    expect(await fleet.endAndReplace(holder ?? '', 'SIGTERM'), when).toBe(0);
    const took = performance.now() - began;
    expect(await digestsOf(id), when).toEqual(references.get(sampler));
    const states = await transitions.of(id);
    if (!states.includes('queued')) {
      // The machine has become so much quicker that the grace was enough: ask for more.
      expect(states, when).toEqual(['running', 'succeeded']);
      expect(finished, when).toBeLessThan(rounds);
      finished += 1;
      steps = Math.min(MOST_STEPS, Math.ceil(steps * 1.5));
      references.clear();
      continue;
    }
    continued += 1;
    expect(took, when).toBeGreaterThanOrEqual(GRACE_MS - 1);
    expect(states, when).toEqual(['running', 'queued', 'running', 'succeeded']);
    expect(await servers.finished(id), when).toMatchObject({ attempt: 1, evidence: [] });
    expect(await stepsRun(servers.databaseUrl, id), when).toBe(steps);
    const { images } = await servers.finished(id);
    await expect
      .poll(() => servers.objects.list(`${tenant}/${id}/`), { timeout: 10_000 })
      .toEqual(images.map(({ key }) => key));
  }
  console.info(`${continued} gone on with elsewhere, ${finished} finished within the grace`);
  expect(await fleet.stop()).toEqual([0, 0]);
}

/** Over all attempts. */
async function stepsRun(databaseUrl: string, id: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      'select steps_run + attempt_steps as steps from generations where id = $1',
      [id],
    );
    return rows[0]?.steps;
  } finally {
    await client.end();
  }
}
