import { expect } from 'vitest';

/** Asserts on what a condition will become, on a busy machine too. */
export const eventually = <T>(get: () => T | Promise<T>) =>
  expect.poll(get, { timeout: 60_000, interval: 20 });
