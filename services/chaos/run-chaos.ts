import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from '@darkroom/client/source';
import { type Cluster, startCluster, type Timing } from './cluster.ts';
import { askEverything, listObjects, withEvidence } from './facts.ts';
import type { FaultKind } from './faults/fault.ts';
import { type Injected, injectFaults } from './inject.ts';
import { type Kill, killWorkers } from './kills.ts';
import { judgeLeases } from './lease-verdict.ts';
import { readLedger } from './ledger.ts';
import type { LoadShape } from './load.ts';
import { type Plant, said } from './plants/plant.ts';
import type { Report } from './report.ts';
import { drawFaults } from './schedule.ts';
import { type LoadProgress, startLoad } from './start-load.ts';
import { judge, type Verdict } from './verdict.ts';

export type ChaosOptions = {
  jobs: number;
  seed: number;
  faults: number;
  kinds: readonly FaultKind[];
  /** Of its requests. */
  shape: LoadShape;
  workers: number;
  timing: Timing;
  /** Workers to kill, one at a time, once the faults are over. */
  kills: number;
  /** Whether no run may be taken from a worker that can renew its lease. */
  judgesLeases: boolean;
  /** The pace; the slower of the two is kept. */
  secondsAJob: number;
  secondsAFault: number;
  /** A module that every service loads first. */
  preload?: string | undefined;
  /** Planted by `preload`. */
  plant?: Plant | undefined;
  republishAfterMs: number;
  /** After the last fault: how long nothing may come to its end while something has none. */
  stallSeconds: number;
  /** For logs, ledger and report; made where it is missing. */
  folder: string;
  signal: AbortSignal;
  onProgress?: (progress: LoadProgress & { faults: number }) => void;
};

/** For the answers still missing when the load should be over. */
const ANSWERS_SECONDS = 120;
/** Older than a frontend's view of its queues, which may have missed the last of the load. */
const VIEW_SECONDS = 3;
/** For a backlog to drain after the last fault. */
const SETTLE_SECONDS = 1_200;
/** How long objects that nothing names may take to be collected. */
const COLLECT_SECONDS = 15;

/** One run, from empty servers to the verdict. The report is written however it ends. */
export async function runChaos(options: ChaosOptions): Promise<Report> {
  const { folder, jobs, seed, faults, plant } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const began = performance.now();
  const report: Report = {
    ...{ seed, jobs, faults, minutes: 0, settledSeconds: null, injected: [], failures: {} },
    ...(plant !== undefined && { plant: plant.name }),
  };
  const save = (): void => {
    report.minutes = (performance.now() - began) / 60_000;
    writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  };
  try {
    await measure(options, report, save);
  } catch (error) {
    report.brokenOff = error instanceof Error ? error.message : String(error);
  }
  save();
  return report;
}

async function measure(options: ChaosOptions, report: Report, save: () => void): Promise<void> {
  const { folder, jobs, seed, faults, kinds, secondsAJob, secondsAFault, shape, signal } = options;
  const cluster = await startCluster({ ...options, logs: folder });
  try {
    if (options.plant !== undefined) assertPlanted(options.plant, folder);
    const seconds = Math.max(jobs * secondsAJob, faults * secondsAFault);
    const ledger = join(folder, 'ledger.jsonl');
    writeFileSync(ledger, '');
    let kills: Kill[] = [];
    let abortedRuns = new Map<string, number>();
    let progress: LoadProgress = { answered: 0, accepted: 0, finished: 0 };
    const tell = (): void => options.onProgress?.({ ...progress, faults: report.injected.length });
    const settings = { frontends: cluster.frontendUrls, seed, jobs, shape, seconds, ledger };
    const load = startLoad(settings, (latest) => {
      progress = latest;
      tell();
    });
    try {
      const onDone = (injected: Injected): void => {
        report.injected.push(injected);
        save();
        tell();
      };
      if (options.judgesLeases) await untilRunning(cluster, signal);
      const planned = drawFaults({ seed, faults, seconds, kinds });
      await injectFaults(cluster, planned, kinds, { signal, onDone });
      signal.throwIfAborted();
      const healed = performance.now();
      // What is not answered by then is for the verdict to find.
      await Promise.race([load.answered, wait(ANSWERS_SECONDS * 1_000, undefined, { signal })]);
      report.settledSeconds = await settle(cluster, options, healed);
      if (options.judgesLeases) abortedRuns = await countAbortedRuns(cluster);
      if (options.kills > 0 && report.settledSeconds !== null) {
        kills = await killWorkers(cluster, { ...options, ledger });
        await settle(cluster, options, performance.now());
      }
      // One more look of the client's.
      await wait(2_500);
    } finally {
      await load.stop();
      for (const [name, service] of cluster.services) report.failures[name] = service.failures();
    }
    const asked = await askEverything(cluster.frontendUrls[0] ?? '', signal);
    report.verdict = await collectAndJudge(cluster, asked, ledger, signal);
    if (!options.judgesLeases) return;
    const generations = await withEvidence(cluster.frontendUrls[0] ?? '', asked.generations);
    const cuts = report.injected;
    const leases = judgeLeases({ generations, cuts, kills, abortedRuns, ...cluster.lease });
    report.leases = leases.verdict;
    report.kills = kills;
    report.verdict.breaches.push(...leases.breaches);
  } finally {
    await cluster.close();
  }
}

/** A plant that no process loaded could not be caught. */
function assertPlanted({ name, changes }: Plant, folder: string): void {
  const logs = readdirSync(folder)
    .filter((file) => file.endsWith('.log'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  for (const { module } of changes) {
    if (!logs.some((log) => log.includes(said(name, module)))) {
      throw new Error(`no service has loaded ${module} with the plant ${name}`);
    }
  }
}

/** A cut before there is a run shows nothing. */
async function untilRunning({ frontendUrls }: Cluster, signal: AbortSignal): Promise<void> {
  const client = createClient({ url: frontendUrls[0] ?? '' });
  for (;;) {
    signal.throwIfAborted();
    const { generations } = await client.generations.list.query({ state: 'running' });
    if (generations.length > 0) return;
    await wait(50);
  }
}

/** By worker: runs that it ended without an end of the generation, as its metrics count them. */
async function countAbortedRuns({ services }: Cluster): Promise<Map<string, number>> {
  const early = /end="(lost|closed|storage-away|engine-away|engine-died)"/;
  const workers = [...services.values()].filter(({ name }) => name.startsWith('worker'));
  const counts = workers.map(async (worker): Promise<[string, number]> => {
    return [worker.name, (await worker.metric('darkroom_jobs_total', early)) ?? 0];
  });
  return new Map(await Promise.all(counts));
}

/** Waits until nothing is queued or running; null when no more of it comes to an end. */
async function settle(
  { frontendUrls }: Cluster,
  { stallSeconds, signal }: ChaosOptions,
  since: number,
): Promise<number | null> {
  await wait(VIEW_SECONDS * 1_000, undefined, { signal });
  const clients = frontendUrls.map((url) => createClient({ url }));
  const deadline = performance.now() + SETTLE_SECONDS * 1_000;
  let fewest = Number.POSITIVE_INFINITY;
  let stalledAt = performance.now() + stallSeconds * 1_000;
  for (let turn = 0; performance.now() < Math.min(deadline, stalledAt); turn++) {
    signal.throwIfAborted();
    const status = await clients[turn % clients.length]?.system.status.query().catch(() => {});
    const left = status?.models
      .map(({ queued, running }) => (queued ?? Number.NaN) + (running ?? Number.NaN))
      .reduce((sum, active) => sum + active, 0);
    if (left === 0) return (performance.now() - since) / 1_000;
    if (left !== undefined && left < fewest) {
      fewest = left;
      stalledAt = performance.now() + stallSeconds * 1_000;
    }
    await wait(500);
  }
  return null;
}

/** Looks at the objects again while something is wrong: leftovers are removed in the background. */
async function collectAndJudge(
  cluster: Cluster,
  asked: Awaited<ReturnType<typeof askEverything>>,
  ledger: string,
  signal: AbortSignal,
): Promise<Verdict> {
  const { restored } = cluster;
  const deadline = performance.now() + COLLECT_SECONDS * 1_000;
  for (;;) {
    const objects = await listObjects(cluster.objects);
    const verdict = judge({ ...asked, ledger: readLedger(ledger), objects, restored });
    if (verdict.breaches.length === 0 || performance.now() > deadline) return verdict;
    signal.throwIfAborted();
    await wait(1_000);
  }
}
