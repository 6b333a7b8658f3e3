import type { DarkroomClient } from '@darkroom/client/source';
import { sleep } from '@darkroom/timing';
import { CommandFailure } from '../commands/failure.ts';
import { type Prometheus, pagingAlerts } from './prometheus.ts';

/** How an environment is, by its own figures. */
type Figures = { requests: Counts; errors: Counts; deadLetters: number; alerts: string[] };
/** Of each frontend. */
type Counts = ReadonlyMap<string, number>;

const LOOK_MS = 2_000;
const ANSWER_MS = 5_000;
/** A frontend on its way out says that it takes none, and one that is busy answers late. */
const UNREADY_MS = 15_000;
/** Of all requests; the objective of the API (platform/infrastructure/monitoring/rules/api.yaml). */
const ERROR_BUDGET = 0.005;
/** Fewer are no rate: a frontend that is busy for a moment refuses a request, and it is asked again. */
const LEAST_ERRORS = 3;

async function readFigures(prometheus: Prometheus): Promise<Figures> {
  const counts = async (selector: string): Promise<Counts> => {
    const series = await prometheus.query(`sum by (instance) (${selector})`);
    return new Map(series.map(({ labels, value }) => [labels['instance'] ?? '', value]));
  };
  const inDeadLetters = 'max(rabbitmq_detailed_queue_messages{queue="darkroom.dead-letters"})';
  const [requests, errors, deadLetters, alerts] = await Promise.all([
    counts('darkroom_http_request_seconds_count'),
    counts('darkroom_http_request_seconds_count{status=~"5.."}'),
    prometheus.query(`${inDeadLetters} or vector(0)`).then(([series]) => series?.value ?? 0),
    pagingAlerts(prometheus, { withinSeconds: 0 }),
  ]);
  return { requests, errors, deadLetters, alerts };
}

/** What was counted between two looks; a frontend that is gone takes its counts with it, a new one begins at 0. */
function counted(before: Counts, after: Counts): number {
  const ofEach = [...after].map(([instance, count]) => {
    const was = before.get(instance) ?? 0;
    return count < was ? count : count - was;
  });
  return ofEach.reduce((sum, count) => sum + count, 0);
}

/** Why an environment takes no requests now; undefined where it does. */
async function troubleOf(client: DarkroomClient, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { ready, checks } = await client.system.status.query(undefined, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    if (ready) return undefined;
    const failing = checks.filter(({ ready: passes }) => !passes).map(({ name }) => name);
    return failing.join(', ') || 'not ready';
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Looks at a release for as long as its environment asks for: whether it takes requests, and what its figures
 * say of errors, dead letters and alerts.
 *
 * @param options.unreadyMs for how long it may take no requests, without a break
 * @throws CommandFailure with what became worse
 */
export async function bake(options: {
  client: DarkroomClient;
  prometheus: Prometheus;
  seconds: number;
  unreadyMs?: number;
  tell: (what: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { client, prometheus, seconds, unreadyMs = UNREADY_MS, tell, signal } = options;
  const before = await readFigures(prometheus);
  let wellAt = performance.now();
  const endsAt = wellAt + seconds * 1_000;
  for (;;) {
    const trouble = await troubleOf(client, signal);
    signal.throwIfAborted();
    const now = performance.now();
    if (trouble === undefined) wellAt = now;
    else if (now - wellAt >= unreadyMs)
      throw new CommandFailure(`it takes no requests: ${trouble}`);
    if (trouble === undefined && now >= endsAt) break;
    tell(trouble ?? `${Math.ceil((endsAt - now) / 1_000)} s left`);
    await sleep(trouble === undefined ? Math.min(LOOK_MS, endsAt - now) : LOOK_MS, signal);
  }
  const after = await readFigures(prometheus);
  const requests = counted(before.requests, after.requests);
  const errors = counted(before.errors, after.errors);
  const problems = [
    ...(errors >= LEAST_ERRORS && errors > requests * ERROR_BUDGET
      ? [`${errors} of ${requests} requests failed`]
      : []),
    ...(after.deadLetters > before.deadLetters
      ? [`${after.deadLetters - before.deadLetters} more dead letters`]
      : []),
    ...after.alerts
      .filter((alert) => !before.alerts.includes(alert))
      .map((alert) => `the alert ${alert} fires`),
  ];
  if (problems.length > 0) throw new CommandFailure(`it became worse: ${problems.join('; ')}`);
}
