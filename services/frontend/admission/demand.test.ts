import type { QueueView, WorkerSeen } from '@darkroom/generations';
import { expect, it } from 'vitest';
import { demandOf, loadsOf } from './demand.ts';

const queue: QueueView = {
  model: 'pinhole',
  length: 3,
  work: { steps: 60, pixelSteps: 60_000 },
  marks: [],
  running: { count: 1, work: { steps: 5, pixelSteps: 5_000 } },
  pace: { pixelStepMs: { low: 0.01, typical: 0.02, high: 0.09 }, perSecond: 2 },
};

it('weighs what waits and what runs by its steps, their pixels and the measured pace', () => {
  const seconds = 65_000 * 0.02e-3;
  expect(demandOf('pinhole', queue)).toEqual({ model: 'pinhole', queued: 3, running: 1, seconds });
});

it('counts a stated time for each step before anything was measured', () => {
  expect(demandOf('pinhole', { ...queue, pace: null }).seconds).toBe(6.5);
});

it('is above nothing while there is anything to do, however little', () => {
  const pace = { pixelStepMs: { low: 0, typical: 1e-9, high: 0 }, perSecond: 2 };
  expect(demandOf('pinhole', { ...queue, pace }).seconds).toBe(0.001);
});

it('is nothing for a model that nobody has asked for', () => {
  expect(demandOf('other', undefined)).toEqual({
    model: 'other',
    queued: 0,
    running: 0,
    seconds: 0,
  });
});

it('lists idle workers, busy ones, and those whose word was not heard but who hold a job', () => {
  const seen = (worker: string, ...models: string[]): WorkerSeen => ({
    worker,
    models,
    state: 'ready',
    crashes: 0,
    startedAt: '2026-01-01T00:00:00.000Z',
    seenAt: '2026-01-01T00:00:00.000Z',
  });
  const held = { models: ['pinhole'], jobs: 1, stepsDone: 12, stepsLeft: 8 };
  const loads = loadsOf(
    [seen('b', 'pinhole', 'other'), seen('c', 'pinhole')],
    [
      { worker: 'c', ...held },
      { worker: 'a', ...held },
    ],
  );
  const busy = { model: 'pinhole', jobs: 1, stepsDone: 12, stepsLeft: 8 };
  expect(loads).toEqual([
    { worker: 'a', ...busy },
    { worker: 'b', model: 'pinhole,other', jobs: 0, stepsDone: 0, stepsLeft: 0 },
    { worker: 'c', ...busy },
  ]);
});
