import { schedulers } from '@darkroom/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pinholeRequest, startPinhole } from './testing/pinhole-inference.ts';

let pinhole: Awaited<ReturnType<typeof startPinhole>>;
beforeAll(async () => {
  pinhole = await startPinhole();
});
afterAll(() => pinhole.close());

const schedulerNames = Object.keys(schedulers) as (keyof typeof schedulers)[];

test.each(schedulerNames)(
  'the engine has %s, and Karras noise levels for it where the contract says so',
  async (scheduler) => {
    const { karras } = schedulers[scheduler];
    const make = (asked: boolean) =>
      pinhole.generate({ ...pinholeRequest, scheduler, karras: asked, steps: 4 });
    expect(await make(false)).toMatchObject({ width: 64 });
    if (karras) expect(await make(true)).toMatchObject({ width: 64 });
    else await expect(make(true)).rejects.toMatchObject({ code: 'MODEL' });
  },
);

test('what is run is counted in steps where a scheduler calls the model twice a step', async () => {
  const calls: string[] = [];
  const steps: number[] = [];
  await pinhole.generate(
    { ...pinholeRequest, scheduler: 'heun', steps: 5 },
    {
      onStep: (state) => calls.push(`${state.step} of ${state.steps}`),
      onRan: (ran) => steps.push(ran.steps),
    },
  );
  expect(calls.at(-1)).toBe('9 of 9');
  expect(steps).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 5, 5]);
});
