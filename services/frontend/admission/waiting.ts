import type { Waiting } from '@darkroom/contract';
import type { GenerationRecord, QueueView, WorkerSeen } from '@darkroom/generations';
import type { Standing } from './queue-views.ts';

/** Later than any record. */
const END_OF_TIME = '9999-12-31T00:00:00.000Z';

/** Losses of its engine in the last minutes that tell a worker in trouble from an accident. */
const TROUBLE = 2;

/** Where a queued generation stands, why, and when it may begin; null for any other. */
export function waitingOf(
  record: Pick<GenerationRecord, 'state' | 'published' | 'queuedAt'> & { model: string },
  standing: Standing | undefined,
  brokerIsReady: boolean,
): Waiting | null {
  if (record.state !== 'queued' || standing === undefined) return null;
  const { model } = record;
  const queue = standing.queues.get(model);
  const workers = standing.workers.filter(({ models }) => models.includes(model));
  const { position, pixelSteps } = placeIn(queue, Date.parse(record.queuedAt));
  const reason = !record.published && !brokerIsReady ? 'not-published' : reasonOf(workers);
  const startMs = reason === 'no-capacity' ? startOf(pixelSteps, queue, readyOf(workers)) : null;
  return { position, reason, startMs };
}

const readyOf = (workers: readonly WorkerSeen[]) =>
  workers.filter(({ state }) => state === 'ready').length;

function reasonOf(workers: readonly WorkerSeen[]): Waiting['reason'] {
  const staying = workers.filter(({ state }) => state !== 'draining');
  if (staying.length === 0) return 'cold-start';
  if (staying.every(({ crashes }) => crashes >= TROUBLE)) return 'workers-crashing';
  return readyOf(staying) === 0 ? 'model-loading' : 'no-capacity';
}

/** Generations and work ahead; between two marks of the view, in proportion to time. */
function placeIn(queue: QueueView | undefined, queuedAtMs: number) {
  const marks = queue?.marks ?? [];
  const index = marks.findLastIndex((mark) => mark.queuedAtMs <= queuedAtMs);
  const [mark, next] = [marks[index], marks[index + 1]];
  if (mark === undefined || queue === undefined) return { position: 0, pixelSteps: 0 };
  if (mark.queuedAtMs === queuedAtMs) {
    return { position: mark.position, pixelSteps: mark.pixelStepsAhead };
  }
  // Younger than the view: behind all that is in it.
  if (next === undefined) return { position: queue.length, pixelSteps: queue.work.pixelSteps };
  const share = (queuedAtMs - mark.queuedAtMs) / (next.queuedAtMs - mark.queuedAtMs);
  const between = (a: number, b: number) => Math.round(a + share * (b - a));
  return {
    position: between(mark.position, next.position),
    pixelSteps: between(mark.pixelStepsAhead, next.pixelStepsAhead),
  };
}

function startOf(
  pixelSteps: number,
  queue: QueueView | undefined,
  ready: number,
): Waiting['startMs'] {
  const pace = queue?.pace ?? null;
  if (pace === null) return null;
  const running = queue?.running.work.pixelSteps ?? 0;
  return {
    low: Math.round((pixelSteps * pace.pixelStepMs.low) / ready),
    high: Math.round(((pixelSteps + running) * pace.pixelStepMs.high) / ready),
  };
}

/** What a request made now would see. */
export const waitingAtTheEnd = (
  model: string,
  standing: Standing | undefined,
  brokerIsReady: boolean,
): Waiting | null =>
  waitingOf(
    { state: 'queued', published: brokerIsReady, queuedAt: END_OF_TIME, model },
    standing,
    brokerIsReady,
  );
