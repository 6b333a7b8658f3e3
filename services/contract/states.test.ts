import { expect, it } from 'vitest';
import { generationState, isTerminal, stateEdges } from './states.ts';

it('ends in succeeded, failed or canceled, and no edge leaves these', () => {
  const ends = generationState.options.filter(isTerminal);
  expect(ends).toEqual(['succeeded', 'failed', 'canceled']);
});

it('leads from queued to every other state', () => {
  const reached = new Set(['queued']);
  for (const state of reached) {
    for (const next of stateEdges[state as keyof typeof stateEdges]) reached.add(next);
  }
  expect([...reached].sort()).toEqual([...generationState.options].sort());
});
