import type { DarkroomClient } from '@darkroom/client/source';
import { sleep } from '@darkroom/timing';
import { CommandFailure } from '../commands/failure.ts';
import { type Prometheus, pagingAlerts } from './prometheus.ts';

/** How an environment is, by its own figures. */
type Figures = { requests: number; errors: number; deadLetters: number; alerts: string[] };

const LOOK_MS = 2_000;
/** Of all requests; the objective of the API (platform/infrastructure/monitoring/rules/api.yaml). */
const ERROR_BUDGET = 0.005;

async function readFigures(prometheus: Prometheus): Promise<Figures> {
  const value = async (expression: string) =>
    (await prometheus.query(`(${expression}) or vector(0)`))[0]?.value ?? 0;
  const [requests, errors, deadLetters, alerts] = await Promise.all([
    value('sum(darkroom_http_request_seconds_count)'),
    value('sum(darkroom_http_request_seconds_count{status=~"5.."})'),
    value('max(rabbitmq_detailed_queue_messages{queue="darkroom.dead-letters"})'),
    pagingAlerts(prometheus, { withinSeconds: 0 }),
  ]);
  return { requests, errors, deadLetters, alerts };
}

/**
 * Looks at a release for as long as its environment asks for: whether it takes requests, and what its figures
 * say of errors, dead letters and alerts.
 *
 * @throws CommandFailure with what became worse
 */
export async function bake(options: {
  client: DarkroomClient;
  prometheus: Prometheus;
  seconds: number;
  tell: (what: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { client, prometheus, seconds, tell, signal } = options;
  const before = await readFigures(prometheus);
  const endsAt = performance.now() + seconds * 1_000;
  while (performance.now() < endsAt) {
    tell(`${Math.ceil((endsAt - performance.now()) / 1_000)} s left`);
    const { ready, checks } = await client.system.status.query();
    if (!ready) {
      const failing = checks.filter(({ ready: passes }) => !passes).map(({ name }) => name);
      throw new CommandFailure(`it takes no requests: ${failing.join(', ') || 'not ready'}`);
    }
    await sleep(Math.min(LOOK_MS, Math.max(endsAt - performance.now(), 1)), signal);
  }
  const after = await readFigures(prometheus);
  const requests = Math.max(after.requests - before.requests, 0);
  const errors = Math.max(after.errors - before.errors, 0);
  const problems = [
    ...(errors > requests * ERROR_BUDGET ? [`${errors} of ${requests} requests failed`] : []),
    ...(after.deadLetters > before.deadLetters
      ? [`${after.deadLetters - before.deadLetters} more dead letters`]
      : []),
    ...after.alerts
      .filter((alert) => !before.alerts.includes(alert))
      .map((alert) => `the alert ${alert} fires`),
  ];
  if (problems.length > 0) throw new CommandFailure(`it became worse: ${problems.join('; ')}`);
}
