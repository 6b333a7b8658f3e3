import type { RunState } from '@darkroom/diffusion';
import { expect, it } from 'vitest';
import { stepsDone } from './steps-done.ts';

const state = (step: number, steps: number) => ({ step, steps }) as RunState;

it('counts the steps of a run whose model is called once a step', () => {
  expect([1, 2, 3].map((call) => stepsDone(state(call, 3), 3))).toEqual([1, 2, 3]);
});

it('counts whole steps where the model is called more often, and all at the end', () => {
  // Heun: two calls a step, but for the last.
  expect([1, 2, 3, 4, 5].map((call) => stepsDone(state(call, 5), 3))).toEqual([0, 1, 1, 2, 3]);
});

it('is nothing before the first call', () => {
  expect(stepsDone(undefined, 3)).toBe(0);
});
