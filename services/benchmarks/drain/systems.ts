import { randomUUID } from 'node:crypto';
import type { GenerationRequest } from '@darkroom/contract';
import { connectPostgresStore, type NewGeneration } from '@darkroom/generations';
import { connectRabbitmq } from '@darkroom/messaging';
import { Queue } from 'bullmq';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { QUEUE } from '../peers/queue.ts';
import type { WorkerOrder } from './worker-process.ts';

/** A queue to be drained: where jobs come from, and how many are done. */
export type DrainedSystem = {
  name: string;
  order: WorkerOrder;
  /** Puts jobs on the queue, in whatever way is fastest. */
  fill(jobs: number): Promise<void>;
  /** Jobs done since the beginning. */
  done(): Promise<number>;
  close(): Promise<void>;
};

export const request: GenerationRequest = {
  model: 'pinhole',
  prompt: 'a large red star on a blue background',
  negativePrompt: '',
  seed: 7,
  steps: 20,
  guidanceScale: 1.5,
  scheduler: 'ddim',
  width: 64,
  height: 64,
  count: 1,
};

const newInput = (): NewGeneration => ({ id: randomUUID(), tenant: 'default', request });

async function inParts(jobs: number, put: (inputs: NewGeneration[]) => Promise<unknown>) {
  const part = 1_000;
  for (let done = 0; done < jobs; done += part) {
    await put(Array.from({ length: Math.min(part, jobs - done) }, newInput));
  }
}

export async function darkroomSystem(options: {
  amqpUrl: string;
  databaseUrl: string;
  slots: number;
}): Promise<DrainedSystem> {
  const { amqpUrl, databaseUrl, slots } = options;
  const store = await connectPostgresStore({ connectionString: databaseUrl });
  const broker = await connectRabbitmq({ url: amqpUrl, models: [request.model] });
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const { model } = request;
  return {
    name: 'darkroom',
    order: { system: 'darkroom', amqpUrl, databaseUrl, slots, model, engineMs: 0 },
    fill: (jobs) =>
      inParts(jobs, (inputs) =>
        Promise.all(
          inputs.map(async (input) => {
            const { record } = await store.create(input);
            const { id: generationId, revision } = record;
            await broker.publishJob({ version: 1, generationId, revision, model });
            await store.markPublished(generationId, revision);
          }),
        ),
      ),
    async done() {
      const { rows } = await pool.query<{ done: number }>(
        "select count(*)::int as done from generations where state = 'succeeded'",
      );
      return rows[0]?.done ?? 0;
    },
    async close() {
      await Promise.all([store.close(), broker.close(), pool.end()]);
    },
  };
}

export async function bullmqSystem(options: {
  name: string;
  host: string;
  port: number;
  slots: number;
}): Promise<DrainedSystem> {
  const { name, host, port, slots } = options;
  const queue = new Queue(QUEUE, { connection: { host, port } });
  return {
    name,
    order: { system: 'bullmq', host, port, slots },
    fill: (jobs) =>
      inParts(jobs, (inputs) =>
        queue.addBulk(inputs.map((data) => ({ name: 'generation', data }))),
      ),
    done: () => queue.getCompletedCount(),
    close: () => queue.close(),
  };
}

export async function pgBossSystem(options: {
  databaseUrl: string;
  slots: number;
}): Promise<DrainedSystem> {
  const { databaseUrl, slots } = options;
  const boss = new PgBoss(databaseUrl);
  boss.on('error', console.error);
  await boss.start();
  await boss.createQueue(QUEUE);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  return {
    name: 'pg-boss',
    order: { system: 'pg-boss', databaseUrl, slots },
    fill: (jobs) =>
      inParts(jobs, (inputs) =>
        boss.insert(
          QUEUE,
          inputs.map((data) => ({ data })),
        ),
      ),
    async done() {
      const { rows } = await pool.query<{ done: number }>(
        "select count(*)::int as done from pgboss.job where name = $1 and state = 'completed'",
        [QUEUE],
      );
      return rows[0]?.done ?? 0;
    },
    async close() {
      await boss.stop();
      await pool.end();
    },
  };
}
