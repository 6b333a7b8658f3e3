import { expect, it } from 'vitest';
import { embedGuidance } from './guidance.ts';

it('embeds a guidance scale as sines and cosines of the scale less 1', () => {
  expect([...embedGuidance(1, 6)]).toEqual([0, 0, 0, 1, 1, 1]);
  const embedding = embedGuidance(1.002, 4);
  // (1.002 − 1) · 1000 = 2 at frequencies 1 and 1/10000.
  const expected = [Math.sin(2), Math.sin(2e-4), Math.cos(2), Math.cos(2e-4)];
  for (const [i, value] of embedding.entries()) expect(value).toBeCloseTo(expected[i]!, 3);
});

it('leaves the last place of an odd width empty', () => {
  expect(embedGuidance(8.5, 5)[4]).toBe(0);
});
