import { isTerminal, stateEdges } from '@darkroom/contract';
import { createRandom } from '@darkroom/testing';
import { expect } from 'vitest';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import type { Ran } from '../worker-store.ts';
import { actors } from './actors.ts';
import type { Write } from './edge-log.ts';
import { past } from './new-generation.ts';

/** As in `actors`. */
const MAX_ATTEMPTS = 3;

/** Over at once, soon, and later than most of what may come. */
const LEASES_MS = [0, 100, 300, 300];

/** What the actors of one history were told: the model that the record is held against. */
type Told = {
  seed: number;
  tenant: string;
  id: string;
  /**
   * Steps run by each attempt, by its fence: those that the record surely knows of, and those that
   * it may. Whether a cancel or an ending came first, its actor is not always told.
   */
  steps: Map<number, { least: number; most: number }>;
  /** Endings that the store said stand, as `STATE FENCE`. */
  endings: Set<string>;
};

/**
 * Histories of one generation each, many at the same time on one database: in each, two workers, a
 * caller and a sweep act at once, and no one waits for another; leases last or have run out, claims
 * are repeated, workers crash, hand back, write late and write twice. Sweeps meet the records
 * of all histories. In the end a cancel closes what is left.
 */
export async function runHistories(
  store: GenerationStore,
  { count, seed, atOnce }: { count: number; seed: number; atOnce: number },
): Promise<Told[]> {
  const told: Told[] = [];
  let next = 0;
  const lane = async () => {
    for (let nth = next++; nth < count; nth = next++) told.push(await history(store, seed + nth));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return told;
}

async function history(store: GenerationStore, seed: number): Promise<Told> {
  const random = createRandom(seed, 'histories').next;
  const pick = <T>(options: readonly T[]): T => options[Math.floor(random() * options.length)] as T;
  const { created, claim, sweep, look } = actors(store);
  const record = await created(random() < 0.05 ? { deadline: past } : {});
  const { tenant, id } = record;
  const told: Told = { seed, tenant, id, steps: new Map(), endings: new Set() };
  const pause = async () => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await store.get(tenant, id);
  };

  /** One attempt: its writes follow each other, whatever the others do meanwhile. */
  const attempt = async (fence: number) => {
    const known = { least: 0, most: 0 };
    told.steps.set(fence, known);
    let steps = 0;
    const run = (): Ran => {
      steps += 1 + Math.floor(random() * 5);
      return { steps, gpuMs: steps * 10 };
    };
    for (let beats = Math.floor(random() * 3); beats > 0; beats--) {
      await pause();
      const ran = run();
      const progress = { step: Math.min(steps, 20), steps: 20 };
      const lease = { id, fence, leaseMs: pick(LEASES_MS), progress, ran };
      if ((await store.heartbeat(lease)) === 'lost') continue;
      known.least = steps;
      known.most = steps;
    }
    const error = { code: 'ENGINE', message: 'm' } as const;
    const timings = { modelLoadMs: 1, inferenceMs: 1, storeMs: 1 };
    const endings = {
      succeeded: () => store.complete({ id, fence, images: [], timings, ran: run() }),
      failed: () => store.fail({ id, fence, error, ran: run() }),
      canceled: () => store.settleCancel({ id, fence, ran: run() }),
    };
    const ends = ['succeeded', 'succeeded', 'failed', 'canceled', 'release', 'crash'] as const;
    const end = pick(ends);
    if (end === 'crash') return;
    if (end === 'release') {
      const released = await store.release({
        id,
        fence,
        countAttempt: pick([true, false]),
        ran: run(),
        lastWords: 'words',
        checkpoint: pick([undefined, { key: 'k', picture: 1, step: 3 }]),
      });
      known.most = steps;
      if (released !== undefined) known.least = steps;
      return;
    }
    const stands = await endings[end]();
    known.most = steps;
    if (!stands) return;
    told.endings.add(`${end} ${fence}`);
    // Its answer was lost; then, as a bug might, it writes another ending under the same fence.
    expect(await endings[end](), `seed ${seed}`).toBe(true);
    const other = pick((['succeeded', 'failed', 'canceled'] as const).filter((one) => one !== end));
    expect(await endings[other](), `seed ${seed}`).toBe(false);
  };
  const worker = async (name: string) => {
    for (let tries = 3; tries > 0; tries--) {
      await pause();
      const options = { worker: name, claimId: `${name} ${tries}`, leaseMs: pick(LEASES_MS) };
      // Sometimes the first answer is lost.
      if (random() < 0.3) await claim(id, options);
      const result = await claim(id, options);
      if (result.claimed) await attempt(result.claim.fence);
    }
  };
  const others = async () => {
    for (let moves = 4; moves > 0; moves--) {
      await pause();
      const move = random();
      if (move < 0.6)
        await sweep({ graceMs: pick([0, 60_000]), republishAfterMs: pick([0, 60_000]) });
      else if (move < 0.75) await store.requestCancel(tenant, id);
      else await store.markPublished(id, (await look(record)).revision);
    }
  };
  await Promise.all([worker('worker-1'), worker('worker-2'), others()]);

  await store.requestCancel(tenant, id);
  while (!isTerminal((await look(record)).state)) {
    await sweep();
  }
  return told;
}

/** Holds the records against what their actors were told. */
export function judgeHistory(told: Told, record: GenerationRecord): void {
  const { seed, steps, endings } = told;
  const when = `seed ${seed}, generation ${record.id}`;
  const { state, evidence, attempt, receipt, error } = record;
  expect(isTerminal(state), when).toBe(true);
  expect(endings.size, `${when}: endings ${[...endings]}`).toBeLessThanOrEqual(1);
  for (const ending of endings) expect(ending, when).toMatch(new RegExp(`^${state} `));
  if (state === 'succeeded') expect(endings.size, when).toBe(1);
  expect(error !== null, when).toBe(state === 'failed');
  if (error?.code === 'ENGINE') expect(endings.size, when).toBe(1);

  // An attempt is handed back at no cost, lost with evidence, or the one that ended the record.
  expect(attempt, when).toBeLessThanOrEqual(MAX_ATTEMPTS);
  expect(attempt - evidence.length, when).toBeGreaterThanOrEqual(0);
  expect(attempt - evidence.length, when).toBeLessThanOrEqual(1);
  const byWorker = state === 'succeeded' || error?.code === 'ENGINE';
  if (byWorker) expect(attempt - evidence.length, when).toBe(1);

  expect(receipt !== null, when).toBe(state === 'canceled');
  if (receipt === null) return;
  const sum = (which: 'least' | 'most') =>
    [...steps.values()].reduce((total, known) => total + known[which], 0);
  expect(receipt.stepsRun, when).toBeGreaterThanOrEqual(sum('least'));
  expect(receipt.stepsRun, when).toBeLessThanOrEqual(sum('most'));
  expect(receipt.gpuMs, when).toBe(receipt.stepsRun * 10);
  expect(receipt.stepsSpared, when).toBe(20 - record.progress.step);
}

/** Holds every write that the database saw against the edges and the numbers' rules. */
export function judgeWrites(writes: readonly Write[]): void {
  const ended = new Set<string>();
  for (const { id, from, to } of writes) {
    const when = `generation ${id}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`;
    const isEdge = from.state !== to.state;
    const isClaim = to.fence !== from.fence;
    if (isEdge) expect(stateEdges[from.state], when).toContain(to.state);
    if (isEdge || isClaim) expect(to.revision, when).toBeGreaterThan(from.revision);
    else expect(to.revision, when).toBeGreaterThanOrEqual(from.revision);
    expect(ended.has(id), `${when}: written after its end`).toBe(false);
    if (isTerminal(to.state)) ended.add(id);

    if (isClaim) {
      expect(to.fence, when).toBe(from.fence + 1);
      expect(to.state, when).toBe('running');
      expect(to.attempt, when).toBe(from.attempt + 1);
    } else if (to.attempt !== from.attempt) {
      expect(to.attempt, when).toBe(from.attempt - 1);
      expect(from.state, when).toBe('running');
      expect(['queued', 'canceled'], when).toContain(to.state);
    }
    expect(to.stepsRun, when).toBeGreaterThanOrEqual(from.stepsRun);
    expect(to.evidence - from.evidence, when).toBeGreaterThanOrEqual(0);
    expect(to.evidence - from.evidence, when).toBeLessThanOrEqual(from.state === 'running' ? 1 : 0);
  }
}
