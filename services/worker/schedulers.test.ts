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
