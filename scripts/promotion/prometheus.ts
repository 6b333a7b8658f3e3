import { retryFor } from '@darkroom/timing';
import { CommandFailure } from '../commands/failure.ts';
import { forwardService } from './forward-service.ts';
import type { KubeApi } from './kube-api.ts';

/** A cluster's Prometheus. */
export type Prometheus = {
  /** Each series of an instant query, with its value. */
  query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]>;
  close(): void;
};

/** Its Service. */
export const PROMETHEUS = { namespace: 'monitoring', name: 'prometheus', port: 9090 };
const ANSWER_MS = 10_000;
/** For how long one that does not answer, or has no pod that is ready, is asked again. */
const PATIENCE_MS = 30_000;

type Answer = {
  status: string;
  error?: string;
  data: { result: { metric: Record<string, string>; value: [number, string] }[] };
};

export async function openPrometheus(api: KubeApi, signal: AbortSignal): Promise<Prometheus> {
  const open = () => forwardService(api, PROMETHEUS);
  const { port, close } = await retryFor(PATIENCE_MS, open, signal);
  const ask = async (url: URL): Promise<Answer> => {
    // One connection for each: what forwards it may have ended meanwhile.
    const response = await fetch(url, {
      headers: { connection: 'close' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    return (await response.json()) as Answer;
  };
  return {
    query: async (expression) => {
      const url = new URL(`http://127.0.0.1:${port}/api/v1/query`);
      url.searchParams.set('query', expression);
      const asked = retryFor(PATIENCE_MS, () => ask(url), signal);
      const answer = await asked.catch((error: Error) => {
        signal.throwIfAborted();
        throw new CommandFailure(
          `Prometheus (Service ${PROMETHEUS.namespace}/${PROMETHEUS.name}) of ${api.context} does not answer: ${error.message}`,
        );
      });
      if (answer.status !== 'success')
        throw new CommandFailure(`Prometheus refuses ${expression}: ${answer.error}`);
      return answer.data.result.map(({ metric, value }) => ({
        labels: metric,
        value: Number(value[1]),
      }));
    },
    close,
  };
}

/** Alerts that somebody is woken for, each with its summary of labels. */
export async function pagingAlerts(
  prometheus: Prometheus,
  { withinSeconds }: { withinSeconds: number },
): Promise<string[]> {
  const range = Math.max(withinSeconds, 60);
  const series = await prometheus.query(
    `count_over_time(ALERTS{alertstate="firing",severity="page"}[${range}s])`,
  );
  return [...new Set(series.map(({ labels }) => labels['alertname'] ?? ''))].sort();
}
