import { Counter, Gauge, Histogram, type Registry } from '@darkroom/lifecycle';
import type { Inference } from './inference/inference-process.ts';

/** What became of a job, as the worker saw it. */
export type JobEnd =
  | 'succeeded'
  | 'failed'
  | 'canceled'
  /** A newer attempt holds it. */
  | 'lost'
  /** Not claimed: finished, or another's. */
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

export type WorkerMetrics = {
  jobs: Counter<'model' | 'end'>;
  inHand: Gauge;
  stage: Histogram<'model' | 'stage'>;
};

export function workerMetrics(
  registry: Registry,
  inference: Pick<Inference, 'identity'>,
): WorkerMetrics {
  new Gauge({
    name: 'darkroom_model_held',
    help: 'Models that this worker holds, by the digest of their files.',
    labelNames: ['model', 'digest'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, digest } of inference.identity().models) {
        this.set({ model: name, digest }, 1);
      }
    },
  });
  return {
    jobs: new Counter({
      name: 'darkroom_jobs_total',
      help: 'Jobs taken from the queue, by what became of them.',
      labelNames: ['model', 'end'] as const,
      registers: [registry],
    }),
    inHand: new Gauge({
      name: 'darkroom_jobs_in_hand',
      help: 'Jobs that this worker holds now.',
      registers: [registry],
    }),
    stage: new Histogram({
      name: 'darkroom_job_stage_seconds',
      help: 'Time of a job in each stage: model-load, inference, store.',
      labelNames: ['model', 'stage'] as const,
      buckets: [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300],
      registers: [registry],
    }),
  };
}
