import type { IncomingHttpHeaders } from 'node:http';

/**
 * How long an answer asks its caller to wait, in milliseconds from now; undefined where it does not
 * say. A date is compared with the answer's own `Date`, so that the clocks need not agree.
 * https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfterMs(headers: IncomingHttpHeaders, now = Date.now()): number | undefined {
  const told = headers['retry-after']?.trim() ?? '';
  if (/^\d+$/.test(told)) return Number(told) * 1_000;
  // Every form of an HTTP date ends so, and without it `Date.parse` takes almost anything.
  const at = told.endsWith('GMT') ? Date.parse(told) : Number.NaN;
  if (Number.isNaN(at)) return undefined;
  const answered = Date.parse(headers.date ?? '');
  return Math.max(0, at - (Number.isNaN(answered) ? now : answered));
}
