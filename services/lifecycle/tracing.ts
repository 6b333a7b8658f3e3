import { withTimeLimit } from '@darkroom/timing';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.ts';
import { noSpans, type Spans } from './trace.ts';
import { samplerOf, type TracingSettings } from './tracing-settings.ts';

export type Tracing = {
  spans: Spans;
  /** Exports what has ended, for at most two seconds. */
  close(): Promise<void>;
};

/** How long a process that ends waits for the collector. */
const CLOSE_LIMIT_MS = 2_000;

/**
 * Exports spans over OTLP in batches; without settings, exports nothing and costs next to nothing.
 * What the collector does not take is dropped: at most 2,048 spans wait.
 *
 * @param settings from `tracingSettings`
 */
export function startTracing(settings: TracingSettings | undefined, logger: Logger): Tracing {
  if (settings === undefined) return { spans: noSpans, close: async () => {} };
  const { url, protocol, serviceName } = settings;
  const exporter =
    protocol === 'http/json' ? new JsonExporter({ url }) : new ProtobufExporter({ url });
  const provider = new TracerProvider({
    // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before our own name.
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': serviceName }))
      .merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })),
    sampler: samplerOf(settings),
    spanProcessors: [new BatchSpanProcessor({ exporter: tellingFailures(exporter, logger) })],
  });
  return {
    spans: provider.getTracer('darkroom'),
    close: async () => {
      const late = () => new Error(`spans were not exported within ${CLOSE_LIMIT_MS} ms`);
      // What goes wrong in it, the exporter has logged.
      await withTimeLimit(provider.shutdown(), { ms: CLOSE_LIMIT_MS, late }).catch(() => {});
    },
  };
}

/** Logs when spans begin to be lost and when they are taken again, not each batch. */
function tellingFailures(exporter: SpanExporter, logger: Logger): SpanExporter {
  let failing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined || result.code !== 0;
        if (failed && !failing) {
          logger.warn({ err: result.error }, 'spans cannot be exported and are dropped');
        } else if (!failed && failing) logger.info('spans are exported again');
        failing = failed;
        done(result);
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
