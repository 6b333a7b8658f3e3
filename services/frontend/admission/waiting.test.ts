import type { QueueView, WorkerSeen } from '@darkroom/generations';
import { describe, expect, it } from 'vitest';
import { waitingAtTheEnd, waitingOf } from './waiting.ts';

const at = (ms: number) => new Date(1_000_000 + ms).toISOString();
const record = (ms: number) => ({
  state: 'queued' as const,
  published: true,
  queuedAt: at(ms),
  model: 'pinhole',
});

const worker = (over: Partial<WorkerSeen> = {}): WorkerSeen => ({
  worker: 'w',
  models: ['pinhole'],
  state: 'ready',
  crashes: 0,
  startedAt: at(0),
  seenAt: at(0),
  ...over,
});

/** Ten wait, one a second, each of 20 steps; the view knows every place but the fourth to ninth. */
const queue: QueueView = {
  model: 'pinhole',
  length: 10,
  work: { steps: 200, pixelSteps: 200_000 },
  marks: [0, 1, 2, 9].map((position) => ({
    queuedAtMs: 1_000_000 + position * 1_000,
    position,
    pixelStepsAhead: position * 20_000,
  })),
  running: { count: 2, work: { steps: 30, pixelSteps: 30_000 } },
  pace: { pixelStepMs: { low: 0.01, typical: 0.015, high: 0.02 }, perSecond: 2 },
};

const standing = (workers: WorkerSeen[], view: QueueView = queue) => ({
  queues: new Map([[view.model, view]]),
  workers,
});

it.each([
  ['the first', 0, 0],
  ['one at a mark', 2_000, 2],
  ['one between marks, in proportion to time', 5_000, 5],
  ['the last', 9_000, 9],
  ['one that came after the view', 12_000, 10],
  ['one that came before all that is left', -1, 0],
])('places %s', (_, ms, position) => {
  expect(waitingOf(record(ms), standing([worker()]), true)?.position).toBe(position);
});

it('estimates from the work ahead, the measured pace and the workers that are ready', () => {
  const two = [worker(), worker(), worker({ state: 'loading' }), worker({ models: ['other'] })];
  expect(waitingOf(record(5_000), standing(two), true)).toEqual({
    position: 5,
    reason: 'no-capacity',
    startMs: { low: (100 * 10) / 2, high: ((100 + 30) * 20) / 2 },
  });
  expect(waitingAtTheEnd('pinhole', standing(two), true)?.startMs?.low).toBe(1_000);
});

it('estimates nothing where no generation was measured or no worker is ready', () => {
  const unmeasured = { ...queue, pace: null };
  expect(waitingOf(record(0), standing([worker()], unmeasured), true)).toMatchObject({
    reason: 'no-capacity',
    startMs: null,
  });
  expect(waitingOf(record(0), standing([]), true)?.startMs).toBeNull();
});

it('tells who asks while the broker is away that the request would not be published', () => {
  const ready = standing([worker()]);
  expect(waitingAtTheEnd('pinhole', ready, false)?.reason).toBe('not-published');
  expect(waitingAtTheEnd('pinhole', ready, true)?.reason).toBe('no-capacity');
});

describe('says why', () => {
  it.each([
    ['cold-start', []],
    ['cold-start', [worker({ models: ['other'] })]],
    ['cold-start', [worker({ state: 'draining' })]],
    ['model-loading', [worker({ state: 'loading' }), worker({ state: 'draining' })]],
    ['workers-crashing', [worker({ crashes: 2 }), worker({ state: 'loading', crashes: 3 })]],
    ['no-capacity', [worker({ crashes: 5 }), worker()]],
    ['no-capacity', [worker({ crashes: 1 })]],
  ] as const)('%s', (reason, workers) => {
    expect(waitingOf(record(0), standing([...workers]), true)?.reason).toBe(reason);
  });

  it('not-published, while the broker is away and the message was not confirmed before', () => {
    const unpublished = { ...record(0), published: false };
    expect(waitingOf(unpublished, standing([worker()]), false)?.reason).toBe('not-published');
    expect(waitingOf(unpublished, standing([worker()]), true)?.reason).toBe('no-capacity');
    expect(waitingOf(record(0), standing([worker()]), false)?.reason).toBe('no-capacity');
  });
});

it('says nothing of what does not wait, or while nothing is known', () => {
  for (const state of ['running', 'succeeded', 'failed', 'canceled'] as const) {
    expect(waitingOf({ ...record(0), state }, standing([worker()]), true)).toBeNull();
  }
  expect(waitingOf(record(0), undefined, true)).toBeNull();
});
