import { randomUUID } from 'node:crypto';

/** Where one piece of work belongs in a W3C trace. */
export type TraceContext = {
  /** 32 hexadecimal digits, the same through HTTP, AMQP and the engine. */
  traceId: string;
  /** 16 hexadecimal digits, of the span that is running. */
  spanId: string;
  sampled: boolean;
};

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a `traceparent` header (W3C Trace Context, level 1); undefined when absent or not valid, and
 * then a new trace begins.
 */
export function parseTraceparent(header: unknown): TraceContext | undefined {
  if (typeof header !== 'string') return undefined;
  const match = TRACEPARENT.exec(header.trim());
  if (match === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  // Version 00 has exactly four fields; later ones may add to them; ff is never valid.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Goes on with the caller's trace where there is a valid one, else begins one. */
export function startTrace(traceparent?: unknown): TraceContext {
  const parent = parseTraceparent(traceparent);
  return parent === undefined
    ? { traceId: newTraceId(), spanId: newSpanId(), sampled: true }
    : childSpan(parent);
}

/** A new span of the same trace. */
export const childSpan = (parent: TraceContext): TraceContext => ({
  ...parent,
  spanId: newSpanId(),
});

/** The header value that hands this span on. */
export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;

/** Never all zeros. Node draws the randomness of many UUIDs at once, that of bytes anew each time. */
const newTraceId = (): string => randomUUID().replaceAll('-', '');

const newSpanId = (): string => newTraceId().slice(16);
