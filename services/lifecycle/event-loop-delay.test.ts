import { afterEach, expect, it } from 'vitest';
import { type EventLoopDelayMonitor, eventLoopDelay } from './event-loop-delay.ts';
import { createMetrics } from './metrics.ts';

let monitor: EventLoopDelayMonitor | undefined;
afterEach(() => monitor?.stop());

const block = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

it('sees a blocked loop, exports it by quantile, and forgets it on reset', async () => {
  const registry = createMetrics();
  monitor = eventLoopDelay(registry, 2);
  const { read } = monitor;
  const longestAfterBlocking = () => {
    block(80);
    return read().max;
  };
  // A delay shows once the histogram's timer has ticked before and after it.
  await expect.poll(longestAfterBlocking, { interval: 50 }).toBeGreaterThan(60);
  expect(read().p50).toBeLessThan(60);

  const longest = Number(/quantile="1"\} (\S+)/.exec(await registry.metrics())?.[1]);
  expect(longest).toBeGreaterThan(0.06);
  expect(longest).toBeLessThan(10);

  monitor.reset();
  expect(read().max).toBe(0);
});
