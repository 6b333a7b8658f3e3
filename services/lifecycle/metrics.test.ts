import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

it('writes counters, gauges and histograms as Prometheus reads them', async () => {
  const { meter, metrics, contentType } = createMetrics();
  const jobs = meter.createCounter('jobs_total', { description: 'Jobs, by end.' });
  jobs.add(1, { model: 'a "b"', end: 'failed' });
  jobs.add(2, { model: 'a "b"', end: 'failed' });
  const watches = meter.createUpDownCounter('watches', { description: 'Open now.' });
  watches.add(2);
  watches.add(-2);
  meter
    .createObservableGauge('delay_seconds', { description: 'How late.' })
    .addCallback(async (result) => result.observe(0.25, { quantile: '1' }));
  meter
    .createHistogram('request_seconds', {
      description: 'Time of a request.',
      advice: { explicitBucketBoundaries: [0.5, 1] },
    })
    .record(0.75, { status: 200 });

  expect(await metrics()).toBe(`# HELP jobs_total Jobs, by end.
# TYPE jobs_total counter
jobs_total{model="a \\"b\\"",end="failed"} 3
# HELP watches Open now.
# TYPE watches gauge
watches 0
# HELP delay_seconds How late.
# TYPE delay_seconds gauge
delay_seconds{quantile="1"} 0.25
# HELP request_seconds Time of a request.
# TYPE request_seconds histogram
request_seconds_count{status="200"} 1
request_seconds_sum{status="200"} 0.75
request_seconds_bucket{status="200",le="0.5"} 0
request_seconds_bucket{status="200",le="1"} 1
request_seconds_bucket{status="200",le="+Inf"} 1

`);
  expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});

it('forgets what an observed gauge no longer names, and keeps two services apart', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  let models = ['old'];
  one.meter.createObservableGauge('model_held').addCallback((result) => {
    for (const model of models) result.observe(1, { model });
  });
  expect(await one.metrics()).toContain('model_held{model="old"} 1');
  models = ['new'];
  expect(await one.metrics()).toContain('model_held{model="new"} 1');
  expect(await one.metrics()).not.toContain('old');
  expect(await other.metrics()).not.toContain('model_held');
});

it('tells the CPU time, memory and garbage collection of the process', async () => {
  const { metrics } = createMetrics({ processMetrics: true });
  const text = await metrics();
  const value = (series: string) => Number(text.split(`\n${series} `)[1]?.split('\n')[0]);
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(10e6);
  expect(Math.abs(value('process_start_time_seconds') - Date.now() / 1e3)).toBeLessThan(3_600);
  expect(value('v8js_memory_heap_used{v8js_heap_space_name="old_space"}')).toBeGreaterThan(1e6);
});
