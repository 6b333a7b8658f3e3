import type { IncomingMessage } from 'node:http';
import { contextOf, noSpans, type Spans } from '@darkroom/lifecycle';
import { type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationsPaths } from './operations.ts';

/** From the arrival of its headers, before Fastify has a request. */
const spans = new WeakMap<IncomingMessage, Span>();

/**
 * Starts a request's span, in the caller's trace where there is one. Probes and scrapes are not
 * traced: they would outnumber everything else.
 *
 * @returns the trace's id, which is the request's id in the log
 */
export function startRequestSpan(request: IncomingMessage, tracer: Spans): string {
  const path = request.url?.split('?', 1)[0] ?? '';
  const isTraced = !operationsPaths.has(path);
  const span = (isTraced ? tracer : noSpans).startSpan(
    request.method ?? '',
    { kind: SpanKind.SERVER },
    contextOf(request.headers.traceparent),
  );
  spans.set(request, span);
  return span.spanContext().traceId;
}

export const spanOf = ({ raw }: FastifyRequest): Span => {
  const span = spans.get(raw);
  if (span === undefined) throw new Error('the request was not seen by startRequestSpan');
  return span;
};

/** Ends it once the answer is out. The query is left out: it is what the caller sent. */
export function endRequestSpan(request: FastifyRequest, reply: FastifyReply, route: string): void {
  const span = spanOf(request);
  if (!span.isRecording()) return;
  const { method } = request;
  const { statusCode } = reply;
  span.updateName(`${method} ${route}`);
  span.setAttributes({
    'http.request.method': method,
    'http.route': route,
    'http.response.status_code': statusCode,
    'url.scheme': request.protocol,
    'url.path': request.url.split('?', 1)[0] ?? '',
  });
  if (statusCode >= 500) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', String(statusCode));
  }
  span.end();
}
