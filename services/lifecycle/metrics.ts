import type { Meter } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import {
  AggregationTemporality,
  type CollectionResult,
  InstrumentType,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import { observeProcess } from './process-metrics.ts';

/** A service's metrics: where its parts create them, and their text for Prometheus. */
export type Metrics = {
  /** Creates counters, gauges and histograms. */
  meter: Meter;
  /** All metrics in Prometheus' text format, of the given content type. */
  metrics(): Promise<string>;
  readonly contentType: string;
};

/**
 * An OpenTelemetry meter with a provider of its own, so that two services in one process do not mix
 * their metrics. Names are written as created: they follow Prometheus' conventions.
 *
 * @param options.processMetrics memory, CPU, garbage collection, dropped log lines; once a process
 */
export function createMetrics(options: { processMetrics?: boolean } = {}): Metrics {
  const reader = new OnDemandReader();
  const provider = new MeterProvider({ readers: [reader] });
  if (options.processMetrics ?? false) observeProcess(provider);
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  let collecting: Promise<CollectionResult> | undefined;
  return {
    meter: provider.getMeter('darkroom'),
    metrics: async () => {
      // Two at once would share the observations of each gauge between them.
      collecting ??= reader.collect().finally(() => {
        collecting = undefined;
      });
      const { resourceMetrics, errors } = await collecting;
      if (errors.length > 0) throw new AggregateError(errors, 'a metric could not be read');
      return `${serializer.serialize(resourceMetrics)}\n`;
    },
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
  };
}

/** Collects when Prometheus asks, and has nothing to flush. */
class OnDemandReader extends MetricReader {
  constructor() {
    super({
      // Cumulative, an observed gauge would show what it no longer observes for ever.
      aggregationTemporalitySelector: (type) =>
        type === InstrumentType.OBSERVABLE_GAUGE
          ? AggregationTemporality.DELTA
          : AggregationTemporality.CUMULATIVE,
    });
  }

  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}
