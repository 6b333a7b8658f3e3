import { expect, it } from 'vitest';
import { createTurns } from './turns.ts';

it('runs a few tasks in each turn, in their order, and lets others run in between', async () => {
  const run = createTurns(10);
  const ran: string[] = [];
  const tasks = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => () => void ran.push(`${name}${i}`));
  run(tasks('a', 25));
  run(tasks('b', 5));
  expect(ran).toEqual([]);
  const seen: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise(setImmediate);
    seen.push(ran.length);
  }
  expect(seen).toEqual([10, 20, 30, 30]);
  expect(ran.slice(23)).toEqual(['a23', 'a24', 'b0', 'b1', 'b2', 'b3', 'b4']);
  run(tasks('c', 1));
  await new Promise(setImmediate);
  expect(ran.at(-1)).toBe('c0');
});
