import { type Spans, within } from '@darkroom/lifecycle';
import type { Span } from '@opentelemetry/api';
import type { Ran } from './inference/protocol.ts';

/**
 * Spans for what the engine tells while it makes a picture. The engine's process has no network, so
 * its parent draws them: as long as the engine's own clock says, and ending when the parent hears.
 *
 * A span is called `steps` and covers those since the one before, because steps faster than
 * `stepIntervalMs` are told together: at most ten spans a second. The first also covers the text
 * encoder. What follows the last step is called `decode picture`; where the last steps are told only
 * with the picture, their span covers the decoding.
 */
export function traceSteps(spans: Spans, picture: Span): { ran(ran: Ran): void } {
  let last: Ran = { steps: 0, engineMs: 0 };
  let lastEnd = 0;
  return {
    ran: (ran) => {
      const steps = ran.steps - last.steps;
      const ms = ran.engineMs - last.engineMs;
      const from = last.steps + 1;
      last = ran;
      if (!picture.isRecording() || ms <= 0) return;
      const endTime = performance.timeOrigin + performance.now();
      const startTime = Math.max(lastEnd, endTime - ms);
      lastEnd = endTime;
      const attributes = { 'darkroom.step.first': from, 'darkroom.step.last': ran.steps };
      spans
        .startSpan(
          steps > 0 ? 'steps' : 'decode picture',
          { startTime, ...(steps > 0 && { attributes }) },
          within(picture),
        )
        .end(endTime);
    },
  };
}
