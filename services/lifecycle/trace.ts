import {
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { RandomIdGenerator } from '@opentelemetry/sdk-trace';

/** Starts spans. The parent is always an argument: there is no active span. */
export type Spans = Pick<Tracer, 'startSpan'>;

/**
 * The context of the span that a `traceparent` names (W3C Trace Context); the root when it is absent
 * or not valid, so that a new trace begins.
 */
export function contextOf(traceparent: unknown): Context {
  const parent = typeof traceparent === 'string' ? parseTraceParent(traceparent.trim()) : null;
  return parent === null
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

/** The context in which this span is the parent. */
export const within = (span: Span): Context => trace.setSpan(ROOT_CONTEXT, span);

/** The `traceparent` that makes this span the parent in another process. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
}

/** Runs `work` and ends the span with it; an error marks the span and is thrown on. */
export async function inSpan<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    markFailed(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Without the error's text, which may name hosts and users: the log has it under the trace's id. */
export function markFailed(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
}

const ids = new RandomIdGenerator();

/**
 * Where no spans are exported: a span is its parent, so that the caller's trace goes on through this
 * process, and without a parent it has a trace id of its own, for the log, and is not sampled.
 */
export const noSpans: Spans = {
  startSpan: (_name: string, _options?: SpanOptions, context: Context = ROOT_CONTEXT) => {
    const parent = trace.getSpanContext(context);
    if (parent !== undefined && isSpanContextValid(parent)) return trace.wrapSpanContext(parent);
    return trace.wrapSpanContext({
      traceId: ids.generateTraceId(),
      spanId: ids.generateSpanId(),
      traceFlags: TraceFlags.NONE,
    });
  },
};
