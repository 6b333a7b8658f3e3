import process from 'node:process';
import { expect, test } from 'vitest';
import { pinholeRequest, startPinhole } from '../testing/pinhole-inference.ts';

test('pictures that are made at once are each as when made alone', async () => {
  await using own = await startPinhole({ slots: 2 });
  const order: string[] = [];
  const make = (name: string, seed: number) =>
    own.generate(
      { ...pinholeRequest, seed },
      { onStep: ({ step }) => order.push(`${name}${step}`) },
    );
  const both = await Promise.all([make('a', 1), make('b', 2)]);
  expect(order.join(' ')).not.toMatch(/a12.*b1 |b12.*a1 /);
  for (const [i, { png }] of both.entries()) {
    const alone = await own.generate({ ...pinholeRequest, seed: i + 1 });
    expect(alone.png).toEqual(png);
  }
});

test('a picture that kills every child costs those beside it time, not the picture', async () => {
  await using own = await startPinhole({ slots: 3, maxRestarts: 0 });
  const neighbour = (seed: number) => own.generate({ ...pinholeRequest, seed, steps: 40 });
  const poison = own.generate(pinholeRequest, {
    onStep: () => {
      const pid = own.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    },
  });
  const neighbours = Promise.all([neighbour(1), neighbour(2)]);
  await expect(poison).rejects.toThrow(/^1 inference processes died of one picture, .*SIGKILL/);
  for (const [i, { png, restarts }] of (await neighbours).entries()) {
    expect(restarts).toBe(1);
    const alone = await own.generate({ ...pinholeRequest, seed: i + 1, steps: 40 });
    expect(png).toEqual(alone.png);
  }
});
