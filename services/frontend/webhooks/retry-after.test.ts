import { expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const date = 'Thu, 01 Jan 2026 10:00:00 GMT';

it.each([
  ['seconds', { 'retry-after': '120' }, 120_000],
  ['no seconds', { 'retry-after': '0' }, 0],
  ['a date, compared with our clock', { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60_000],
  [
    "a date, compared with the receiver's clock",
    { 'retry-after': 'Thu, 01 Jan 2026 10:00:30 GMT', date },
    30_000,
  ],
  ['a date that has passed', { 'retry-after': 'Thu, 01 Jan 2026 09:00:00 GMT', date }, 0],
  ['nothing', {}, undefined],
  ['a negative number', { 'retry-after': '-5' }, undefined],
  ['neither a number nor a date', { 'retry-after': 'soon' }, undefined],
])('reads %s', (_, headers, ms) => {
  expect(retryAfterMs(headers, now)).toBe(ms);
});
