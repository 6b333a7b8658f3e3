import { jobMessageOf } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { contextOf, inSpan, type Spans, traceparentOf } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import { SpanKind } from '@opentelemetry/api';

/**
 * Puts a queued record on its model's queue. Whoever does so marks it published next; a crash or
 * error before leaves it for the sweep, which publishes it once more, and the claim refuses one.
 *
 * @throws DarkroomError `unavailable`
 */
export async function publishRecord(
  record: GenerationRecord,
  { broker, spans }: { broker: Broker; spans: Spans },
): Promise<void> {
  const { id, request, traceparent } = record;
  const { model } = request;
  const span = spans.startSpan(
    `send ${model}`,
    {
      kind: SpanKind.PRODUCER,
      attributes: {
        'messaging.system': broker.system,
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'messaging.destination.name': model,
        'darkroom.generation.id': id,
      },
    },
    contextOf(traceparent),
  );
  const job = { ...jobMessageOf(record), traceparent: traceparentOf(span) };
  await inSpan(span, () => broker.publishJob(job));
}
