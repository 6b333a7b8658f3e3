import { expect, test } from 'vitest';
import { faultKinds } from './faults/index.ts';
import { connectionBlips } from './faults/network.ts';
import { drawLoad } from './load.ts';
import { drawFaults } from './schedule.ts';

const draw = (seed: number, faults: number) =>
  drawFaults({ seed, faults, seconds: 960, kinds: faultKinds });

test('a seed repeats its faults, another draws others', () => {
  expect(draw(1, 300)).toEqual(draw(1, 300));
  expect(draw(1, 300)).not.toEqual(draw(2, 300));
});

test('as many faults as were asked for, of every kind, in order and over the whole time', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const faults = draw(seed, 300);
    expect(faults).toHaveLength(300);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(
      new Set(faultKinds.map(({ name }) => name)),
    );
    const times = faults.map(({ atSeconds }) => atSeconds);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeLessThan(10);
    expect(times.at(-1)).toBeGreaterThan(950);
    expect(times.at(-1)).toBeLessThan(960);
  }
});

test('each fault hits one of its kind, for as long as its kind may last', () => {
  for (const { kind, target, forSeconds } of draw(1, 300)) {
    const { targets, seconds } = faultKinds.find(({ name }) => name === kind) ?? faultKinds[0]!;
    expect(targets).toContain(target);
    expect(forSeconds).toBeGreaterThanOrEqual(seconds[0]);
    expect(forSeconds).toBeLessThanOrEqual(seconds[1]);
  }
});

test('the database is set back once a run, for what is accepted after a backup is no proof', () => {
  const restores = draw(1, 300).filter(({ kind }) => kind === 'database restored');
  expect(restores).toHaveLength(1);
});

test('cuts of a link that leases depend on last 50 ms to 20 s, the short ones most often', () => {
  const cuts = draw(1, 1_000).filter(({ kind }) => kind.startsWith('blip'));
  expect(new Set(cuts.map(({ target }) => target))).toContain('worker-1→postgres');
  const seconds = cuts.map(({ forSeconds }) => forSeconds);
  expect(Math.min(...seconds)).toBeLessThan(0.1);
  expect(Math.max(...seconds)).toBeGreaterThan(15);
  expect(seconds.filter((each) => each < 1).length).toBeGreaterThan(seconds.length * 0.4);
});

test('a fault hits what no other has hit just before it, where there is such a target', () => {
  const faults = drawFaults({ seed: 1, faults: 200, seconds: 2_000, kinds: connectionBlips });
  const together = faults.filter(({ target, atSeconds }, place) =>
    faults
      .slice(0, place)
      .some((other) => other.target === target && other.atSeconds + other.forSeconds > atSeconds),
  );
  expect(together).toEqual([]);
});

test('a run with few faults has no more than those', () => {
  expect(draw(1, 2)).toHaveLength(2);
});

const ordinary = { steps: 1, long: 0.1, longCount: 1 };

test('a seed repeats its load, which has requests of every sort', () => {
  const load = drawLoad(1, 500, ordinary);
  expect(drawLoad(1, 500, ordinary)).toEqual(load);
  expect(new Set(load.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(500);
  expect(load.filter(({ cancelAfterMs }) => cancelAfterMs !== undefined).length).toBeGreaterThan(5);
  expect(load.filter(({ watched }) => watched).length).toBeGreaterThan(5);
  // Few different ones, so that the same come to the same bits again and again.
  expect(new Set(load.map(({ input }) => JSON.stringify(input))).size).toBeLessThan(130);
});

test('one request in ten has 20 to 150 steps', () => {
  const steps = drawLoad(1, 5_000, ordinary)
    .map(({ input }) => Number(input['steps']))
    .filter((each) => each >= 20 && each <= 150);
  expect(steps.length).toBeGreaterThan(450);
  expect(steps.length).toBeLessThan(550);
  expect(new Set(steps)).toContain(20);
  expect(new Set(steps)).toContain(150);
});
