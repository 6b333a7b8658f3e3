import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GenerationEvent, GenerationRequest } from '@darkroom/contract';
import type { GenerationRecord, GenerationStore } from '@darkroom/generations';
import { createMetrics } from '@darkroom/lifecycle';
import { type Broker, createInProcessBroker } from '@darkroom/messaging';
import { createFsStore, type ObjectStore } from '@darkroom/storage';
import { eventually } from '@darkroom/testing';
import type { Inference } from '../inference/inference-process.ts';
import { createWorker, type Worker, type WorkerOptions } from '../worker.ts';
import { pinholeRequest, readableLogger } from './pinhole-inference.ts';

export const tenant = 'tester';

/** A worker on real drivers, and what a test needs to send it jobs and see what it did. */
export type WorkerRig = AsyncDisposable & {
  worker: Worker;
  /** Starts another worker on the same drivers; closed with the block that holds it. */
  next(inference: Inference): Promise<AsyncDisposable>;
  broker: Broker;
  objects: ObjectStore;
  events: GenerationEvent[];
  /** Records and publishes a request. */
  submit(request?: Partial<GenerationRequest>): Promise<GenerationRecord>;
  publish(record: GenerationRecord): Promise<void>;
  /** The record once it is finished. */
  finished(id: string): Promise<GenerationRecord>;
  get(id: string): Promise<GenerationRecord>;
  /** How many jobs came to this end. */
  ended(end: string): Promise<number>;
};

export async function startWorkerRig(
  store: GenerationStore,
  inference: Inference,
  wrap: {
    store?: (store: GenerationStore) => Partial<GenerationStore>;
    objects?: (objects: ObjectStore) => Partial<ObjectStore>;
    leaseMs?: number;
    heartbeatMs?: number;
    storageWaitMs?: number;
    slots?: number;
  } = {},
): Promise<WorkerRig> {
  const folder = await mkdtemp(join(tmpdir(), 'worker-rig-'));
  const broker = createInProcessBroker();
  const objects = await createFsStore({ folder });
  const metrics = createMetrics();
  const events: GenerationEvent[] = [];
  await broker.subscribeEvents('all', (event) => events.push(event));
  const started = async (options: Pick<WorkerOptions, 'inference' | 'workerId' | 'metrics'>) => {
    const worker = createWorker({
      store: { ...store, ...wrap.store?.(store) },
      broker,
      objects: { ...objects, ...wrap.objects?.(objects) },
      models: ['pinhole'],
      leaseMs: wrap.leaseMs ?? 5_000,
      heartbeatMs: wrap.heartbeatMs ?? 100,
      slots: wrap.slots ?? 1,
      ...(wrap.storageWaitMs !== undefined && { storageWaitMs: wrap.storageWaitMs }),
      logger: readableLogger().logger,
      ...options,
    });
    await worker.start();
    return worker;
  };
  const worker = await started({ inference, workerId: 'worker-1', metrics });

  const get = async (id: string) => {
    const record = await store.get(tenant, id);
    if (record === undefined) throw new Error(`there is no generation ${id}`);
    return record;
  };
  const publish = async ({ id, revision, request }: GenerationRecord) => {
    await broker.publishJob({ version: 1, generationId: id, revision, model: request.model });
    await store.markPublished(id, revision);
  };
  return {
    worker,
    next: async (inference) => {
      const other = await started({ inference, workerId: 'worker-2', metrics: createMetrics() });
      return { [Symbol.asyncDispose]: other.close };
    },
    broker,
    objects,
    events,
    publish,
    get,
    submit: async (request) => {
      const { record } = await store.create({
        id: randomUUID(),
        tenant,
        request: { ...pinholeRequest, count: 1, ...request },
      });
      await publish(record);
      return record;
    },
    finished: async (id) => {
      await eventually(async () => (await get(id)).finishedAt).not.toBeNull();
      return await get(id);
    },
    ended: async (end) => {
      const count = new RegExp(`^darkroom_jobs_total\\{.*end="${end}".*\\} (\\d+)$`, 'm');
      return Number(count.exec(await metrics.metrics())?.[1] ?? 0);
    },
    [Symbol.asyncDispose]: async () => {
      await worker.close();
      await broker.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
