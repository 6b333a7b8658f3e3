import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { expect, it } from 'vitest';
import { contextOf, noSpans, traceparentOf, within } from './trace.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const header = `00-${traceId}-00f067aa0ba902b7-01`;

it('reads later versions, which may have more fields', () => {
  const context = contextOf(`cc-${traceId}-00f067aa0ba902b7-00-more`);
  expect(trace.getSpanContext(context)).toMatchObject({ traceId, traceFlags: 0, isRemote: true });
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
  expect(contextOf(value)).toBe(ROOT_CONTEXT);
  const span = noSpans.startSpan('any', {}, contextOf(value));
  expect(traceparentOf(span)).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/);
});

it("hands the caller's context on as it came where no spans are exported", () => {
  for (const traceparent of [header, header.replace(/01$/, '00')]) {
    const span = noSpans.startSpan('any', {}, contextOf(traceparent));
    expect(traceparentOf(noSpans.startSpan('below', {}, within(span)))).toBe(traceparent);
    expect(span.isRecording()).toBe(false);
  }
});
