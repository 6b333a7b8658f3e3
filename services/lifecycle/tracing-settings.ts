import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { z } from 'zod';

const endpoint = (example: string) =>
  z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .meta({ description: 'where spans are sent by OTLP over HTTP', examples: [example] })
    .optional();

const protocol = z.enum(['http/protobuf', 'http/json'], 'must be http/protobuf or http/json').meta({
  description: 'the encoding of OTLP over HTTP',
  examples: ['OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf'],
});

const samplers = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio: number) => new TraceIdRatioBasedSampler(ratio),
};
const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/**
 * OpenTelemetry's variables that a wrong value would turn into silence. Its exporter and resource
 * detector read the others themselves: headers, time limit, compression, certificates, service name
 * and resource attributes.
 */
export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint('OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint(
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4318/v1/traces',
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol.optional(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol.optional(),
  OTEL_TRACES_EXPORTER: z
    .enum(['otlp', 'none'], 'must be otlp or none')
    .meta({ description: 'none exports no spans', examples: ['OTEL_TRACES_EXPORTER=none'] })
    .default('otlp'),
  OTEL_SDK_DISABLED: z
    .string()
    .transform((value) => value.toLowerCase() === 'true')
    .meta({ description: 'true exports no spans', examples: ['OTEL_SDK_DISABLED=true'] })
    .default(false),
  OTEL_TRACES_SAMPLER: z
    .enum(samplerNames, `must be one of ${samplerNames.join(', ')}`)
    .meta({
      description: 'which traces are exported',
      examples: ['OTEL_TRACES_SAMPLER=parentbased_traceidratio'],
    })
    .default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .transform(Number)
    .refine((ratio) => ratio >= 0 && ratio <= 1, 'must be a number from 0 to 1')
    .meta({
      description: 'the share of traces that a traceidratio sampler exports',
      examples: ['OTEL_TRACES_SAMPLER_ARG=0.1'],
    })
    .default(1),
};

type TracingConfig = z.output<z.ZodObject<typeof tracingVariables>>;

export type TracingSettings = {
  /** Of the collector's path for traces. */
  url: string;
  protocol: z.output<typeof protocol>;
  /** Unless OTEL_SERVICE_NAME says otherwise. */
  serviceName: string;
  sampler: TracingConfig['OTEL_TRACES_SAMPLER'];
  /** Of the traces, for the samplers by ratio. */
  ratio: number;
};

/** What to export where; undefined when no endpoint is configured or tracing is switched off. */
export function tracingSettings(
  config: TracingConfig,
  serviceName: string,
): TracingSettings | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base } = config;
  const url =
    config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base.replace(/\/$/, '')}/v1/traces`);
  const isOff = config.OTEL_SDK_DISABLED || config.OTEL_TRACES_EXPORTER === 'none';
  if (url === undefined || isOff) return undefined;
  return {
    url,
    protocol:
      config.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ??
      config.OTEL_EXPORTER_OTLP_PROTOCOL ??
      'http/protobuf',
    serviceName,
    sampler: config.OTEL_TRACES_SAMPLER,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
  };
}

export function samplerOf({ sampler, ratio }: TracingSettings): Sampler {
  const name = sampler.replace('parentbased_', '') as keyof typeof samplers;
  const root = samplers[name](ratio);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}
