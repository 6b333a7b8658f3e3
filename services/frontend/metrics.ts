import { Counter, Gauge, Histogram, type Registry } from '@darkroom/lifecycle';
import type { QueueViews } from './admission/queue-views.ts';

export type FrontendMetrics = ReturnType<typeof createFrontendMetrics>;

/** What the frontend counts, in its registry. */
export function createFrontendMetrics(registry: Registry, queues: Pick<QueueViews, 'read'>) {
  const registers = [registry];
  new Gauge({
    name: 'darkroom_generations',
    help: 'Generations queued and running, by model, a moment ago.',
    labelNames: ['model', 'state'] as const,
    registers,
    async collect() {
      this.reset();
      const standing = await queues.read().catch(() => undefined);
      for (const { model, length, running } of standing?.queues.values() ?? []) {
        this.set({ model, state: 'queued' }, length);
        this.set({ model, state: 'running' }, running.count);
      }
    },
  });
  return {
    requests: new Histogram({
      name: 'darkroom_http_request_seconds',
      help: 'Time from a request to the end of its answer, by route or procedure.',
      labelNames: ['route', 'method', 'status'] as const,
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    }),
    created: new Counter({
      name: 'darkroom_generations_created_total',
      help: 'Requests accepted, by model.',
      labelNames: ['model'] as const,
      registers,
    }),
    publishFailures: new Counter({
      name: 'darkroom_publish_failures_total',
      help: 'Requests recorded that could not be published at once and were left to the sweep.',
      registers,
    }),
    imagesServed: new Counter({
      name: 'darkroom_images_served_total',
      help: 'Pictures sent to callers.',
      registers,
    }),
    watches: new Gauge({
      name: 'darkroom_watches',
      help: 'Watches open now.',
      registers,
    }),
  };
}
