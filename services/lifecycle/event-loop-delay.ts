import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

/** In milliseconds, beyond the sampling interval: 0 for a loop that never keeps anyone waiting. */
export type EventLoopDelay = { p50: number; p99: number; 'p99.9': number; max: number };

export type EventLoopDelayMonitor = {
  /** The delays since the start or the last reset. */
  read(): EventLoopDelay;
  /** Forgets what was measured, the warm-up for example. */
  reset(): void;
  stop(): void;
};

/**
 * Measures how late the event loop comes to its timers.
 *
 * The histogram of `perf_hooks` counts the whole time between two ticks of a timer, so the interval
 * is taken off again. A delay that begins between two ticks is seen shorter by up to one interval.
 *
 * @param intervalMs between two samples
 */
function monitorDelay(intervalMs = 5): EventLoopDelayMonitor {
  const histogram = monitorEventLoopDelay({ resolution: intervalMs });
  histogram.enable();
  const beyondInterval = (nanoseconds: number) =>
    histogram.count === 0 ? 0 : Math.max(0, nanoseconds / 1e6 - intervalMs);
  return {
    read: () => ({
      p50: beyondInterval(histogram.percentile(50)),
      p99: beyondInterval(histogram.percentile(99)),
      'p99.9': beyondInterval(histogram.percentile(99.9)),
      max: beyondInterval(histogram.max),
    }),
    reset: () => histogram.reset(),
    stop: () => histogram.disable(),
  };
}

/**
 * Exports the event loop's delay as `darkroom_event_loop_delay_seconds{quantile}`, quantiles 0.5,
 * 0.99, 0.999 and 1 (the longest), since the start or the last `reset`.
 */
export function eventLoopDelay({ meter }: Metrics, intervalMs?: number): EventLoopDelayMonitor {
  const monitor = monitorDelay(intervalMs);
  meter
    .createObservableGauge('darkroom_event_loop_delay_seconds', {
      description: 'How late the event loop comes to its timers, by quantile; 1 is the longest.',
    })
    .addCallback((result) => {
      const { p50, p99, 'p99.9': p999, max } = monitor.read();
      result.observe(p50 / 1e3, { quantile: '0.5' });
      result.observe(p99 / 1e3, { quantile: '0.99' });
      result.observe(p999 / 1e3, { quantile: '0.999' });
      result.observe(max / 1e3, { quantile: '1' });
    });
  return monitor;
}
