import { createClient, type DarkroomClient } from '@darkroom/client/source';
import { pinhole } from '@darkroom/pinhole';
import { progressBar, startObjectStore, startPostgres, startRabbitmq } from '@darkroom/testing';
import { type Figure, median, percentile, type Report } from './report.ts';
import { startService } from './service-processes.ts';

const WARM_UP_REQUESTS = 30;
/** Keeps the engine under 150 ms a picture on two cores. */
const STEPS = 10;

/** One request as its caller saw it, in milliseconds. */
type Sample = { total: number; queued: number; inference: number; store: number };

async function sample(client: DarkroomClient, seed: number): Promise<Sample> {
  const started = performance.now();
  const { state, error, timings } = await client.generate({
    prompt: 'a large red star on a blue background',
    seed,
    steps: STEPS,
  });
  const total = performance.now() - started;
  const { queuedMs, inferenceMs, storeMs } = timings;
  if (state !== 'succeeded' || queuedMs === null || inferenceMs === null || storeMs === null) {
    throw new Error(`the generation of seed ${seed} ended ${state}: ${error?.message ?? ''}`);
  }
  return { total, queued: queuedMs, inference: inferenceMs, store: storeMs };
}

/** Sends a request every interval, whether or not those before it are done. */
async function sampleAtPace(
  client: DarkroomClient,
  requests: number,
  intervalMs: number,
  onDone: () => void,
): Promise<Sample[]> {
  const started = performance.now();
  return Promise.all(
    Array.from({ length: requests }, async (_, i) => {
      const due = started + i * intervalMs;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      const taken = await sample(client, i);
      onDone();
      return taken;
    }),
  );
}

/**
 * Submit to result, seen by a client in a process of its own, less the engine's time and the time
 * in the queue, with one frontend, one worker, and real servers. The client shares the machine.
 */
export async function measureService(options: {
  requests: number;
  intervalMs: number;
}): Promise<Report> {
  const { requests, intervalMs } = options;
  await using cleanup = new AsyncDisposableStack();
  const [rabbitmq, postgres, objectStore] = await Promise.all([
    startRabbitmq(),
    startPostgres(),
    startObjectStore(),
  ]);
  for (const server of [rabbitmq, postgres, objectStore]) cleanup.defer(() => server.stop());
  const { location: s3 } = objectStore;
  const environment = {
    AMQP_URL: rabbitmq.url,
    DATABASE_URL: postgres.url,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    MODELS: pinhole.catalogue,
    ALLOW_ANONYMOUS: '1',
  };
  const frontend = await startService('frontend', environment);
  const worker = await startService('worker', environment);
  const client = createClient({ url: frontend.url });

  const bar = progressBar('requests', WARM_UP_REQUESTS + requests);
  await sampleAtPace(client, WARM_UP_REQUESTS, intervalMs, bar.advance);
  frontend.endWarmUp();
  worker.endWarmUp();
  const samples = await sampleAtPace(client, requests, intervalMs, bar.advance);
  bar.stop();
  const workerDelay = await worker.stop();
  const frontendDelay = await frontend.stop();

  const cost = samples.map(({ total, queued, inference }) => total - queued - inference);
  const costWithQueue = samples.map(({ total, inference }) => total - inference);
  const ms = (what: string, value: number, most?: number): Figure => ({
    what,
    value,
    unit: 'ms',
    ...(most !== undefined && { bar: { at: 'most', value: most } }),
  });
  const of = (field: keyof Sample) => samples.map((one) => one[field]);
  return {
    benchmark: 'service',
    setting: { requests, 'interval (ms)': intervalMs, workers: 1, steps: STEPS },
    figures: [
      ms('service cost, p50', median(cost), 25),
      ms('service cost, p99', percentile(cost, 0.99), 80),
      ms('engine, p50', median(of('inference')), 150),
      ms('engine, p99', percentile(of('inference'), 0.99)),
      ms('created to claimed, p50', median(of('queued'))),
      ms('created to claimed, p99', percentile(of('queued'), 0.99)),
      ms('submit to result less engine only, p50', median(costWithQueue), 25),
      ms('submit to result less engine only, p99', percentile(costWithQueue, 0.99), 80),
      ms('storing the picture, p50', median(of('store'))),
      ms('frontend event-loop delay, p99.9', frontendDelay.p999, 15),
      ms('frontend event-loop delay, longest', frontendDelay.max, 50),
      ms('worker event-loop delay, p99.9', workerDelay.p999, 15),
      ms('worker event-loop delay, longest', workerDelay.max, 50),
    ],
  };
}
