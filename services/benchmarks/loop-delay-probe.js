// Preloaded (`--import`) into a service under measurement, in plain JavaScript so that it costs
// the service nothing: samples the event loop's delay, forgets what it has on SIGUSR2, and writes
// the rest as JSON to the file LOOP_DELAY_FILE when the process exits. Children inherit neither.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';

const file = process.env.LOOP_DELAY_FILE;
delete process.env.LOOP_DELAY_FILE;
delete process.env.NODE_OPTIONS;

if (file !== undefined) {
  const resolution = 1;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  process.on('SIGUSR2', () => histogram.reset());
  process.on('exit', () => {
    // The histogram counts the whole time between two ticks of its timer.
    const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolution);
    const delay = { p999: late(histogram.percentile(99.9)), max: late(histogram.max) };
    writeFileSync(file, JSON.stringify(delay));
  });
}
