import { readdir } from 'node:fs/promises';
import process from 'node:process';
import type { MeterProvider } from '@opentelemetry/api';
import { RuntimeNodeInstrumentation } from '@opentelemetry/instrumentation-runtime-node';
import { droppedLogLines } from './log-output.ts';

/**
 * Adds the metrics of the process itself: those that Prometheus' client libraries share
 * (`process_*`), and those of Node by OpenTelemetry's names (`nodejs_*`, `v8js_*`).
 */
export function observeProcess(provider: MeterProvider): void {
  new RuntimeNodeInstrumentation().setMeterProvider(provider);
  const meter = provider.getMeter('process');
  meter
    .createObservableCounter('darkroom_log_lines_dropped_total', {
      description: 'Log lines dropped because they were not read in time.',
    })
    .addCallback((result) => result.observe(droppedLogLines()));
  meter
    .createObservableCounter('process_cpu_seconds_total', {
      description: 'User and system CPU time spent, in seconds.',
    })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
  meter
    .createObservableGauge('process_resident_memory_bytes', {
      description: 'Resident memory, in bytes.',
    })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('process_start_time_seconds', {
      description: 'When the process started, in seconds since 1970.',
    })
    .addCallback((result) => result.observe(performance.timeOrigin / 1e3));
  meter
    .createObservableGauge('process_open_fds', { description: 'Open file descriptors.' })
    .addCallback(async (result) => {
      // Linux alone has this folder.
      const descriptors = await readdir('/proc/self/fd').catch(() => undefined);
      if (descriptors !== undefined) result.observe(descriptors.length);
    });
}
