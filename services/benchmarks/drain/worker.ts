/**
 * A worker for the drain and overload benchmarks: this project's, over an engine that takes no time
 * or a set one, or a peer's. Its one argument is a `WorkerOrder` as JSON; told `start` and `stop` by
 * its parent it says `done` to each, and it ends with its parent.
 */
import process from 'node:process';
import { connectPostgresStore } from '@darkroom/generations';
import { createLogger, createMetrics } from '@darkroom/lifecycle';
import { connectRabbitmq } from '@darkroom/messaging';
import { createWorker } from '@darkroom/worker';
import { Worker as BullWorker } from 'bullmq';
import { PgBoss } from 'pg-boss';
import { QUEUE } from '../peers/queue.ts';
import { instantInference, noObjects } from './instant-inference.ts';
import type { WorkerOrder } from './worker-process.ts';

type Drainer = { start(): Promise<void>; stop(): Promise<void> };

const order: WorkerOrder = JSON.parse(process.argv[2] ?? '');

async function darkroom(order: Extract<WorkerOrder, { system: 'darkroom' }>): Promise<Drainer> {
  const { model, slots, engineMs } = order;
  const logger = createLogger({ name: 'worker', level: 'warn' });
  const store = await connectPostgresStore({ connectionString: order.databaseUrl });
  const broker = await connectRabbitmq({ url: order.amqpUrl, models: [model], logger });
  let worker: ReturnType<typeof createWorker> | undefined;
  return {
    async start() {
      worker = createWorker({
        store,
        broker,
        objects: noObjects,
        inference: instantInference(model, engineMs),
        models: [model],
        slots,
        workerId: `bench-${process.pid}`,
        logger,
        metrics: createMetrics(),
      });
      await worker.start();
    },
    stop: async () => await worker?.drain(),
  };
}

function bullmq({ host, port, slots }: Extract<WorkerOrder, { system: 'bullmq' }>): Drainer {
  const worker = new BullWorker(QUEUE, async () => 1, {
    connection: { host, port },
    concurrency: slots,
    autorun: false,
  });
  return {
    async start() {
      if (worker.isPaused()) worker.resume();
      else void worker.run();
      await worker.waitUntilReady();
    },
    stop: () => worker.pause(),
  };
}

/** One job a statement: fetch, work, complete. Its own `work` waits half a second between polls. */
async function pgBoss(order: Extract<WorkerOrder, { system: 'pg-boss' }>): Promise<Drainer> {
  // More would only wait for each other.
  const loopCount = Math.min(order.slots, 16);
  const boss = new PgBoss({ connectionString: order.databaseUrl, max: loopCount });
  boss.on('error', console.error);
  await boss.start();
  let going = false;
  let loops: Promise<unknown> = Promise.resolve();
  const loop = async () => {
    while (going) {
      const [job] = await boss.fetch(QUEUE);
      if (job === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
      else await boss.complete(QUEUE, job.id);
    }
  };
  return {
    async start() {
      going = true;
      loops = Promise.all(Array.from({ length: loopCount }, loop));
    },
    async stop() {
      going = false;
      await loops;
    },
  };
}

const drainer =
  order.system === 'darkroom'
    ? await darkroom(order)
    : order.system === 'bullmq'
      ? bullmq(order)
      : await pgBoss(order);

process.on('message', (word) => {
  void drainer[word === 'start' ? 'start' : 'stop']().then(() => process.send?.('done'));
});
process.on('disconnect', () => process.exit(0));
process.send?.('done');
