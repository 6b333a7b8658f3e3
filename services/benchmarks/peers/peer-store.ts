import { totalSteps } from '@darkroom/contract';
import type { FrontendServices } from '@darkroom/frontend';
import type { GenerationRecord, NewGeneration } from '@darkroom/generations';

/** Where a peer puts a job; resolves when it has it as safely as it can. */
export type Enqueue = (input: NewGeneration) => Promise<void>;

/** As much of a record as an answer to `create` shows. */
const toRecord = (input: NewGeneration): GenerationRecord => ({
  id: input.id,
  tenant: input.tenant,
  request: input.request,
  state: 'queued',
  revision: 1,
  published: true,
  attempt: 0,
  cancelRequested: false,
  progress: { step: 0, steps: totalSteps(input.request) },
  images: [],
  error: null,
  timings: { queuedMs: null, modelLoadMs: null, inferenceMs: null, storeMs: null },
  createdAt: new Date().toISOString(),
  queuedAt: new Date().toISOString(),
  finishedAt: null,
  traceparent: input.traceparent ?? null,
  deadline: input.deadline ?? null,
  receipt: null,
  evidence: [],
  redriveOf: null,
  truncated: [],
  checkpoint: null,
});

/** Everything of the frontend's that `generations.create` uses, over somebody else's queue. */
export function peerServices(
  enqueue: Enqueue,
): Pick<FrontendServices, 'store' | 'broker' | 'objects'> {
  const store: Partial<FrontendServices['store']> = {
    async create(input) {
      await enqueue(input);
      return { record: toRecord(input), created: true };
    },
    async markPublished() {},
    countActive: async () => [],
    async check() {},
  };
  const broker: FrontendServices['broker'] = {
    async publishJob() {},
    countJobs: async () => 0,
    consumeJobs: async () => ({ async stop() {} }),
    publishEvent() {},
    subscribeEvents: async () => ({ async stop() {} }),
    system: 'in_process',
    followEvents: async () => ({ async stop() {}, async follow() {}, unfollow() {} }),
    isReady: () => true,
    async close() {},
  };
  const objects: Partial<FrontendServices['objects']> = { async check() {} };
  return {
    store: store as FrontendServices['store'],
    broker,
    objects: objects as FrontendServices['objects'],
  };
}
