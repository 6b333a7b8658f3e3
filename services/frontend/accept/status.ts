import { DarkroomError, type EvidenceDetail, type Waiting } from '@darkroom/contract';
import type { WorkerSeen } from '@darkroom/generations';
import type { CheckResult } from '@darkroom/lifecycle';
import { waitingAtTheEnd } from '../admission/waiting.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { GenerationId } from './inputs.ts';
import type { AcceptServices } from './services.ts';

export type ModelStatus = {
  name: string;
  queued: number | null;
  running: number | null;
  /** Beyond as many queued, requests are refused. */
  maxQueued: number;
  /** Seen lately; null while the database is away. */
  workers: { ready: number; loading: number; draining: number } | null;
  /** Of what would be asked for now; null while the database is away. */
  waiting: Waiting | null;
};

export type SystemStatus = {
  version: string;
  /** Whether new requests are taken. */
  ready: boolean;
  /** Of database, broker and storage. */
  checks: CheckResult[];
  /** Generations by model, a moment ago; null while the database is away. */
  models: ModelStatus[];
};

/** How the service is; answers whatever is broken behind it. */
export async function readStatus({
  catalogue,
  probes,
  broker,
  queues,
}: Pick<AcceptServices, 'catalogue' | 'probes' | 'broker' | 'queues'>): Promise<SystemStatus> {
  const [readiness, standing] = await Promise.all([
    probes.readiness(),
    queues.read().catch(() => undefined),
  ]);
  return {
    version: packageJson.version,
    ready: readiness.ready,
    checks: readiness.checks,
    models: catalogue.models.map(({ name, maxQueued }) => ({
      name,
      queued: standing === undefined ? null : (standing.queues.get(name)?.length ?? 0),
      running: standing === undefined ? null : (standing.queues.get(name)?.running.count ?? 0),
      maxQueued,
      workers: standing === undefined ? null : countWorkers(standing.workers, name),
      waiting: waitingAtTheEnd(name, standing, broker.isReady()),
    })),
  };
}

function countWorkers(workers: readonly WorkerSeen[], model: string) {
  const own = workers.filter(({ models }) => models.includes(model));
  const countOf = (state: WorkerSeen['state']) =>
    own.filter((worker) => worker.state === state).length;
  return { ready: countOf('ready'), loading: countOf('loading'), draining: countOf('draining') };
}

/**
 * Every lost attempt of any tenant's generation, with its worker and the engine's last words.
 *
 * @throws DarkroomError `not-found`, `unavailable`
 */
export async function readEvidence(
  { id }: GenerationId,
  { store }: Pick<AcceptServices, 'store'>,
): Promise<EvidenceDetail[]> {
  const evidence = await store.evidence(id);
  if (evidence !== undefined) return evidence;
  throw new DarkroomError('not-found', `there is no generation ${id} of any tenant`);
}
