import type { Metrics } from '@darkroom/lifecycle';
import type { QueueViews } from './admission/queue-views.ts';

export type FrontendMetrics = ReturnType<typeof createFrontendMetrics>;

/** The frontend's own metrics. */
export function createFrontendMetrics({ meter }: Metrics, queues: Pick<QueueViews, 'read'>) {
  meter
    .createObservableGauge('darkroom_generations', {
      description: 'Generations queued and running, by model, a moment ago.',
    })
    .addCallback(async (result) => {
      const standing = await queues.read().catch(() => undefined);
      for (const { model, length, running } of standing?.queues.values() ?? []) {
        result.observe(length, { model, state: 'queued' });
        result.observe(running.count, { model, state: 'running' });
      }
    });
  meter
    .createObservableGauge('darkroom_queue_oldest_seconds', {
      description: 'How long the oldest generation of a queue has waited, by model.',
    })
    .addCallback(async (result) => {
      const standing = await queues.read().catch(() => undefined);
      for (const { model, marks } of standing?.queues.values() ?? []) {
        const queuedAtMs = marks[0]?.queuedAtMs;
        const waitedMs = queuedAtMs === undefined ? 0 : Date.now() - queuedAtMs;
        result.observe(Math.max(0, waitedMs) / 1e3, { model });
      }
    });
  const metrics = {
    requests: meter.createHistogram('darkroom_http_request_seconds', {
      description: 'Time from a request to the end of its answer, by route or procedure.',
      advice: {
        explicitBucketBoundaries: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      },
    }),
    requestsInFlight: meter.createUpDownCounter('darkroom_http_requests_in_flight', {
      description: 'Requests whose answer is not out yet, watches aside.',
    }),
    created: meter.createCounter('darkroom_generations_created_total', {
      description: 'Requests accepted, by model.',
    }),
    publishFailures: meter.createCounter('darkroom_publish_failures_total', {
      description:
        'Requests recorded that could not be published at once and were left to the sweep.',
    }),
    imagesServed: meter.createCounter('darkroom_images_served_total', {
      description: 'Pictures sent to callers.',
    }),
    imagesBroken: meter.createCounter('darkroom_images_broken_total', {
      description:
        'Pictures that the object store did not have as they were stored, by fault: missing, damaged.',
    }),
    watches: meter.createUpDownCounter('darkroom_watches', { description: 'Watches open now.' }),
  };
  // Those whose labels are known are shown from the start, so that the first event is seen as an increase.
  const { publishFailures, imagesServed, imagesBroken, watches, requestsInFlight } = metrics;
  for (const count of [publishFailures, imagesServed, watches, requestsInFlight]) count.add(0);
  for (const fault of ['missing', 'damaged']) imagesBroken.add(0, { fault });
  return metrics;
}
