import { expect, test } from 'vitest';
import { createSharedTime } from './shared-time.ts';

test('what is shared is counted once over all that share it', () => {
  let clock = 0;
  let sharers = 0;
  const time = createSharedTime(
    () => sharers,
    () => clock,
  );
  const begin = () => {
    const started = time.ms();
    sharers += 1;
    return () => {
      const got = time.ms() - started;
      sharers -= 1;
      return got;
    };
  };
  const first = begin();
  clock += 100;
  const second = begin();
  clock += 60;
  const third = begin();
  clock += 30;
  expect(third()).toBe(10);
  clock += 20;
  expect(first()).toBe(100 + 30 + 10 + 10);
  clock += 5;
  expect(second()).toBe(30 + 10 + 10 + 5);
});
