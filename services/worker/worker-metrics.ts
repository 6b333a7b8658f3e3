import type { Metrics } from '@darkroom/lifecycle';
import type { Inference } from './inference/inference-process.ts';

/** What became of a job, as the worker saw it. */
export type JobEnd =
  | 'succeeded'
  | 'failed'
  | 'canceled'
  /** A newer attempt holds it. */
  | 'lost'
  /** Not claimed: finished, or unknown. */
  | 'refused'
  | HandBack
  /** The message is delivered again: the record cannot be read or written now. */
  | 'requeued';

/** Why a job went back to the queue. */
export type HandBack =
  /** Its pictures cannot be stored now. */
  | 'storage-away'
  /** No inference process can be started now. */
  | 'engine-away'
  /** Too many inference processes died of it. */
  | 'engine-died'
  /** The worker closes. */
  | 'closed';

export type WorkerMetrics = ReturnType<typeof workerMetrics>;

export function workerMetrics(
  { meter }: Metrics,
  inference: Pick<Inference, 'identity' | 'busySeconds' | 'memory'>,
) {
  meter
    .createObservableGauge('darkroom_model_held', {
      description: 'Models that this worker holds, by the digest of their files.',
    })
    .addCallback((result) => {
      for (const { name, digest } of inference.identity().models) {
        result.observe(1, { model: name, digest });
      }
    });
  meter
    .createObservableCounter('darkroom_engine_busy_seconds_total', {
      description: 'Time in which the engine had a picture in hand, in seconds.',
    })
    .addCallback((result) => result.observe(inference.busySeconds()));
  meter
    .createObservableGauge('darkroom_model_memory_bytes', {
      description: 'Memory for models by estimate: the budget, and what is held of it.',
    })
    .addCallback((result) => {
      const memory = inference.memory();
      if (memory === undefined) return;
      result.observe(memory.budget, { of: 'budget' });
      result.observe(memory.held, { of: 'held' });
    });
  meter
    .createObservableCounter('darkroom_model_memory_events_total', {
      description: 'Networks that were loaded, evicted for others, or refused for want of memory.',
    })
    .addCallback((result) => {
      const memory = inference.memory();
      if (memory === undefined) return;
      result.observe(memory.loads, { event: 'load' });
      result.observe(memory.evictions, { event: 'eviction' });
      result.observe(memory.refusals, { event: 'refusal' });
    });
  const inHand = meter.createUpDownCounter('darkroom_jobs_in_hand', {
    description: 'Jobs that this worker holds now.',
  });
  inHand.add(0);
  return {
    inHand,
    jobs: meter.createCounter('darkroom_jobs_total', {
      description: 'Jobs taken from the queue, by what became of them.',
    }),
    stage: meter.createHistogram('darkroom_job_stage_seconds', {
      description: 'Time of a job in each stage: model-load, inference, store.',
      advice: {
        explicitBucketBoundaries: [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300],
      },
    }),
  };
}
