import { expect, it } from 'vitest';
import { childSpan, formatTraceparent, parseTraceparent, startTrace } from './trace.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const header = `00-${traceId}-00f067aa0ba902b7-01`;

it('reads a header and writes the same one', () => {
  const context = parseTraceparent(header);
  expect(context).toEqual({ traceId, spanId: '00f067aa0ba902b7', sampled: true });
  expect(context && formatTraceparent(context)).toBe(header);
});

it('reads later versions, which may have more fields', () => {
  expect(parseTraceparent(`cc-${traceId}-00f067aa0ba902b7-00-more`)).toMatchObject({
    traceId,
    sampled: false,
  });
});

it.each([
  undefined,
  ['an array'],
  '',
  'nonsense',
  `ff-${traceId}-00f067aa0ba902b7-01`,
  `00-${traceId}-00f067aa0ba902b7-01-more`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  header.toUpperCase(),
])('begins a new trace instead of %j', (value) => {
  expect(parseTraceparent(value)).toBeUndefined();
  expect(startTrace(value).traceId).not.toBe(traceId);
  expect(parseTraceparent(formatTraceparent(startTrace(value)))).toBeDefined();
});

it("stays in the caller's trace with a span of its own", () => {
  const span = startTrace(header);
  expect(span.traceId).toBe(traceId);
  expect(span.spanId).not.toBe('00f067aa0ba902b7');
  const child = childSpan(span);
  expect(child.traceId).toBe(traceId);
  expect(child.spanId).not.toBe(span.spanId);
});
